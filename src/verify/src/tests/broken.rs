//! What is wrong is said as what it is.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::writer::{
    Memory, Writer, checkpoint, collected, hex, joined, key, name, pruned, several,
};
use crate::{BreakKind, File, Options, Report, verify};

fn kinds(report: &Report) -> Vec<(BreakKind, Option<u64>)> {
    report.breaks.iter().map(|b| (b.kind, b.place.index)).collect()
}

/// A log that is only lines: nothing but their chains vouches for it.
fn bare(lines: &[Vec<u8>]) -> Memory {
    Memory { segments: vec![(0, joined(lines), String::new())], pruned: None }
}

fn one_stream(records: u64) -> Writer {
    let mut writer = Writer::default();
    writer.begin(1);
    (1..records).for_each(|record| writer.decide(1, record));
    writer
}

fn replaced(line: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(line.to_vec()).unwrap();
    assert!(text.contains(from), "{text}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn a_change_is_told_from_a_change_of_its_link() {
    let writer = one_stream(10);
    let mut lines = writer.lines.clone();
    lines[4] = replaced(&lines[4], "allow", "denyx");
    assert_eq!(kinds(&bare(&lines).verify()), [(BreakKind::Changed, Some(4))]);
    let mut lines = writer.lines.clone();
    let prev = hex(&Sha256::digest(&lines[3]));
    lines[4] = replaced(&lines[4], &prev, &"ab".repeat(32));
    // The one before it may have been changed as well.
    let report = bare(&lines).verify();
    assert_eq!(kinds(&report), [(BreakKind::Changed, Some(3))]);
    assert_eq!(report.breaks[0].place.until, Some(5));
    let mut lines = writer.lines;
    lines[4] = replaced(&lines[4], "\"seq\":4", "\"seq\":400");
    assert_eq!(kinds(&bare(&lines).verify()), [(BreakKind::Renumbered, Some(4))]);
}

#[test]
fn records_that_are_gone_are_counted() {
    let mut lines = one_stream(10).lines;
    lines.drain(3..6);
    let report = bare(&lines).verify();
    assert_eq!(kinds(&report), [(BreakKind::Missing, Some(3))]);
    assert_eq!(report.breaks[0].what, "3 records of its stream missing before it: seq 3 to 5");
    let report = bare(&one_stream(10).lines[2..]).verify();
    assert_eq!(report.breaks[0].what, "2 records of its stream missing before it: seq 0 to 1");
}

#[test]
fn records_that_the_sink_refused_are_declared() {
    let mut writer = one_stream(10);
    writer.write(1, &json!({"kind": "gap", "dropped": 2, "because": "refused", "refused": [4, 7]}));
    let mut lines = writer.lines.clone();
    lines.remove(7);
    lines.remove(4);
    let report = bare(&lines).verify();
    assert!(report.is_sound(), "{:#?}", report.breaks);
    lines.remove(4);
    let report = bare(&lines).verify();
    assert_eq!(report.breaks[0].what, "1 record of its stream missing before it: seq 4 to 5");
}

#[test]
fn a_swap_is_no_loss() {
    let mut lines = one_stream(10).lines;
    lines.swap(4, 5);
    assert_eq!(kinds(&bare(&lines).verify()), [(BreakKind::Moved, Some(5))]);
}

#[test]
fn the_same_again_is_told_from_another() {
    let writer = one_stream(10);
    let mut lines = writer.lines.clone();
    lines.push(lines[4].clone());
    let report = bare(&lines).verify();
    assert_eq!(kinds(&report), [(BreakKind::Duplicate, Some(10))]);
    assert_eq!(report.breaks[0].what, "it is record 4 again");
    // A second history from record 4 on.
    let mut fork = one_stream(4);
    (0..3).for_each(|record| fork.decide(1, 100 + record));
    let mut lines = writer.lines;
    lines.extend_from_slice(&fork.lines[4..]);
    let report = bare(&lines).verify();
    assert_eq!(
        kinds(&report),
        [(BreakKind::Fork, Some(10)), (BreakKind::Fork, Some(11)), (BreakKind::Fork, Some(12))]
    );
    assert_eq!(report.breaks[0].what, "record 4 is another one with the same number");
}

#[test]
fn what_a_proxy_knew_and_the_log_has_not_is_lost() {
    let mut writer = one_stream(10);
    writer.begin(2);
    writer.write(2, &json!({"kind": "head", "of": writer.head_of(1), "because": "lost"}));
    let mut lines = writer.lines.clone();
    lines.drain(7..10);
    let report = bare(&lines).verify();
    assert_eq!(kinds(&report), [(BreakKind::Lost, Some(8))]);
    assert!(report.breaks[0].what.ends_with("up to 6: 3 records of that stream were lost"));
    lines.drain(..7);
    let report = bare(&lines).verify();
    assert!(report.breaks[0].what.ends_with("had 10 records: the log has none"));
    // The last record is there, and another.
    let mut lines = writer.lines;
    lines[9] = replaced(&lines[9], "allow", "denyx");
    assert_eq!(kinds(&bare(&lines).verify()), [(BreakKind::Changed, Some(9))]);
}

#[test]
fn a_stream_begins_once_and_ends_once() {
    let mut writer = Writer::default();
    writer.decide(1, 1);
    writer.write(1, &json!({"kind": "stream", "instance": "a"}));
    writer.end(1);
    writer.decide(1, 2);
    assert_eq!(
        kinds(&bare(&writer.lines).verify()),
        [
            (BreakKind::Malformed, Some(0)),
            (BreakKind::Malformed, Some(1)),
            (BreakKind::AfterEnd, Some(3)),
        ]
    );
}

#[test]
fn segments_follow_each_other() {
    let writer = several(50, 3);
    let whole = collected(&writer.lines, 10, 10);
    for gone in [0, 2] {
        let mut log = whole.clone();
        log.segments.remove(gone);
        let report = log.verify();
        assert_eq!(report.breaks[0].kind, BreakKind::Segment, "{report:#?}");
    }
    // The last one: only a checkpoint kept elsewhere tells, when the log's own went with it.
    let mut log = whole.clone();
    log.segments.remove(4);
    assert_eq!(log.verify().breaks_total, 0);
    let options = Options {
        key: Some(key()),
        checkpoints: Some(("mirror".to_owned(), checkpoint(&writer.lines).into_bytes())),
    };
    let report = verify(&log, &options, &mut |_| {}).unwrap();
    assert_eq!(kinds(&report), [(BreakKind::Cut, Some(40))]);
    assert!(report.breaks[0].what.ends_with("is of 50 records: 10 records are missing at the end"));
    let mut log = whole.clone();
    log.segments[1].1.extend_from_slice(b"{\"v\":1");
    assert_eq!(kinds(&log.verify()), [(BreakKind::Torn, Some(20))]);
    let mut log = whole;
    log.segments[1].1.truncate(20);
    assert_eq!(log.verify().breaks[0].kind, BreakKind::Torn);
}

#[test]
fn a_root_that_differs_names_the_records_since_the_last_that_agreed() {
    let writer = several(50, 3);
    let mut lines = writer.lines.clone();
    // Neighbours of different streams: no chain is broken.
    let at = (21..29).find(|at| writer.of[*at].0 != writer.of[*at + 1].0).unwrap();
    lines.swap(at, at + 1);
    let mut log = collected(&writer.lines, 50, 10);
    log.segments[0].1 = joined(&lines);
    let report = log.verify();
    assert_eq!(kinds(&report), [(BreakKind::Root, Some(20))]);
    assert_eq!(report.breaks[0].place.until, Some(30));
    assert_eq!(report.checkpoints.agree, 2);
}

#[test]
fn an_account_of_removed_records_has_to_fit() {
    let writer = several(50, 3);
    let mut log = collected(&writer.lines, 10, 10);
    log.segments.drain(..2);
    log.pruned = Some(pruned(&writer, 20));
    assert!(log.verify().is_sound());
    let good = log.pruned.clone().unwrap();
    log.pruned = None;
    assert_eq!(log.verify().breaks[0].kind, BreakKind::Segment);
    for (from, to) in
        [("\n20\n", "\n30\n"), ("frontier", "frontiex"), ("test-audit/pruned", "test-audit")]
    {
        log.pruned = Some(good.replace(from, to));
        let report = log.verify();
        assert!(report.breaks.iter().any(|b| b.kind == BreakKind::Pruned), "{from}: {report:#?}");
    }
    // One that is signed, and of other records.
    let mut other = writer.clone();
    other.lines.swap(3, 4);
    log.pruned = Some(pruned(&other, 20));
    assert_eq!(log.verify().breaks[0].kind, BreakKind::Root);
}

#[test]
fn checkpoints_of_another_key_or_log_are_none() {
    let writer = several(10, 2);
    let mut log = collected(&writer.lines, 10, 10);
    for (from, to) in [
        ("\n10\n", "\n010\n"),
        ("\n10\n", "\n9\n"),
        ("— test-audit", "— other"),
        ("test-audit\n10", "other\n10"),
        ("\n\n— ", "\n— "),
    ] {
        let good = std::mem::take(&mut log.segments[0].2);
        log.segments[0].2 = good.replace(from, to);
        let report = log.verify();
        let found = report.breaks.iter().any(|b| b.kind == BreakKind::Checkpoint);
        assert!(found || report.remarks_total > 0, "{to}: {report:#?}");
        assert_eq!(report.checkpoints.agree, 0, "{to}");
        log.segments[0].2 = good;
    }
}

#[test]
fn a_file_is_a_log_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.jsonl");
    let writer = several(100, 4);
    std::fs::write(&path, joined(&writer.lines)).unwrap();
    let file = File(path.clone());
    assert!(verify(&file, &Options::default(), &mut |_| {}).unwrap().is_sound());
    std::fs::write(&path, joined(&writer.lines[..40])).unwrap();
    let report = verify(&file, &Options::default(), &mut |_| {}).unwrap();
    assert!(report.is_sound() && report.remarks_total == 4);
    std::fs::remove_file(&path).unwrap();
    let error = verify(&file, &Options::default(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().starts_with("cannot read `"), "{error}");
}

#[test]
fn places_say_what_is_known() {
    let mut lines = one_stream(4).lines;
    lines[1] = b"{}".to_vec();
    let report = bare(&lines).verify();
    assert_eq!(
        report.breaks[0].place.to_string(),
        "segments/00000000000000000000.jsonl:2 (record 1)"
    );
    assert_eq!(
        report.breaks[1].place.to_string(),
        format!("segments/00000000000000000000.jsonl:3 (record 2, seq 2 of stream {})", name(1))
    );
}
