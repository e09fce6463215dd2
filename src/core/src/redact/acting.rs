//! Actions: the stream equals the whole, and a stricter mix shows no more.
#![expect(clippy::arithmetic_side_effects, reason = "on constants and generated text")]

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 8] =
    ["code", "letters", "tail", "email", "card", "phone", "openai", "private_key"];
const KEY: [u8; 32] = [7; 32];

fn detectors(names: &[&str], actions: &[(&str, Action)]) -> Detectors {
    let own = [("code", "EMP-[0-9]{6}"), ("letters", "[a-zé]{8,12}"), ("tail", r"[0-9]{4} end\b")];
    let own = own.into_iter().filter(|(name, _)| names.contains(name));
    let own = own.map(|(name, pattern)| (name.to_owned(), Pattern::new(pattern).unwrap()));
    let actions = actions.iter().copied().filter(|(name, _)| names.contains(name));
    Detectors::new(names.iter().copied(), own.collect()).acting(actions, Some(&KEY)).unwrap()
}

struct Outcome {
    out: Vec<u8>,
    tally: Tally,
}

fn stream<'t>(rules: &Rules, pieces: impl IntoIterator<Item = &'t [u8]>) -> Outcome {
    let (mut channel, mut tally, mut out) = (Channel::default(), Tally::default(), Vec::new());
    for piece in pieces {
        channel.plain(rules, piece, &mut tally, &mut out);
    }
    channel.finish(rules, &mut tally, &mut out);
    assert_eq!(channel.held(), 0);
    Outcome { out, tally }
}

fn masked(actions: &[(&str, Action)], text: &str) -> String {
    let rules = Rules::new(detectors(&NAMES, actions));
    String::from_utf8(stream(&rules, [text.as_bytes()]).out).unwrap()
}

#[test]
fn each_action_leaves_what_it_says() {
    for (actions, text, expected) in [
        (
            vec![("card", Action::Partial(4))],
            "card 4111 1111 1111 1234 or 4111 1111 1111 1111.",
            "card 4111 1111 1111 1234 or [masked:card:1111].",
        ),
        (vec![("code", Action::Drop)], "for EMP-123456, EMP-1", "for , EMP-1"),
        (vec![("code", Action::Block)], "for EMP-123456, EMP-1", "for "),
        // A character is shown as a whole, and what would need an escape is not shown.
        (
            vec![("letters", Action::Partial(4))],
            "aaaaaaéé aaaaaéaé",
            "[masked:letters:éé] [masked:letters:aé]",
        ),
        (vec![("letters", Action::Partial(3))], "aaaaaaéé", "[masked:letters:é]"),
        // The strictest of those that touch.
        (
            vec![("code", Action::Partial(4)), ("tail", Action::Partial(2))],
            "EMP-123456 end",
            "[masked:tail:nd]",
        ),
        (vec![("code", Action::Partial(4))], "EMP-123456 end", "[masked:tail]"),
        (vec![("tail", Action::Drop)], "EMP-123456 end.", "."),
        (vec![("tail", Action::Drop)], "EMP-123456 ending.", "[masked:code] ending."),
        (vec![("tail", Action::Block)], "x EMP-123456 end.", "x "),
    ] {
        assert_eq!(masked(&actions, text), expected, "{text} {actions:?}");
    }
}

#[test]
fn the_same_text_has_the_same_hash() {
    let hash = [("email", Action::Hash), ("code", Action::Hash)];
    // By `printf %s bob@example.com | openssl dgst -sha256 -mac hmac -macopt hexkey:` and 32 times `07`.
    let bob = "[email:d8c0c77537d81a8d]";
    assert_eq!(masked(&hash, "to bob@example.com, bob@example.com"), format!("to {bob}, {bob}"));
    let rules = Rules::new(detectors(&NAMES, &hash));
    let mut json = Masker::new(std::sync::Arc::new(rules), Kind::Json);
    let mut out = Vec::new();
    for piece in br#"{"a":"bob\u0040example.com","b":"bob@example.com","c":"EMP-123456"}"#.chunks(3)
    {
        json.feed(piece, &mut out).unwrap();
    }
    json.finish(&mut out).unwrap();
    let code = masked(&hash, "EMP-123456");
    assert!(code.starts_with("[code:") && code.len() == "[code:]".len() + 16);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        format!(r#"{{"a":"{bob}","b":"{bob}","c":"{code}"}}"#)
    );
}

