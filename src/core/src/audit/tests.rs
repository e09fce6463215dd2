use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::heads::{self, Because};
use super::*;
use crate::redact::Kind;
use crate::time::{UnixMicros, UnixMillis};

const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

fn later(ms: u64) -> UnixMicros {
    UnixMicros(NOW.0.saturating_add(ms.saturating_mul(1000)))
}

fn trail(cap: usize) -> Trail {
    Trail::new("00ff".into(), "edge \"1\"".into(), cap, Map::new())
}

/// The lines of a batch.
fn lines(batch: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(batch).unwrap();
    let records = body.pointer("/resourceLogs/0/scopeLogs/0/logRecords").unwrap();
    let line =
        |record: &Value| record.pointer("/body/stringValue").unwrap().as_str().unwrap().to_owned();
    records.as_array().unwrap().iter().map(line).collect()
}

fn member(line: &str, name: &str) -> Value {
    serde_json::from_str::<Value>(line).unwrap()[name].clone()
}

const OK: Answer<'_> = Answer::Response { status: 200, body: b"{}", retry_after_s: None };

fn status(status: u16) -> Answer<'static> {
    Answer::Response { status, body: b"", retry_after_s: None }
}

/// Every line holds the hash of the one before it, and the sequence has no gap.
fn check_chain(lines: &[String]) {
    let mut previous = Hash([0; 32]).to_string();
    for (n, line) in (0_u64..).zip(lines) {
        assert_eq!(member(line, "seq"), n, "{line}");
        assert_eq!(member(line, "prev"), previous, "{line}");
        previous = Hash::of(line.as_bytes()).to_string();
    }
}

