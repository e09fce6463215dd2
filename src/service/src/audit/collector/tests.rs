use std::sync::atomic::AtomicU64;

use serde_json::json;

use super::*;
use crate::audit::fixtures::{Chain, TIME, decision, sample, write};
use crate::audit::query::Query;
use crate::audit::record::Line;
use crate::audit::segments;

fn settings(folder: &std::path::Path) -> Audit {
    Audit {
        directory: folder.join("log"),
        listen: "127.0.0.1:0".parse().unwrap(),
        signing_key: folder.join("audit-key.json"),
        segment_bytes: 4000,
        ..Audit::default()
    }
}

async fn indexed(collector: &Collector, records: u64) {
    for _ in 0..1000 {
        if collector.index.filled().await.unwrap() == records {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", collector.index.filled().await);
}

#[tokio::test]
async fn the_collector_removes_what_is_old_from_the_log_and_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(TIME));
    let clock = {
        let now = Arc::clone(&now);
        Clock::new(move || UnixMillis(now.load(Ordering::SeqCst)))
    };
    let collector =
        Arc::new(Collector::open(&settings(folder.path()), clock.clone()).await.unwrap());
    let tasks = collector.run();
    let mut chain = Chain::new(1);
    for n in 0..40 {
        let line = chain.line(&decision(n, &format!("r-{n}"), &json!({})));
        collector.log.append(vec![Line::parse(&line).unwrap().into()]).await.unwrap();
        now.fetch_add(60_000, Ordering::SeqCst);
    }
    indexed(&collector, 40).await;
    collector.prune(20 * 60_000).await.unwrap();
    let first = segments::list(&collector.directory).unwrap()[0];
    assert!(first > 10 && first < 30, "{first}");
    let all = Query::parse("", clock.now()).unwrap();
    let page = collector.index.search(&all, None, 200).await.unwrap();
    assert_eq!(page.rows.last().unwrap().index, first);
    assert_eq!(collector.index.record(first - 1).await.unwrap(), None);
    drop(tasks);
    collector.close().await;
    drop(collector);

    // The next start goes on, with the index as it is and with one made anew.
    for _ in 0..2 {
        let collector =
            Arc::new(Collector::open(&settings(folder.path()), clock.clone()).await.unwrap());
        let tasks = collector.run();
        indexed(&collector, 40).await;
        let page = collector.index.search(&all, None, 200).await.unwrap();
        assert_eq!(page.rows.len(), usize::try_from(40 - first).unwrap());
        drop(tasks);
        collector.close().await;
        for file in ["index.db", "index.db-wal", "index.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join("log").join(file));
        }
    }
}

#[tokio::test]
async fn a_log_without_checkpoints_and_index_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("log"), &sample(), 5);
    let collector =
        Arc::new(Collector::open(&settings(folder.path()), Clock::system()).await.unwrap());
    let tasks = collector.run();
    indexed(&collector, 14).await;
    drop(tasks);
    collector.close().await;
    assert!(collector.log.checkpoint().starts_with("scopewarden-audit\n14\n"));
}
