use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use base64::Engine as _;
use proptest::prelude::*;
use scopewarden_core::time::UnixMillis;
use serde_json::{Value, json};

use super::tail::{Medium, Opener, files};
use super::*;
use crate::audit::fixtures::{Chain, TIME, decision, opening};
use crate::audit::record::Line;
use crate::audit::segments;

mod disk;
mod old;

const ORIGIN: &str = "test-log";

fn notary(seed: u8) -> Arc<Notary> {
    let key = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([seed; 32]));
    Arc::new(Notary::new(ORIGIN, key.as_ref()).unwrap())
}

fn config(directory: &Path) -> Config {
    Config {
        directory: directory.to_owned(),
        segment_bytes: 3000,
        mirror: None,
        notary: notary(1),
        clock: Clock::new(|| UnixMillis(TIME)),
        open: files(),
        metrics: Arc::default(),
    }
}

fn entries(lines: &[String]) -> Vec<Entry> {
    lines.iter().map(|line| Line::parse(line).unwrap().into()).collect()
}

fn lines(stream: u128, count: usize) -> Vec<String> {
    let mut chain = Chain::new(stream);
    (0..count)
        .map(|n| match n {
            0 => chain.line(&opening(0)),
            n => chain.line(&decision(1, &format!("{stream}-{n}"), &json!({}))),
        })
        .collect()
}

/// Every line of a log, in order.
pub(crate) fn all_lines(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for first in segments::list(directory).unwrap() {
        let text = std::fs::read_to_string(segments::records(directory, first)).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        found.extend(text.lines().map(str::to_owned));
    }
    found
}

/// Computes everything anew: chains, and the root of every checkpoint. Returns the lines and the largest checkpoint.
pub(crate) fn verify(directory: &Path, notary: &Notary) -> (Vec<String>, u64) {
    let lines = all_lines(directory);
    let leaves: Vec<_> = lines.iter().map(|line| merkle::leaf(line)).collect();
    let mut heads: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for line in &lines {
        let record: Value = serde_json::from_str(line).unwrap();
        let (stream, seq) = (record["stream"].as_str().unwrap(), record["seq"].as_u64().unwrap());
        let expected = heads.get(stream).cloned().unwrap_or((0, "0".repeat(64)));
        assert_eq!((seq, record["prev"].as_str().unwrap()), (expected.0, &*expected.1), "{line}");
        let hash = scopewarden_core::hex::hex(&crate::audit::record::hash(line));
        heads.insert(stream.to_owned(), (seq.saturating_add(1), hash));
    }
    let mut largest = 0;
    for first in segments::list(directory).unwrap() {
        let text = std::fs::read_to_string(segments::notes(directory, first)).unwrap();
        let (notes, end) = note::split(&text);
        assert_eq!(end, text.len());
        for note in notes {
            let mut parts = notary.open(note).unwrap().lines();
            assert_eq!(parts.next(), Some(ORIGIN));
            let size: u64 = parts.next().unwrap().parse().unwrap();
            let root = merkle::tests::slow(&leaves[..usize::try_from(size).unwrap()]);
            let root = base64::engine::general_purpose::STANDARD.encode(root);
            assert_eq!(parts.next(), Some(&*root), "checkpoint of {size}");
            assert!(size >= largest);
            largest = size;
        }
    }
    (lines, largest)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_and_signed() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = folder.path().join("mirror");
    let mut config = config(&folder.path().join("log"));
    config.mirror = Some(mirror.clone());
    let log = Log::open(config).unwrap();
    let sent = lines(1, 20);
    assert_eq!(log.append(entries(&sent)).await, Ok(vec![Fate::Stored; 20]));
    assert_eq!(*log.size().borrow(), 20);
    log.close().await;
    let (found, signed) = verify(&folder.path().join("log"), &notary(1));
    assert_eq!((found, signed), (sent, 20));
    let mirrored = std::fs::read_to_string(&mirror).unwrap();
    assert_eq!(
        note::split(&mirrored).0.last().map(|note| Arc::from(*note)),
        Some(log.checkpoint())
    );
    assert_eq!(log.append(Vec::new()).await, Err(Unavailable));
}

