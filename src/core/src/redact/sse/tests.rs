//! What events look like afterwards, however the bytes were cut.

use super::super::tests::all;
use super::super::{Paths, Rules, Tally};
use super::*;

fn sent<'t>(rules: &Rules, pieces: impl IntoIterator<Item = &'t [u8]>) -> Result<Vec<u8>, Stop> {
    let (mut sse, mut tally, mut out) = (Sse::default(), Tally::default(), Vec::new());
    for piece in pieces {
        sse.feed(piece, &mut Sink::new(rules, &mut tally, &mut out))?;
    }
    sse.finish(&mut Sink::new(rules, &mut tally, &mut out))?;
    Ok(out)
}

fn whole(rules: &Rules, text: &str) -> String {
    String::from_utf8(sent(rules, [text.as_bytes()]).unwrap()).unwrap()
}

#[test]
fn framing_stays_as_it_came() {
    let rules = all();
    for text in [
        "\u{feff}: comment\r\nevent:x\r\nid: 7\r\nretry: 100\r\ndata: {\"a\" : 1.0}\r\n\r\n",
        "data\n\ndata:\n\ndata:  two spaces\n\n\n\n",
        "data: a\rdata: b\r\rdata:c\r\n\n",
        "unknown: x\ndata: {\"a\":\ndata: [1,\nid: 3\ndata: 2]}\n: in between\n\n",
        "data: [DONE]\n\n",
        "data: no end",
        "data: {\"type\":\"ping\"}\n",
        "",
        "\u{feff}",
        "\n",
        "event: endpoint\ndata: /messages?session=1\n\n",
        ": ping - 2026-11-24 10:15:00\n\n",
        "data: {\"delta\":\"!? \",\"logprobs\":[{\"token\":\"1\"}],\"obfuscation\":\"xyz\"}\n\n",
    ] {
        assert_eq!(whole(&rules, text), text);
        let bytes = sent(&rules, text.as_bytes().chunks(1)).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }
}

/// Each event is like the one before but for its text, its number and its padding.
#[test]
fn events_that_are_alike() {
    let rules = all();
    let event = |number: u64, text: &str, padding: &str| {
        format!(
            "data: {{\"sequence_number\":{number},\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\
             \"delta\":\"{text}\",\"obfuscation\":\"{padding}\"}}\n\n"
        )
    };
    let events = |parts: &[(&str, &str)]| -> String {
        (8..).zip(parts).map(|(number, (text, padding))| event(number, text, padding)).collect()
    };
    let plain = [("one. ", "a"), ("two. ", "b7"), ("three. ", ""), ("four. ", "Q9z")];
    assert_eq!(whole(&rules, &events(&plain)), events(&plain), "nothing to mask");

    let secret = [
        ("one. ", "a"),
        ("two. ", "b"),
        ("AKIAIOSFOD", "cc"),
        ("NN7EXAMPLE.", "d"),
        (" six. ", "e"),
    ];
    let masked =
        [("one. ", "a"), ("two. ", "b"), ("", ""), ("", ""), ("AKIA[masked:aws]. six. ", "")];
    assert_eq!(
        whole(&rules, &events(&secret)),
        events(&masked),
        "what is held shows in no padding"
    );

    let padded = [
        ("one. ", "a"),
        ("two. ", "AKIAIOSFODNN7EXAMPLE"),
        ("three. ", "\\u0041KIAIOSFODNN7EXAMPLE"),
    ];
    let masked =
        [("one. ", "a"), ("two. ", "AKIA[masked:aws]"), ("three. ", "\\u0041KIA[masked:aws]")];
    assert_eq!(whole(&rules, &events(&padded)), events(&masked), "a padding is read, too");

    let numbered = [
        event(4_111_111_111_111_111, "one. ", ""),
        event(8, "two. ", ""),
        event(4_111_111_111_111_111, "three. ", ""),
    ];
    let text = whole(&rules, &numbered.concat());
    assert_eq!(
        text.matches("[masked:card]").count(),
        2,
        "and so are numbers that are too long: {text}"
    );
}

#[test]
fn what_is_no_delta_is_masked_event_by_event() {
    let mut rules = all();
    rules.fields = Paths::default();
    rules.fields.add("**.api_key").unwrap();
    for (text, expected) in [
        (": bob@example.com\n\n", ": [masked:email]\n\n"),
        ("id: bob@example.com\ndata: x\n\n", "id: [masked:email]\ndata: x\n\n"),
        ("data: to bob@example.com\n\n", "data: to [masked:email]\n\n"),
        (
            "data: {\"m\":\"bob\\u0040example.com\",\"api_key\":[1]}\n\n",
            "data: {\"m\":\"[masked:email]\",\"api_key\":\"[masked]\"}\n\n",
        ),
        // A text that is called events.
        (
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----[masked:private_key]-----END PRIVATE KEY-----\n",
        ),
        // A secret on several lines of data is one.
        (
            "data: -----BEGIN PRIVATE KEY-----\ndata: MIIEvQIBADANBgkqhkiG\ndata: -----END PRIVATE KEY-----\n\n",
            "data: -----BEGIN PRIVATE KEY-----[masked:private_key]-----END PRIVATE KEY-----\n\n",
        ),
        (
            "data: {\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"api_key\\\":\\\"x\\\"}\"}]}}\n\n",
            "data: {\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"api_key\\\":\\\"[masked]\\\"}\"}]}}\n\n",
        ),
    ] {
        assert_eq!(whole(&rules, text), expected);
    }
}

#[test]
fn a_text_is_masked_over_events() {
    let rules = all();
    let chunk = |content: &str| {
        format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}},\"logprobs\":{{\"content\":[{{\"token\":\"{content}\"}}]}},\"finish_reason\":null}}]}}\n\n"
        )
    };
    let end = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let text = [chunk("key AK"), chunk("IAIOSFODNN7EX"), chunk("AMPLE"), end.to_owned()].concat();
    let null = |content: &str| {
        format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
        )
    };
    let masked = whole(&rules, &text);
    assert!(masked.starts_with(&null("key ")), "{masked}");
    assert!(masked.ends_with(end), "{masked}");
    assert!(!masked.contains("IOSF") && masked.contains("[masked:aws]"), "{masked}");

    // What is held is released before the end, in an event of its own.
    let text = [chunk("hi bob"), end.to_owned()].concat();
    assert_eq!(whole(&rules, &text), [null("hi "), null("bob"), end.to_owned()].concat());
    // Or at the end of the body.
    assert_eq!(whole(&rules, &chunk("hi bob")), [null("hi "), null("bob")].concat());
    // Or in the event that ends it.
    let last = end.replace("{}", "{\"content\":\"@example.com\"}");
    let masked = last.replace("@example.com", "[masked:email]");
    assert_eq!(whole(&rules, &[chunk("hi bob"), last].concat()), [null("hi "), masked].concat());
}

#[test]
fn an_event_that_never_ends_has_an_end() {
    let mut rules = all();
    let endless = format!("data: {} bob@example.com\n\ndata: x\n\n", "x ".repeat(200_000));
    let stop = Err(Stop::Uncertain(Uncertain::EventTooLong));
    assert_eq!(sent(&rules, endless.as_bytes().chunks(1000)), stop);
    rules.on_uncertain = OnUncertain::Scan;
    let expected = endless.replace("bob@example.com", "[masked:email]");
    for size in [1, 1000, endless.len()] {
        let out = sent(&rules, endless.as_bytes().chunks(size)).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
