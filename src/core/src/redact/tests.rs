//! The stream equals the whole, and what is found.
#![expect(clippy::arithmetic_side_effects, reason = "on constants and generated text")]

use proptest::prelude::*;

use super::*;

pub fn all() -> Rules {
    let known = secrets();
    let names = known.iter().map(|k| k.name).chain(PERSONAL);
    Rules::new(Detectors::new(names, Vec::new()))
}

/// The text with every masked part replaced by the detector's name in angle brackets.
fn masked<'t>(rules: &Rules, pieces: impl IntoIterator<Item = &'t [u8]>) -> String {
    let mut scanner = Scanner::default();
    let (mut text, mut out) = (Vec::new(), Vec::new());
    let mut from = 0;
    let mut put = |text: &[u8], parts: &mut Vec<Part>| {
        for part in parts.drain(..) {
            let end = usize::try_from(part.end).unwrap();
            match part.masked {
                None => out.extend_from_slice(&text[from..end]),
                Some(_) if part.continues => {}
                Some(detector) => {
                    out.push(b'<');
                    out.extend_from_slice(rules.detectors.name_of(detector).as_bytes());
                    out.push(b'>');
                }
            }
            from = end;
        }
    };
    let mut parts = Vec::new();
    for piece in pieces {
        text.extend_from_slice(piece);
        scanner.feed(rules, piece, &mut parts);
        put(&text, &mut parts);
    }
    scanner.finish(rules, &mut parts);
    put(&text, &mut parts);
    assert_eq!(from, text.len());
    String::from_utf8(out).unwrap()
}

pub fn whole(rules: &Rules, text: &str) -> String {
    masked(rules, [text.as_bytes()])
}

#[test]
fn personal_data() {
    let rules = all();
    for (text, expected) in [
        ("mail bob@example.com.", "mail <email>."),
        ("a.b+c@mail.example.co.uk, or x@y", "<email>, or x@y"),
        ("@handle and user@localhost", "@handle and user@localhost"),
        ("card 4111 1111 1111 1111 exp", "card <card> exp"),
        ("4111-1111-1111-1111", "<card>"),
        ("4111111111111112", "4111111111111112"),
        ("id 41111111111111119999", "id 41111111111111119999"),
        ("x4111111111111111", "x4111111111111111"),
        ("ssn 078-05-1120.", "ssn <ssn>."),
        ("000-05-1120 078-05-11201", "000-05-1120 078-05-11201"),
        ("call +1 (555) 234-5678 now", "call <phone> now"),
        ("call (212) 555-0123 or 212-555-0123", "call <phone> or <phone>"),
        ("call +49 30 901820", "call <phone>"),
        ("at 203.0.113.7:80, not 127.0.0.1 or 1.2.3.4.5", "at <ip>:80, not 127.0.0.1 or 1.2.3.4.5"),
        ("at [2001:db8::1]:80, fe80::1%eth0, not ::1", "at [<ip>]:80, <ip>%eth0, not ::1"),
        ("::ffff:203.0.113.7 and 2001:db8:0:0:0:0:0:1:443", "<ip> and <ip>:443"),
        ("from ip:2001:DB8::/32: x", "from ip:<ip>/32: x"),
        ("DE89 3704 0044 0532 0130 00", "<iban>"),
        ("IBAN:GB29NWBK60161331926819, ok", "IBAN:<iban>, ok"),
        ("DE89370400440532013001", "DE89370400440532013001"),
        ("2026-11-24 10:15:00 took 1795507200123 ms", "2026-11-24 10:15:00 took 1795507200123 ms"),
        ("123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
    ] {
        assert_eq!(whole(&rules, text), expected, "{text}");
    }
}

#[test]
fn secrets_in_text() {
    let rules = all();
    for (text, expected) in [
        ("key AKIAIOSFODNN7EXAMPLE!", "key AKIA<aws>!"),
        ("sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8t and", "sk-<openai> and"),
        ("sk-learn-is-a-library-for-python", "sk-learn-is-a-library-for-python"),
        ("task-Ab3dEf6hIj9kLm2nOp5qRs8t", "task-Ab3dEf6hIj9kLm2nOp5qRs8t"),
        ("postgres://app:s3cr3t@db.internal/x", "postgres://app:<connection_string>/x"),
        ("http://example.com:8080/path", "http://example.com:8080/path"),
        ("password = \"q8Zx0Lm2Vt7RwY5sKd\"", "password = \"<assignment>\""),
        ("PASSWORD: aaaaaaaaaaaaaaaa", "PASSWORD: aaaaaaaaaaaaaaaa"),
        ("Authorization: Bearer q8Zx0Lm2Vt7RwY5sKd", "Authorization: Bearer <authorization>"),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
            "eyJ<jwt>",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----<private_key>-----END PRIVATE KEY-----\n",
        ),
    ] {
        assert_eq!(whole(&rules, text), expected, "{text}");
    }
}

#[test]
fn a_caller_may_see_through_some() {
    let mut rules = all();
    let text = "bob@example.com, DE89370400440532013000, 078-05-1120, 203.0.113.7, 2001:db8::7, AKIAIOSFODNN7EXAMPLE";
    let masked = "<email>, <iban>, <ssn>, <ip>, <ip>, AKIA<aws>";
    assert_eq!(whole(&rules, text), masked);
    let id = |name: &str| (0..).find(|d| all().detectors.name_of(*d) == name).unwrap();
    for (name, shown) in [
        ("email", masked.replace("<email>", "bob@example.com")),
        ("iban", masked.replace("<iban>", "DE89370400440532013000")),
        ("ssn", masked.replace("<ssn>", "078-05-1120")),
        ("ip", masked.replace("<ip>, <ip>", "203.0.113.7, 2001:db8::7")),
        ("aws", masked.replace("<aws>", "IOSFODNN7EXAMPLE")),
    ] {
        rules.off = [id(name)].into_iter().collect();
        assert_eq!(whole(&rules, text), shown);
    }
}