#[test]
fn what_is_shown_is_safe_in_a_string() {
    let pattern = Pattern::new("Q[^Q]{4}!").unwrap();
    let own = vec![("own".to_owned(), pattern)];
    let detectors = Detectors::new([], own).acting([("own", Action::Partial(3))], None).unwrap();
    let rules = std::sync::Arc::new(Rules::new(detectors));
    for (text, expected) in [
        (r#"["Qab\"\\!"]"#, r#"["[masked:own:**!]"]"#),
        (r#"["Qab\n\u0000!"]"#, r#"["[masked:own:**!]"]"#),
        (r#"["Qabc\u00e9!"]"#, r#"["[masked:own:é!]"]"#),
        (r#"["Qabc\ud83d\ude00!"]"#, r#"["[masked:own:!]"]"#),
    ] {
        let mut out = Vec::new();
        let mut json = Masker::new(std::sync::Arc::clone(&rules), Kind::Json);
        json.feed(text.as_bytes(), &mut out).unwrap();
        json.finish(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert!(serde_json::from_str::<Vec<String>>(expected).is_ok());
    }
}

#[test]
fn nothing_goes_on_behind_what_blocks() {
    let rules = std::sync::Arc::new(Rules::new(detectors(&NAMES, &[("code", Action::Block)])));
    let text = br#"{"a":"x EMP-123456 y","b":[1,"z"]}"#;
    for size in 1..=text.len() {
        let mut json = Masker::new(std::sync::Arc::clone(&rules), Kind::Json);
        let mut out = Vec::new();
        let fed: Result<Vec<()>, Stop> =
            text.chunks(size).map(|piece| json.feed(piece, &mut out)).collect();
        let code = rules.detectors.id_of("code").unwrap();
        assert_eq!(fed, Err(Stop::Blocked(code)));
        assert_eq!(json.finish(&mut out), Err(Stop::Blocked(code)));
        assert_eq!(out, br#"{"a":"x "#, "in pieces of {size}");
        assert_eq!(json.tally().iter().collect::<Vec<_>>(), [(code, 1)]);
    }
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (1..=3_u8).prop_map(Action::Partial),
        Just(Action::Hash),
        Just(Action::Mask),
        Just(Action::Drop),
        Just(Action::Block),
    ]
}

fn actions() -> impl Strategy<Value = Vec<(&'static str, Action)>> {
    prop::collection::vec(action(), NAMES.len()).prop_map(|actions| {
        // A key is known by what stands around it: nothing of it is to be shown.
        NAMES
            .into_iter()
            .zip(actions)
            .filter(|(name, action)| {
                *name != "private_key" || !matches!(action, Action::Partial(_))
            })
            .collect()
    })
}

/// Text in which detectors overlap and touch.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        2 => "[a-zé]{0,12}",
        1 => "[0-9]{1,5}[ -]?",
        4 => prop::sample::select(vec![
            "EMP-123456", " end", " ending", "1234 end", "bob@example.com", "@example.com", "4111 1111 1111 1111", "+1 212 555 0123", " ", ".",
            "sk-Ab3dEf6hIj9kLm2nOp5qRs8t", "sk-", "-----BEGIN PRIVATE KEY-----", "MIIEvQIBADAN", "-----END PRIVATE KEY-----", "\"", "\\", "\n",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// For each byte of the text, whether it can be seen.
fn visible(rules: &Rules, text: &str) -> Vec<bool> {
    let (mut scanner, mut parts) = (Scanner::default(), Vec::new());
    scanner.feed(rules, text.as_bytes(), &mut parts);
    scanner.finish(rules, &mut parts);
    let mut seen: Vec<bool> = Vec::new();
    let (mut masked, mut stop) = (None::<u16>, None);
    // What a masked text shows is at its end.
    let end = |seen: &mut Vec<bool>, masked: Option<u16>, stop: &mut Option<usize>| match masked
        .map(|d| rules.detectors.action_of(d))
    {
        Some(Action::Partial(shown)) => {
            let from = seen.len() - usize::from(shown);
            seen[from..].fill(true);
        }
        Some(Action::Block) => *stop = stop.or(Some(seen.len())),
        _ => {}
    };
    for part in parts {
        if !part.continues {
            end(&mut seen, masked, &mut stop);
        }
        masked = part.masked;
        seen.resize(usize::try_from(part.end).unwrap(), part.masked.is_none());
    }
    end(&mut seen, masked, &mut stop);
    if let Some(stop) = stop {
        seen[stop..].fill(false);
    }
    seen
}

proptest! {
    #[test]
    fn the_stream_equals_the_whole(text in text(), actions in actions(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let rules = Rules::new(detectors(&NAMES, &actions));
        let whole = stream(&rules, [text.as_bytes()]);
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let cut = stream(&rules, cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]));
        let bytes = stream(&rules, text.as_bytes().chunks(1));
        for other in [cut, bytes] {
            prop_assert_eq!(String::from_utf8_lossy(&other.out), String::from_utf8_lossy(&whole.out));
            prop_assert_eq!(other.tally, whole.tally.clone());
        }
        prop_assert!(std::str::from_utf8(&whole.out).is_ok());
    }

    #[test]
    fn one_more_detector_or_a_stricter_action_shows_no_more(text in text(), actions in actions(), stricter in actions(), left in 0..NAMES.len()) {
        let mut fewer = NAMES.to_vec();
        fewer.remove(left);
        let strictest: Vec<(&str, Action)> = NAMES.into_iter().map(|name| {
            let of = |all: &[(&str, Action)]| all.iter().find(|(n, _)| *n == name).map(|(_, a)| *a).unwrap_or_default();
            (name, [of(&actions), of(&stricter)].into_iter().max_by_key(|a| a.strictness()).unwrap_or_default())
        }).collect();
        let some = visible(&Rules::new(detectors(&fewer, &actions)), &text);
        let more = visible(&Rules::new(detectors(&NAMES, &actions)), &text);
        let most = visible(&Rules::new(detectors(&NAMES, &strictest)), &text);
        for (at, ((some, more), most)) in some.into_iter().zip(more).zip(most).enumerate() {
            prop_assert!(some || !more, "one more detector shows byte {at}");
            prop_assert!(more || !most, "a stricter action shows byte {at}");
        }
    }
}
