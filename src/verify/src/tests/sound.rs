//! A log that is what was written raises no alarm.
#![expect(clippy::arithmetic_side_effects, reason = "places in small logs")]

use proptest::prelude::*;
use serde_json::json;

use super::writer::{Memory, Writer, checkpoint, collected, key, pruned, several};
use crate::{Options, RemarkKind, Report, verify};

fn assert_sound(report: &Report) {
    assert!(report.is_sound(), "{:#?}", report.breaks);
}

#[test]
fn a_log_of_several_streams_is_sound() {
    let writer = several(1000, 7);
    for each in [1000, 100, 333, 1] {
        let report = collected(&writer.lines, each, 100).verify();
        assert_sound(&report);
        assert_eq!((report.records, report.first, report.streams.len()), (1000, 0, 7));
        assert_eq!((report.checkpoints.found, report.checkpoints.agree), (10, 10));
        assert_eq!(report.checkpoints.newest.as_ref().unwrap().size, 1000);
        assert_eq!((report.uncovered(), report.remarks_total), (0, 0));
        assert!(report.streams.iter().all(|s| s.ended && s.instance.as_deref() == Some("edge-1")));
    }
}

#[test]
fn what_retention_left_is_sound() {
    let writer = several(1000, 7);
    for removed in [100, 500, 900] {
        let mut memory = collected(&writer.lines, 100, 50);
        memory.pruned = Some(pruned(&writer, removed));
        // Retention was stopped after it had written the account, and before it removed.
        assert_sound(&memory.verify());
        memory.segments.retain(|(first, ..)| *first >= removed as u64);
        let report = memory.verify();
        assert_sound(&report);
        assert_eq!((report.first, report.records), (removed as u64, 1000 - removed as u64));
        assert_eq!(report.checkpoints.newest.unwrap().size, 1000);
    }
}

#[test]
fn what_is_worth_knowing_is_no_alarm() {
    let mut writer = Writer::default();
    writer.begin(1);
    writer.write(1, &json!({"kind": "intent", "record": "r-1"}));
    writer.write(1, &json!({"kind": "intent", "record": "r-2"}));
    writer.decide(1, 2);
    writer.write(1, &json!({"kind": "gap", "dropped": 7, "because": "spool_full"}));
    writer.begin(2);
    writer.write(2, &json!({"kind": "head", "of": writer.head_of(1), "because": "lost"}));
    writer.write(2, &json!({"kind": "later"}));
    writer.end(2);
    let mut memory = collected(&writer.lines, 4, 100);
    memory.segments[2].1.extend_from_slice(b"{\"v\":1,\"str");
    let report = memory.verify();
    assert_sound(&report);
    let mut kinds: Vec<_> = report.remarks.iter().map(|r| r.kind).collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            RemarkKind::Open,
            RemarkKind::Gap,
            RemarkKind::NoOutcome,
            RemarkKind::Unfinished,
            RemarkKind::UnknownKind,
        ]
    );
    let no_outcome = report.remarks.iter().find(|r| r.kind == RemarkKind::NoOutcome).unwrap();
    assert_eq!((no_outcome.place.index, no_outcome.place.seq), (Some(1), Some(1)));
}

#[test]
fn a_checkpoint_may_stand_in_the_next_segment() {
    let writer = several(20, 2);
    let mut memory = collected(&writer.lines, 10, 10);
    let moved = std::mem::take(&mut memory.segments[0].2);
    memory.segments[1].2.insert_str(0, &moved);
    let report = memory.verify();
    assert_sound(&report);
    assert_eq!((report.checkpoints.agree, report.remarks_total), (2, 0));
}

#[test]
fn without_a_key_the_rest_is_checked() {
    let writer = several(50, 3);
    let memory = collected(&writer.lines, 10, 10);
    let report = verify(&memory, &Options::default(), &mut |_| {}).unwrap();
    assert_sound(&report);
    assert!(!report.checkpoints.signatures_checked);
    assert_eq!(report.checkpoints.agree, 5);
}

#[test]
fn nothing_is_sound() {
    assert_sound(&Memory::default().verify());
    let mut empty = Memory::default();
    empty.segments.push((0, Vec::new(), checkpoint(&[])));
    assert_sound(&empty.verify());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sound_log_is(
        order in proptest::collection::vec((0u64..5, 0u8..6, "\\PC{0,40}"), 1..120),
        each in 1usize..50,
        every in 1usize..30,
        removed in 0usize..4,
    ) {
        let mut writer = Writer::default();
        let mut ended = [false; 5];
        for (at, (stream, what, text)) in order.into_iter().enumerate() {
            if ended[stream as usize] {
                continue;
            }
            if !writer.of.iter().any(|(s, _)| *s == stream) {
                writer.begin(stream);
            }
            match what {
                0 => writer.write(stream, &json!({"kind": "gap", "dropped": at, "because": text})),
                1 => writer.write(stream, &json!({"kind": "intent", "record": text})),
                2 => writer.write(stream, &json!({"kind": "decision", "record": text, format!("x {text}"): [1, {"a": null}]})),
                3 => {
                    let of = writer.of[at % writer.of.len()].0;
                    if of != stream {
                        let head = writer.head_of(of);
                        writer.write(stream, &json!({"kind": "head", "of": head, "because": "closed"}));
                    }
                }
                4 if text.len() % 5 == 0 => {
                    writer.end(stream);
                    ended[stream as usize] = true;
                }
                _ => writer.decide(stream, at as u64),
            }
        }
        let mut memory = collected(&writer.lines, each, every);
        let removed = (removed * each).min((memory.segments.len() - 1) * each);
        if removed > 0 {
            memory.pruned = Some(pruned(&writer, removed));
            memory.segments.retain(|(first, ..)| *first >= removed as u64);
        }
        let options = Options { key: Some(key()), checkpoints: Some(("mirror".to_owned(), checkpoint(&writer.lines).into_bytes())) };
        let report = verify(&memory, &options, &mut |_| {}).unwrap();
        prop_assert!(report.is_sound(), "{:#?}", report.breaks);
        prop_assert_eq!(report.first + report.records, writer.lines.len() as u64);
        prop_assert_eq!(report.uncovered(), 0);
    }
}
