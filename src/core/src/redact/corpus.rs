//! Every kind of secret in every form that a response can have: however it is cut and spread, what comes out is what comes out of the text
//! as a whole, and nothing that was sent on the way shows more.
#![expect(clippy::arithmetic_side_effects, reason = "on constants and generated text")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{Random, all, hostile, sample};
use super::*;

/// How many characters a delta has.
const SIZES: [usize; 5] = [1, 2, 3, 4, 16];

fn masked<'t>(
    rules: &Arc<Rules>,
    kind: Kind,
    pieces: impl IntoIterator<Item = &'t [u8]>,
) -> String {
    let mut masker = Masker::new(Arc::clone(rules), kind);
    let mut out = Vec::new();
    for piece in pieces {
        masker.feed(piece, &mut out).unwrap();
    }
    masker.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn whole(rules: &Arc<Rules>, kind: Kind, text: &str) -> String {
    masked(rules, kind, [text.as_bytes()])
}

/// The text of a string, masked.
fn text(rules: &Arc<Rules>, text: &str) -> String {
    let document = whole(rules, Kind::Json, &json!([text]).to_string());
    let Ok(Value::Array(items)) = serde_json::from_str(&document) else {
        panic!("{document} is an array");
    };
    items[0].as_str().unwrap().to_owned()
}

fn chunks(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|chunk| chunk.iter().collect()).collect()
}

/// The data of each event or line, `[DONE]` left out.
fn data(events: &str) -> impl Iterator<Item = Value> + '_ {
    let data = events.lines().filter_map(|line| {
        line.strip_prefix("data: ").or(Some(line).filter(|line| line.starts_with('{')))
    });
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap())
}

/// Texts in one form of deltas.
struct Form {
    name: &'static str,
    /// What the body is read as.
    kind: Kind,
    /// An event with a piece of the text with this number.
    event: fn(usize, &str) -> Value,
    /// Which text an event continues, and by what.
    read: fn(&Value) -> Option<(usize, String)>,
    /// What ends the text with this number.
    end: fn(usize, &str) -> Value,
}

impl Form {
    /// An event of the body.
    fn framed(&self, event: &Value) -> String {
        if self.kind == Kind::Lines { format!("{event}\n") } else { format!("data: {event}\n\n") }
    }
}

fn read(event: &Value, number: &str, text: &str) -> Option<(usize, String)> {
    let number = event.pointer(number).map_or(Some(0), Value::as_u64)?;
    let text = event.pointer(text)?.as_str()?.to_owned();
    Some((usize::try_from(number).unwrap(), text))
}

