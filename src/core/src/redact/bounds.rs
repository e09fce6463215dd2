//! What it costs at most, whatever comes.
#![expect(clippy::arithmetic_side_effects, reason = "on constants")]

use std::sync::Arc;

use super::tests::all;
use super::*;

/// Most that is held of a body, besides an event that has begun.
const HELD: usize = 16 * 1024;

fn rules(on_uncertain: OnUncertain) -> Arc<Rules> {
    Arc::new(Rules { on_uncertain, ..all() })
}

/// Feeds pieces until something stops it. Most that was held, and how much came out.
fn feed<P: AsRef<[u8]>>(
    masker: &mut Masker,
    pieces: impl IntoIterator<Item = P>,
) -> Result<(usize, usize), Stop> {
    let (mut held, mut length) = (0, 0);
    let mut out = Vec::new();
    for piece in pieces {
        masker.feed(piece.as_ref(), &mut out)?;
        held = held.max(masker.held());
        length += out.len();
        out.clear();
    }
    Ok((held, length))
}

#[test]
fn deep_nesting() {
    for (kind, piece) in [
        (Kind::Json, "[".repeat(100_000)),
        (Kind::Json, "{\"a\":".repeat(100_000)),
        (Kind::Sse, format!("data: {}\n\n", "[".repeat(100_000))),
        (Kind::Sse, format!("data: {{\"delta\":\"{}\"}}\n\n", "[".repeat(100_000))),
        (Kind::Json, format!("[\"{}\"]", "[".repeat(100_000))),
    ] {
        let stop = Err(Stop::Uncertain(Uncertain::TooDeep));
        let mut masker = Masker::new(rules(OnUncertain::Block), kind);
        assert_eq!(feed(&mut masker, [&piece]), stop, "{kind:?}");
        // Or it goes on as text.
        let mut masker = Masker::new(rules(OnUncertain::Scan), kind);
        let mut out = Vec::new();
        let piece = format!("{} bob@example.com", piece.trim_end());
        masker.feed(piece.as_bytes(), &mut out).unwrap();
        masker.finish(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, piece.replace("bob@example.com", "[masked:email]"));
    }
}

#[test]
fn a_string_without_end() {
    let piece = "lorem ipsum, dolor sit amet. ".repeat(40);
    let pieces = || std::iter::repeat_n(&piece, 3000);
    for (kind, start) in [(Kind::Json, "{\"a\":\""), (Kind::Text, "x ")] {
        let mut masker = Masker::new(rules(OnUncertain::Block), kind);
        feed(&mut masker, [start]).unwrap();
        let (held, length) = feed(&mut masker, pieces()).unwrap();
        assert!(held < 64 && length > 3000 * 1000, "{kind:?}: {held}, {length}");
    }
}

#[test]
fn a_candidate_without_end() {
    let piece = "Ab3dEf6hIj9kLm2nOp5qRs8t".repeat(40);
    for start in ["sk-", "eyJ", "postgres://a:", "bob@", "password=", ""] {
        let begin = format!("{{\"a\":\"{start}");
        let mut masker = Masker::new(rules(OnUncertain::Block), Kind::Json);
        feed(&mut masker, [&begin]).unwrap();
        let (held, _) = feed(&mut masker, std::iter::repeat_n(&piece, 1000)).unwrap();
        assert!(held < HELD, "{start}: {held}");
    }
}

#[test]
fn an_event_without_end() {
    for start in ["data: ", ": ", "", "data: {\"a\":\""] {
        let pieces = || std::iter::once(start).chain(std::iter::repeat_n("some text, ", 100_000));
        let mut masker = Masker::new(rules(OnUncertain::Block), Kind::Sse);
        let stop = Err(Stop::Uncertain(Uncertain::EventTooLong));
        assert_eq!(feed(&mut masker, pieces()), stop);
        let mut masker = Masker::new(rules(OnUncertain::Scan), Kind::Sse);
        let (held, length) = feed(&mut masker, pieces()).unwrap();
        assert!(held <= 256 * 1024 && length > 1_000_000, "{held}, {length}");
    }
}

#[test]
fn choices_without_end() {
    let event = |n: usize| {
        format!("data: {{\"choices\":[{{\"index\":{n},\"delta\":{{\"content\":\"bob\"}}}}]}}\n\n")
    };
    let stop = Err(Stop::Uncertain(Uncertain::TooManyChannels));
    let mut masker = Masker::new(rules(OnUncertain::Block), Kind::Sse);
    assert_eq!(feed(&mut masker, (0..10_000).map(event)), stop);
    let mut masker = Masker::new(rules(OnUncertain::Scan), Kind::Sse);
    let (held, _) = feed(&mut masker, (0..10_000).map(event)).unwrap();
    assert!(held <= 256 * 3 + 300, "{held}");
    // Those that have ended do not count.
    let end = |n: usize| {
        format!(
            "data: {{\"choices\":[{{\"index\":{n},\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n"
        )
    };
    let mut masker = Masker::new(rules(OnUncertain::Block), Kind::Sse);
    assert!(feed(&mut masker, (0..10_000).flat_map(|n| [event(n), end(n)])).is_ok());
}
