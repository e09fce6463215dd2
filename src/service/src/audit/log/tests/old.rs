//! Segments that are removed when they are old.

use super::*;

/// A clock that is set by hand.
fn clock(now: &Arc<AtomicU64>) -> Clock {
    let now = Arc::clone(now);
    Clock::new(move || UnixMillis(now.load(Ordering::SeqCst)))
}

#[tokio::test]
async fn what_is_old_goes_and_the_rest_stays_verifiable() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(TIME));
    let open = || Log::open(Config { clock: clock(&now), ..config(folder.path()) }).unwrap();
    let sent = lines(1, 60);
    let log = open();
    for chunk in sent[..50].chunks(3) {
        log.append(entries(chunk)).await.unwrap();
        now.fetch_add(60_000, Ordering::SeqCst);
    }
    let before = segments::list(folder.path()).unwrap();
    let until = UnixMillis(TIME + 8 * 60_000);
    let first = prune(folder.path(), &notary(1), until).unwrap().unwrap();
    assert!(first > 5 && first < 50, "{first}");
    assert_eq!(prune(folder.path(), &notary(1), until).unwrap(), None);
    let left = segments::list(folder.path()).unwrap();
    assert_eq!(left, before.into_iter().filter(|segment| *segment >= first).collect::<Vec<_>>());
    log.append(entries(&sent[50..55])).await.unwrap();
    log.close().await;
    drop(log);

    // What the note says is enough to go on, from the last segment and from all of them.
    std::fs::remove_dir_all(folder.path().join("state")).unwrap();
    let log = open();
    assert_eq!((*log.size().borrow(), log.first()), (55, first));
    assert_eq!(log.append(entries(&sent[..2])).await.unwrap(), [Fate::Old, Fate::Old]);
    log.append(entries(&sent[55..])).await.unwrap();
    log.close().await;
    let leaves: Vec<_> = sent.iter().map(|line| merkle::leaf(line)).collect();
    let root = base64::engine::general_purpose::STANDARD.encode(merkle::tests::slow(&leaves));
    assert_eq!(log.checkpoint().lines().nth(2), Some(&*root));

    // The note is as the contract has it.
    let note = std::fs::read_to_string(folder.path().join("pruned")).unwrap();
    let text = notary(1).open(&note).unwrap().to_owned();
    let [origin, removed, json] = &*text.lines().collect::<Vec<_>>() else { panic!("{text}") };
    assert_eq!((*origin, *removed), ("test-log/pruned", &*first.to_string()));
    let json: Value = serde_json::from_str(json).unwrap();
    let head = usize::try_from(first).unwrap() - 1;
    let hash = scopewarden_core::hex::hex(&crate::audit::record::hash(&sent[head]));
    assert_eq!(json["heads"], json!({format!("{:032x}", 1): {"seq": head, "hash": hash}}));
    let peaks = json["frontier"].as_array().unwrap().len();
    assert_eq!(u32::try_from(peaks).unwrap(), first.count_ones());

    // Removing that was interrupted is finished; a note of another key is not believed.
    std::fs::write(segments::records(folder.path(), 0), "{}\n").unwrap();
    open().close().await;
    assert!(!segments::records(folder.path(), 0).exists());
    let error = Log::open(Config { notary: notary(2), ..config(folder.path()) }).unwrap_err();
    assert!(error.to_string().contains("`pruned`"), "{error}");
}

#[tokio::test]
async fn the_newest_segment_is_never_old() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(config(folder.path())).unwrap();
    log.append(entries(&lines(1, 2))).await.unwrap();
    log.close().await;
    assert_eq!(prune(folder.path(), &notary(1), UnixMillis(u64::MAX)).unwrap(), None);
    assert_eq!(all_lines(folder.path()).len(), 2);
}