fn forms() -> Vec<Form> {
    vec![
        Form {
            name: "chat",
            kind: Kind::Sse,
            event: |n, text| {
                let logprobs = json!({"content": [{"token": text, "bytes": text.as_bytes(), "top_logprobs": []}]});
                json!({"id": "c", "object": "chat.completion.chunk", "choices": [
                    {"index": n, "logprobs": logprobs, "delta": {"content": text}, "finish_reason": null}], "obfuscation": "q"})
            },
            read: |event| read(event, "/choices/0/index", "/choices/0/delta/content"),
            end: |n, _| json!({"choices": [{"index": n, "delta": {}, "finish_reason": "stop"}]}),
        },
        Form {
            name: "completion",
            kind: Kind::Sse,
            event: |n, text| json!({"choices": [{"text": text, "index": n, "finish_reason": null}]}),
            read: |event| read(event, "/choices/0/index", "/choices/0/text"),
            end: |n, _| json!({"choices": [{"text": "", "index": n, "finish_reason": "length"}]}),
        },
        Form {
            name: "tool call",
            kind: Kind::Sse,
            event: |n, text| json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": n, "function": {"arguments": text}}]}}]}),
            read: |event| {
                read(
                    event,
                    "/choices/0/delta/tool_calls/0/index",
                    "/choices/0/delta/tool_calls/0/function/arguments",
                )
            },
            end: |_, _| json!({"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]}),
        },
        Form {
            name: "responses",
            kind: Kind::Sse,
            event: |n, text| {
                json!({"type": "response.output_text.delta", "item_id": "i", "output_index": n, "content_index": 0, "delta": text,
                    "logprobs": [{"token": text}], "sequence_number": 4})
            },
            read: |event| {
                let delta = event["type"] == "response.output_text.delta";
                read(event, "/output_index", "/delta").filter(|_| delta)
            },
            end: |n, text| json!({"type": "response.output_text.done", "output_index": n, "content_index": 0, "text": text}),
        },
        Form {
            name: "assistants",
            kind: Kind::Sse,
            event: |n, text| json!({"id": "m", "object": "thread.message.delta", "delta": {"content": [{"index": n, "type": "text", "text": {"value": text}}]}}),
            read: |event| read(event, "/delta/content/0/index", "/delta/content/0/text/value"),
            end: |_, _| json!({"object": "thread.run"}),
        },
        Form {
            name: "blocks",
            kind: Kind::Sse,
            event: |n, text| json!({"type": "content_block_delta", "index": n, "delta": {"type": "text_delta", "text": text}}),
            read: |event| read(event, "/index", "/delta/text"),
            end: |n, _| json!({"type": "content_block_stop", "index": n}),
        },
        Form {
            name: "artifact",
            kind: Kind::Sse,
            event: |n, text| {
                json!({"jsonrpc": "2.0", "id": 1, "result": {"kind": "artifact-update", "append": true, "artifact": {
                    "artifactId": n.to_string(), "parts": [{"kind": "text", "text": text}]}}})
            },
            read: |event| {
                let id = event.pointer("/result/artifact/artifactId")?.as_str()?.parse().unwrap();
                read(event, "/nothing", "/result/artifact/parts/0/text").map(|(_, text)| (id, text))
            },
            end: |n, _| json!({"result": {"kind": "artifact-update", "append": true, "lastChunk": true, "artifact": {"artifactId": n.to_string(), "parts": []}}}),
        },
        Form {
            name: "studio",
            kind: Kind::Sse,
            event: |n, text| json!({"type": "message_chunk", "data": {"source": n.to_string(), "content": text}}),
            read: |event| {
                let id = event.pointer("/data/source")?.as_str()?.parse().unwrap();
                let chunk = event["type"] == "message_chunk";
                read(event, "/nothing", "/data/content")
                    .map(|(_, text)| (id, text))
                    .filter(|_| chunk)
            },
            end: |n, text| json!({"type": "message", "data": {"source": n.to_string(), "content": text}}),
        },
        Form {
            name: "ollama",
            kind: Kind::Lines,
            event: |n, text| {
                let message = json!({"role": "assistant", ["content", "thinking"][n % 2]: text});
                let (name, value) =
                    if n < 2 { ("message", message) } else { ("response", json!(text)) };
                json!({"model": "m", "created_at": "2026-11-24T10:15:00.385406455Z", name: value, "done": false})
            },
            read: |event| {
                let names = ["/message/content", "/message/thinking", "/response"];
                names
                    .iter()
                    .enumerate()
                    .find_map(|(n, name)| read(event, "/nothing", name).map(|(_, text)| (n, text)))
            },
            end: |_, _| json!({"model": "m", "message": {"role": "assistant", "content": ""}, "done": true, "eval_count": 7}),
        },
    ]
}

/// Events of texts that take turns, and their ends.
fn events(form: &Form, texts: &[&str], size: usize) -> Vec<Value> {
    let pieces: Vec<Vec<String>> = texts.iter().map(|text| chunks(text, size)).collect();
    let longest = pieces.iter().map(Vec::len).max().unwrap_or_default();
    let mut events = Vec::new();
    for turn in 0..longest {
        for (n, pieces) in pieces.iter().enumerate() {
            events.extend(pieces.get(turn).map(|piece| (form.event)(n, piece)));
        }
    }
    events.extend(texts.iter().enumerate().map(|(n, text)| (form.end)(n, text)));
    events
}

/// Masks the texts in this form, and looks at everything that is sent, event by event.
fn check(rules: &Arc<Rules>, form: &Form, texts: &[&str], size: usize) {
    let expected: Vec<String> = texts.iter().map(|t| text(rules, t)).collect();
    let mut masker = Masker::new(Arc::clone(rules), form.kind);
    let mut so_far: BTreeMap<usize, String> = BTreeMap::new();
    let mut sent = String::new();
    let mut look = |out: &mut Vec<u8>| {
        let events = String::from_utf8(std::mem::take(out)).unwrap();
        for event in data(&events) {
            let Some((n, piece)) = (form.read)(&event) else { continue };
            let all = so_far.entry(n).or_default();
            all.push_str(&piece);
            assert!(
                expected[n].starts_with(all.as_str()),
                "{}, {size}: {all:?} does not begin {:?}",
                form.name,
                expected[n]
            );
            // What repeats a piece is it, or nothing.
            for repeated in ["/choices/0/logprobs/content/0/token", "/logprobs/0/token"] {
                assert!(event.pointer(repeated).is_none_or(|token| *token == *piece), "{event}");
            }
        }
        sent.push_str(&events);
    };
    let mut out = Vec::new();
    for event in events(form, texts, size) {
        masker.feed(form.framed(&event).as_bytes(), &mut out).unwrap();
        look(&mut out);
    }
    if form.kind == Kind::Sse {
        masker.feed(b"data: [DONE]\n\n", &mut out).unwrap();
        look(&mut out);
    }
    masker.finish(&mut out).unwrap();
    assert!(out.is_empty());
    for (n, expected) in expected.iter().enumerate() {
        let all = so_far.get(&n).map_or("", String::as_str);
        assert_eq!(all, expected, "{}, {size}", form.name);
    }
    // What repeats the whole text is masked to the same.
    for event in data(&sent) {
        let repeat = event.get("text").or_else(|| event.pointer("/data/content"));
        let whole = matches!(event["type"].as_str(), Some("response.output_text.done" | "message"));
        if let Some(repeat) = repeat.filter(|_| whole) {
            assert!(expected.iter().any(|expected| repeat == expected), "{event}");
        }
    }
}

fn secrets_in_text(seed: u64) -> Vec<(&'static str, String)> {
    let mut texts = Vec::new();
    for known in secrets() {
        for shape in &known.shapes {
            let secret = sample(shape, seed);
            texts.push((known.name, format!("before {secret} after, or ana@example.com. ")));
        }
    }
    texts.push(("card", "4111 1111 1111 1111".to_owned()));
    texts.push(("ip", "2001:db8::8a2e:370:7334 or ::ffff:203.0.113.7".to_owned()));
    texts.push(("iban", "pay to DE89 3704 0044 0532 0130 00".to_owned()));
    texts
}

#[test]
fn deltas_of_every_kind_of_secret() {
    let rules = Arc::new(all());
    let forms = forms();
    for (nth, (name, secret)) in secrets_in_text(7).iter().enumerate() {
        let other = format!("the {name} is not {}", secret.replace("before ", ""));
        for (n, size) in SIZES.iter().enumerate() {
            // Chat always, the other forms in turn.
            let form = &forms[(nth + n) % forms.len()];
            check(&rules, &forms[0], &[secret, &other, "hi bob"], *size);
            check(&rules, form, &[secret, &other], *size);
        }
    }
}

#[test]
fn every_form_of_deltas() {
    let rules = Arc::new(all());
    for form in forms() {
        for size in SIZES {
            check(
                &rules,
                &form,
                &["mail bob@example.com, key AKIAIOSFODNN7EXAMPLE.", "ghp_", "é 😀 \"\\\n"],
                size,
            );
            // JSON in the text, in which there are escapes again.
            let arguments = r#"{"to":"bob\u0040example.com","n":[4111111111111111,1],"key":"x\nAKIAIOSFODNN7EXAMPLE"}"#;
            check(&rules, &form, &[arguments, "{\"a\": \"AKIA"], size);
        }
    }
}

#[test]
fn documents_with_every_kind_of_secret() {
    let rules = Arc::new(all());
    for (name, secret) in secrets_in_text(3) {
        let expected = text(&rules, &secret);
        let spelled: String = secret.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        let within = json!({"a": [secret]}).to_string();
        let documents = [
            json!({"a": secret}).to_string(),
            format!("{{\"a\":\"{spelled}\"}}"),
            json!({"a": within}).to_string(),
            json!({"a": json!({"a": json!([secret]).to_string()}).to_string()}).to_string(),
        ];
        for document in documents {
            let once = whole(&rules, Kind::Json, &document);
            let mut value: Value = serde_json::from_str(&once).unwrap();
            loop {
                value = match value {
                    Value::Object(mut members) => members.remove("a").unwrap(),
                    Value::Array(mut items) => items.remove(0),
                    Value::String(inner) if inner == expected => break,
                    Value::String(inner) => serde_json::from_str(&inner).unwrap(),
                    other => panic!("{other}"),
                };
            }
            for cut in 0..=document.len() {
                let (a, b) = document.as_bytes().split_at(cut);
                assert_eq!(masked(&rules, Kind::Json, [a, b]), once, "{name}: cut at {cut}");
            }
        }
    }
}

/// Pieces of a text, cut at up to seven places that depend on the seed alone.
fn cut_at_random(text: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut random = Random::seeded(seed);
    let count = random.below(7) + 1;
    let mut cuts: Vec<usize> = (0..count).map(|_| random.below(text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|w| &text[w[0]..w[1]]).collect()
}

#[test]
fn cut_at_random_places() {
    let rules = Arc::new(all());
    let forms = forms();
    for sample in 11..14 {
        for (nth, (name, secret)) in secrets_in_text(sample).iter().enumerate() {
            let form = &forms[nth % forms.len()];
            let events = events(form, &[secret, "hi bob"], 3);
            let events: String = events.iter().map(|event| form.framed(event)).collect();
            let document = json!({"a": json!([secret]).to_string()}).to_string();
            for (kind, text, times) in
                [(Kind::Text, secret, 334), (Kind::Json, &document, 334), (form.kind, &events, 20)]
            {
                let expected = whole(&rules, kind, text);
                for seed in 0..times {
                    let pieces = cut_at_random(text.as_bytes(), seed);
                    assert_eq!(masked(&rules, kind, pieces), expected, "{name} {sample}: {seed}");
                }
            }
        }
    }
}

/// Events as servers write them, and worse.
fn streams() -> impl Strategy<Value = String> {
    let line_end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    let event = (hostile(), 0_usize..13, 0_usize..3, line_end).prop_map(|(text, kind, n, end)| {
        let form = &forms()[kind % 9];
        match kind {
            0..9 => format!("event: x{end}data: {}{end}{end}", (form.event)(n, &text)),
            9 => format!("data: {}{end}{end}", (forms()[n].end)(n, &text)),
            10 => format!(
                ": {text}{end}data:{text}{end}data: x{end}id: {n}{end}data: {text}{end}{end}"
            ),
            11 => format!("data: [DONE]{end}{end}"),
            _ => format!("{{\"a\":{end}{text}{end}"),
        }
    });
    prop::collection::vec(event, 0..12).prop_map(|events| events.concat())
}

proptest! {
    #[test]
    fn a_stream_of_events_equals_the_whole(text in streams(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let rules = Arc::new(all());
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let expected = whole(&rules, Kind::Sse, &text);
        let pieces = cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]);
        prop_assert_eq!(masked(&rules, Kind::Sse, pieces), expected.as_str());
        prop_assert_eq!(masked(&rules, Kind::Sse, text.as_bytes().chunks(1)), expected.as_str());
    }

    #[test]
    fn a_stream_of_lines_equals_the_whole(lines in prop::collection::vec((hostile(), 0_usize..7), 0..10), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let rules = Arc::new(all());
        let form = &forms()[8];
        let lines = lines.into_iter().map(|(text, kind)| match kind {
            0..3 => form.framed(&(form.event)(kind, &text)),
            3 => form.framed(&(form.end)(0, &text)),
            4 => format!("{}\r\n\n", json!({"a": text, "response": text})),
            5 => format!("{}\n", serde_json::to_string_pretty(&json!([text])).unwrap()),
            _ => format!("{text}\n"),
        });
        let text: String = std::iter::once("{}\n".to_owned()).chain(lines).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let expected = whole(&rules, Kind::Lines, &text);
        let pieces = cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]);
        prop_assert_eq!(masked(&rules, Kind::Lines, pieces), expected.as_str());
        prop_assert_eq!(masked(&rules, Kind::Lines, text.as_bytes().chunks(1)), expected.as_str());
        let none = Arc::new(Rules::new(Detectors::new([], Vec::new())));
        prop_assert_eq!(whole(&none, Kind::Lines, &text), text);
    }

    #[test]
    fn texts_in_deltas_equal_the_whole(texts in prop::collection::vec(hostile(), 1..4), form in 0_usize..9, size in 1_usize..20) {
        let rules = Arc::new(all());
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        check(&rules, &forms()[form], &texts, size);
    }

    #[test]
    fn what_nothing_is_looked_for_in_stays_as_it_came(text in streams()) {
        let rules = Arc::new(Rules::new(Detectors::new([], Vec::new())));
        prop_assert_eq!(whole(&rules, Kind::Sse, &text), text);
    }
}