#[test]
fn records_are_linked() {
    let mut chain = Chain::new("ab".into());
    assert_eq!(chain.head(), None);
    let lines: Vec<String> =
        ["{}", r#"{"a":1}"#, r#"{"b":"x"}"#].map(|record| chain.link(record).0).to_vec();
    check_chain(&lines);
    assert!(lines[0].starts_with(r#"{"v":1,"stream":"ab","seq":0,"prev":"0000"#), "{}", lines[0]);
    let head = chain.head().unwrap();
    assert_eq!((head.sequence, head.hash), (2, Hash::of(lines[2].as_bytes())));
    assert_eq!(
        Hash::of(b"abc").to_string(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn a_record_is_one_line_whatever_somebody_wrote_into_it() {
    let hostile = "a\u{2028}b\u{2029}c\u{85}d\u{7f}e\u{9b}f\n\r\u{1b}[31m\0\u{fffd}é\\u2028";
    let (line, _) = Chain::new("ab".into()).link(&json!({"x": hostile}).to_string());
    assert!(!line.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')));
    assert_eq!(member(&line, "x"), hostile, "and it is read as it was");
}

#[test]
fn a_stream_begins_with_a_record_of_itself() {
    let mut trail = Trail::new(
        "00ff".into(),
        "edge \"1\"".into(),
        1 << 20,
        Map::from_iter([("policy".to_owned(), "p".into())]),
    );
    assert!(trail.is_empty());
    assert_eq!(trail.batch(NOW), None, "a VM that nobody uses has no stream");
    assert_eq!(trail.add("decision", r#"{"kind":"decision"}"#, NOW), Some(1));
    let batch = trail.batch(NOW).unwrap();
    let lines = lines(&batch);
    check_chain(&lines);
    let first: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&first["kind"], &first["policy"]), (&"stream".into(), &"p".into()));
    assert_eq!(first["instance"], "edge \"1\"");
    let body: Value = serde_json::from_str(&batch).unwrap();
    let record = body.pointer("/resourceLogs/0/scopeLogs/0/logRecords/1").unwrap();
    assert_eq!(record["timeUnixNano"], "1800000000000000000");
    assert_eq!(record["eventName"], "scopewarden.decision");
    assert_eq!(record.pointer("/attributes/1/value/intValue").unwrap(), "1");
}

#[test]
fn what_is_not_acknowledged_is_sent_again() {
    let mut trail = trail(1 << 20);
    trail.add("decision", "{}", NOW);
    let first = trail.batch(NOW).unwrap();
    trail.add("decision", "{}", NOW);
    assert_eq!(trail.batch(NOW), None, "one batch at a time");
    assert_eq!(trail.settled(), 0);
    assert!(!trail.answered(Answer::Nothing, NOW).up);
    assert!(!trail.standing().up);
    assert_eq!(trail.batch(later(100)), None, "not before its time");
    let again = trail.batch(later(1000)).unwrap();
    assert_eq!(lines(&again)[..2], lines(&first)[..]);
    assert_eq!(
        trail.answered(OK, later(1000)),
        Counted { acknowledged: 3, refused: None, up: true }
    );
    assert!(trail.standing().up && trail.is_empty());
    assert_eq!(trail.settled(), 3);
}

#[test]
fn waits_double_and_end() {
    let mut trail = trail(1 << 20);
    trail.add("decision", "{}", NOW);
    let mut now = NOW;
    let mut waits = Vec::new();
    for _ in 0..10 {
        trail.batch(now).unwrap();
        trail.answered(status(503), now);
        let since = now;
        while now < trail.due() {
            now = UnixMicros(now.0 + 10_000);
        }
        waits.push(now.since(since) / 1000);
    }
    assert!(waits[0] >= 200 && waits[0] <= 270, "{waits:?}");
    assert!(waits.windows(2).all(|w| w[0] <= w[1]), "{waits:?}");
    assert!(waits[9] >= 10_000 && waits[9] <= 12_600, "{waits:?}");
    trail.batch(now).unwrap();
    trail.answered(Answer::Response { status: 429, body: b"", retry_after_s: Some(30) }, now);
    assert_eq!(trail.batch(UnixMicros(now.0 + 29_000_000)), None, "as long as the sink asks");
    assert!(trail.batch(UnixMicros(now.0 + 34_000_000)).is_some());
}

#[test]
fn a_record_that_a_sink_does_not_take_is_found_and_counted() {
    let refuses_bad = |batch: &str| lines(batch).iter().any(|line| line.contains("\"bad\""));
    for refusal in [
        status(400),
        status(413),
        Answer::Response {
            status: 200,
            body: br#"{"partialSuccess":{"rejectedLogRecords":"1"}}"#,
            retry_after_s: None,
        },
        Answer::Response {
            status: 200,
            body: br#"{"partialSuccess":{"rejectedLogRecords":1}}"#,
            retry_after_s: None,
        },
    ] {
        let mut trail = trail(1 << 20);
        for n in 0..20 {
            let record = if n == 7 { json!({"x": "bad"}) } else { json!({"x": n}) };
            trail.add("decision", &record.to_string(), NOW);
        }
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        while let Some(batch) = trail.batch(NOW) {
            if refuses_bad(&batch) {
                refused.extend(trail.answered(refusal, NOW).refused);
            } else {
                taken.extend(lines(&batch));
                trail.answered(OK, NOW);
            }
        }
        assert_eq!(refused, [8]);
        assert_eq!(taken.len(), 21, "all others, the stream's own, and the gap");
        let gap = taken.last().unwrap();
        assert_eq!((member(gap, "kind"), member(gap, "dropped")), ("gap".into(), 1.into()));
        assert_eq!(
            (member(gap, "because"), member(gap, "refused")),
            ("refused".into(), json!([8]))
        );
    }
}

#[test]
fn a_gap_that_is_not_taken_is_told_again() {
    let mut trail = trail(1 << 20);
    trail.add("decision", "{}", NOW);
    let mut refused = Vec::new();
    for _ in 0..6 {
        trail.batch(NOW).unwrap();
        refused.extend(trail.answered(status(400), NOW).refused);
    }
    assert!(refused.len() >= 3, "{refused:?}");
    let mut told = Vec::new();
    while let Some(batch) = trail.batch(NOW) {
        for gap in lines(&batch) {
            told.extend(
                member(&gap, "refused").as_array().unwrap().iter().filter_map(Value::as_u64),
            );
        }
        trail.answered(OK, NOW);
    }
    told.sort_unstable();
    assert_eq!(told, refused);
}

#[test]
fn a_full_spool_counts_what_it_cannot_take() {
    let cap = 16 * 1024;
    let mut trail = trail(cap);
    let record = json!({"x": "y".repeat(1000)}).to_string();
    let mut dropped = 0;
    let mut room_ended = None;
    for n in 0..100 {
        if !trail.standing().room {
            room_ended.get_or_insert(n);
        }
        dropped += u32::from(trail.add("decision", &record, later(n)).is_none());
    }
    assert!((8..16).contains(&room_ended.unwrap()), "{room_ended:?}");
    assert!(dropped > 80);
    trail.batch(NOW).unwrap();
    trail.answered(OK, later(200));
    trail.add("decision", "{}", later(300));
    let batch = trail.batch(later(300)).unwrap();
    let lines = lines(&batch);
    assert_eq!(member(&lines[0], "dropped"), dropped);
    assert_eq!(member(&lines[0], "because"), "spool_full");
    assert_eq!(member(&lines[0], "until"), later(99).millis().to_string());
}

#[test]
fn what_a_full_spool_lost_keeps_its_count_and_reason() {
    let mut trail = trail(16 * 1024);
    let record = json!({"x": "y".repeat(1000)}).to_string();
    let dropped = (0..1000).filter(|n| trail.add("decision", &record, later(*n)).is_none()).count();
    trail.batch(NOW).unwrap();
    trail.answered(OK, later(1000));
    let gap = trail.batch(later(1000)).unwrap();
    assert_eq!(lines(&gap).len(), 1);
    trail.answered(status(400), later(1000));
    let told = lines(&trail.batch(later(2000)).unwrap());
    let told: Vec<_> =
        told.iter().map(|gap| (member(gap, "because"), member(gap, "dropped"))).collect();
    assert_eq!(told, [("spool_full".into(), dropped.into()), ("refused".into(), 1.into())]);
}

#[test]
fn a_request_that_waits_presses() {
    let mut trail = trail(1 << 20);
    trail.add("decision", "{}", NOW);
    assert!(!trail.is_pressing());
    let sequence = trail.note("{}", NOW).unwrap();
    assert!(trail.is_pressing());
    trail.batch(NOW).unwrap();
    assert!(!trail.is_pressing(), "it is under way");
    assert!(trail.settled() <= sequence);
    trail.answered(OK, NOW);
    assert!(trail.settled() > sequence);
}

#[test]
fn streams_that_end_are_told_of_once() {
    let head = |stream: &str, sequence| Head {
        stream: stream.to_owned(),
        sequence,
        hash: Hash::of(stream.as_bytes()),
    };
    let now = UnixMillis(1_800_000_000_000);
    let (text, ended) = heads::renew("", &head("a", 3), false, now);
    assert!(ended.is_empty());
    let (text, _) = heads::renew(&text, &head("b", 5), false, now);
    let (text, ended) = heads::renew(&text, &head("a", 4), true, now.plus(1000));
    assert!(ended.is_empty(), "who ends tells of nobody");
    let (text, ended) = heads::renew(&text, &head("b", 6), false, now.plus(2000));
    assert_eq!(ended, [(head("a", 4), Because::Closed)]);
    let (text, ended) = heads::renew(&text, &head("b", 6), false, now.plus(3000));
    assert!(ended.is_empty(), "once");
    let (text, ended) = heads::renew(&text, &head("c", 0), false, now.plus(13_001));
    assert_eq!(ended, [(head("b", 6), Because::Lost)]);
    assert_eq!(text.lines().count(), 1);
    assert!(heads::renew("nonsense\na b c d e\n", &head("a", 0), false, now).1.is_empty());
    let record: Value =
        serde_json::from_str(&heads::record(&head("b", 6), Because::Lost, now)).unwrap();
    assert_eq!((&record["of"]["seq"], &record["because"]), (&6.into(), &"lost".into()));
}

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

#[test]
fn a_body_is_shown_masked_and_told_by_its_digest() {
    let body = format!(r#"{{"to":"bob@example.com","key":"{KEY}","x":"{}"}}"#, "y".repeat(300));
    let rules = Arc::new(everything());
    let capture = |most, step: usize| {
        let mut capture = Capture::new(Payload::Redacted, Some(b"application/json"), most)
            .masked_by(&rules, Kind::Json);
        let pieces = body.as_bytes().chunks(step);
        let last = pieces.len() - 1;
        for (n, piece) in pieces.enumerate() {
            capture.take(piece, n == last);
        }
        capture
    };
    let said = capture(1000, 7).close(Payload::Redacted).unwrap();
    assert_eq!(said["bytes"], body.len());
    assert_eq!(said["sha256"], Hash::of(body.as_bytes()).to_string());
    let shown = said["body"].as_str().unwrap();
    assert!(
        shown.starts_with(r#"{"to":"[masked:email]","key":"AKIA[masked:aws]","x":"y"#),
        "{shown}"
    );
    assert_eq!(said.get("cut"), None);
    for step in [1, 5, 64, 1000] {
        let cut = capture(60, step).close(Payload::Redacted).unwrap();
        assert_eq!(cut["body"], shown.split_at(60).0);
        assert_eq!((&cut["cut"], &cut["sha256"]), (&true.into(), &said["sha256"]));
    }
    let digest = capture(1000, 7).close(Payload::Digest).unwrap();
    assert_eq!((digest.get("body"), &digest["sha256"]), (None, &said["sha256"]));
    assert_eq!(capture(1000, 7).close(Payload::None), None);
}

#[test]
fn no_text_of_a_record_holds_a_secret() {
    assert_eq!(veil(&format!("/files/{KEY}/x")), "/files/AKIA[masked:aws]/x");
    assert_eq!(veil("/v1/models/ft-bob@example.com"), "/v1/models/ft-bob@example.com");
    assert_eq!(veil("short"), "short");
}

#[test]
fn what_belongs_together() {
    let headers = |fields: &[(&str, &str)]| {
        fields.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect::<crate::http::Headers>()
    };
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let mut session =
        Session::of_head(&headers(&[("traceparent", &parent), ("mcp-session-id", "abc")]));
    session.path(&[("run_id".into(), "7".into()), ("thread_id".into(), "t1".into())]);
    session.body(br#"{"previous_response_id":"resp_1","conversation":{"id":"conv_1"},"x":[1]}"#);
    session.response(br#"event: response.created data: {"response":{"id":"resp_2","object":1}}"#);
    assert_eq!(
        session.value().unwrap(),
        json!({
            "trace": trace, "mcp": "ba7816bf8f01cfea", "run": "7", "conversation": "conv_1",
            "previous": "resp_1", "response": "resp_2",
        })
    );
    for odd in ["", "00-xyz-1-1", "00-00000000000000000000000000000000-1-1"] {
        assert_eq!(Session::of_head(&headers(&[("traceparent", odd)])).value(), None, "{odd}");
    }
}