#[tokio::test]
async fn a_record_comes_twice_and_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(config(folder.path())).unwrap();
    let sent = lines(1, 6);
    let forged = sent[2].replace("alice", "mallory");
    assert_ne!(forged, sent[2]);
    use Fate::{Conflict, Duplicate, Stored};
    // In one request, and in another.
    let batch =
        [sent[0].clone(), sent[1].clone(), sent[1].clone(), sent[2].clone(), forged.clone()];
    let fates = log.append(entries(&batch)).await.unwrap();
    assert_eq!(fates, [Stored, Stored, Duplicate, Stored, Conflict]);
    let batch = [forged, sent[2].clone(), sent[5].clone(), sent[3].clone()];
    let fates = log.append(entries(&batch)).await.unwrap();
    // A gap is kept, and can be filled.
    assert_eq!(fates, [Conflict, Duplicate, Stored, Stored]);
    log.close().await;
    drop(log);
    // After a start the same is known.
    let metrics = Arc::new(Metrics::default());
    let log = Log::open(Config { metrics: Arc::clone(&metrics), ..config(folder.path()) }).unwrap();
    let fates = log.append(entries(&sent)).await.unwrap();
    assert_eq!(fates, [Duplicate, Duplicate, Duplicate, Duplicate, Stored, Duplicate]);
    assert_eq!(metrics.broken_links.load(Ordering::Relaxed), 0);
    let other = lines(2, 3);
    assert_eq!(log.append(entries(&other[..1])).await.unwrap(), [Stored]);
    // Another beginning of the same stream.
    let unlinked = Chain::new(2).line(&opening(9));
    assert_eq!(log.append(entries(&[unlinked])).await.unwrap(), [Conflict]);
    log.close().await;
    assert_eq!(all_lines(folder.path()).len(), 7);
}

#[test]
fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(config(folder.path())).unwrap();
    let error = Log::open(config(folder.path())).unwrap_err();
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    runtime().block_on(log.close());
    Log::open(config(folder.path())).unwrap();
}

#[tokio::test]
async fn checkpoints_are_made_while_records_come() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(Config { segment_bytes: 1 << 30, ..config(folder.path()) }).unwrap();
    let sent = lines(1, 2500);
    for chunk in sent.chunks(100) {
        log.append(entries(chunk)).await.unwrap();
    }
    let checkpoint =
        |log: &Log| -> u64 { log.checkpoint().lines().nth(1).unwrap().parse().unwrap() };
    assert!(checkpoint(&log) >= 1500, "{}", checkpoint(&log));
    for _ in 0..100 {
        if checkpoint(&log) == 2500 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(checkpoint(&log), 2500, "within a second or two");
    log.close().await;
    assert_eq!(verify(folder.path(), &notary(1)).1, 2500);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However the records of several senders are cut into requests, and however those meet: the log has each once, each
    /// stream in order, and every checkpoint is of what is there.
    #[test]
    fn any_split_gives_the_same_log(
        cuts in prop::collection::vec(prop::collection::vec(1..9_usize, 1..20), 3),
        again in any::<bool>(),
        restart in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let senders: Vec<Vec<String>> = (1..=3).map(|stream| lines(stream, 40)).collect();
        runtime().block_on(async {
            let mut log = Arc::new(Log::open(config(folder.path())).unwrap());
            for half in [0..20, 20..40] {
                let mut tasks = tokio::task::JoinSet::new();
                for (sent, cuts) in senders.iter().zip(cuts.clone()) {
                    let (log, sent) = (Arc::clone(&log), sent[half.clone()].to_vec());
                    tasks.spawn(async move {
                        let mut rest = &*sent;
                        for cut in cuts.iter().cycle() {
                            if rest.is_empty() {
                                break;
                            }
                            let (batch, after) = rest.split_at((*cut).min(rest.len()));
                            let fates = log.append(entries(batch)).await.unwrap();
                            assert!(fates.iter().all(|fate| *fate == Fate::Stored));
                            if again {
                                let fates = log.append(entries(batch)).await.unwrap();
                                assert!(fates.iter().all(|fate| *fate == Fate::Duplicate));
                            }
                            rest = after;
                        }
                    });
                }
                while let Some(done) = tasks.join_next().await {
                    done.unwrap();
                }
                if restart {
                    log.close().await;
                    drop(log);
                    log = Arc::new(Log::open(config(folder.path())).unwrap());
                }
            }
            log.close().await;
        });
        let (found, signed) = verify(folder.path(), &notary(1));
        prop_assert_eq!((found.len(), signed), (120, 120));
        for sent in senders {
            let of: Vec<_> = found.iter().filter(|line| line.get(..50) == sent[0].get(..50)).cloned().collect();
            prop_assert!(of == sent);
        }
    }
}