#[test]
fn what_was_masked_is_counted_by_name_however_it_is_cut() {
    let mut rules = all();
    rules.fields.add("**.api_key").unwrap();
    rules.fields.add("a[*]").unwrap();
    let rules = std::sync::Arc::new(rules);
    let within = r#"{\"api_key\":{\"api_key\":1},\"to\":\"bob@example.com\"}"#;
    let delta = |text: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let deltas =
        delta(r#"[{\"api_"#) + &delta(r#"key\":\"x"#) + &delta(r#"yz\"}, {\"api_key\":1}]"#);
    for (kind, body, expected) in [
        (
            Kind::Json,
            format!(r#"{{"a":[1,"{within}",null],"api_key":["x"]}}"#),
            "field:**.api_key 1, field:a[*] 3",
        ),
        (
            Kind::Json,
            format!(r#"{{"t":"{within}","u":"ana@example.com"}}"#),
            "email 2, field:**.api_key 1",
        ),
        (Kind::Json, r#"{"api_keys":1}"#.to_owned(), ""),
        (Kind::Sse, deltas, "field:**.api_key 2"),
    ] {
        for size in [1, 7, body.len()] {
            let mut masker = Masker::new(std::sync::Arc::clone(&rules), kind);
            let mut out = Vec::new();
            body.as_bytes().chunks(size).for_each(|piece| masker.feed(piece, &mut out).unwrap());
            masker.finish(&mut out).unwrap();
            let named: Vec<String> = masker
                .tally()
                .named(&rules)
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            assert_eq!(
                named.join(", "),
                expected,
                "{body} by {size}: {}",
                String::from_utf8_lossy(&out)
            );
        }
    }
}

/// Numbers that look random, the same each time (xorshift, Marsaglia 2003).
pub struct Random(pub u64);

impl Random {
    /// Neighbouring seeds give numbers that have nothing in common.
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next one, below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}

/// A secret of each shape, by its own description.
pub fn sample(shape: &Shape, seed: u64) -> String {
    let mut seeded = Random::seeded(seed);
    let mut random = |below| seeded.below(below);
    let mut text = shape.literals[random(shape.literals.len())].clone();
    for run in &shape.runs {
        let alphabet: Vec<u8> = (0x20..0x7f).filter(|b| run.set.has(*b)).collect();
        let most = usize::from(run.max).min(usize::from(run.min) + 24).max(usize::from(run.min));
        let count = usize::from(run.min) + random(most - usize::from(run.min) + 1);
        text.extend((0..count).map(|_| alphabet[random(alphabet.len())]));
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn every_kind_is_found_wherever_the_text_is_cut() {
    let rules = all();
    for known in secrets() {
        for shape in &known.shapes {
            for seed in 1..6 {
                let secret = sample(shape, seed);
                let text =
                    format!("before {secret} after, and 4111 1111 1111 1111 or ana@example.com");
                let expected = whole(&rules, &text);
                assert!(expected.contains('<'), "{}: {text} gives {expected}", known.name);
                for cut in 0..=text.len() {
                    let (a, b) = text.as_bytes().split_at(cut);
                    assert_eq!(
                        masked(&rules, [a, b]),
                        expected,
                        "{}: cut at {cut} of {text}",
                        known.name
                    );
                }
                let bytes = text.as_bytes().chunks(1);
                assert_eq!(masked(&rules, bytes), expected, "{}: byte by byte {text}", known.name);
            }
        }
    }
}

/// Text in which everything may begin, and little is whole.
pub fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-zA-Z0-9 ]{0,12}",
        1 => "[0-9]{1,5}[ .-]",
        1 => prop::sample::select(vec![
            "AKIA", "sk-", "eyJ", "ghp_", "://", ":", "@", ".", "-", "password=", "token: \"", "-----", "PRIVATE KEY-----", "+1 ", "(",
            ") ", "DE89", "GB29NWBK60161331926819", "4111111111111111", "078-05-1120", "bob@example.com", "203.0.113.7", "2001:db8::1", "fe80:", "::", "::ffff:", "é", "\u{202e}",
            "eyJhbGciOiJIUzI1NiJ9.eyJ", "Bearer ", "q8Zx0Lm2Vt7RwY5sKd", "\n",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_stream_equals_the_whole(text in hostile(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let rules = all();
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]);
        prop_assert_eq!(masked(&rules, pieces), whole(&rules, &text));
        prop_assert_eq!(masked(&rules, text.as_bytes().chunks(1)), whole(&rules, &text));
    }

    #[test]
    fn one_more_detector_uncovers_nothing(text in hostile(), left in any::<prop::sample::Index>()) {
        let known = secrets();
        let names: Vec<&str> = known.iter().map(|k| k.name).chain(PERSONAL).collect();
        let mut fewer = names.clone();
        fewer.remove(left.index(names.len()));
        let covered = |names: &[&str]| {
            let rules = Rules::new(Detectors::new(names.iter().copied(), Vec::new()));
            let (mut scanner, mut parts) = (Scanner::default(), Vec::new());
            scanner.feed(&rules, text.as_bytes(), &mut parts);
            scanner.finish(&rules, &mut parts);
            let mut bytes = Vec::new();
            for part in parts {
                bytes.resize(usize::try_from(part.end).unwrap(), part.masked.is_some());
            }
            bytes
        };
        for (some, more) in covered(&fewer).into_iter().zip(covered(&names)) {
            prop_assert!(!some || more);
        }
    }
}
