use proptest::prelude::*;
use scopewarden_core::time::UnixMillis;

use super::*;
use crate::audit::fixtures::{Chain, TIME, decision, sample, write};
use crate::audit::query::Query;
use crate::databases::databases;
use serde_json::json;

const NOW: UnixMillis = UnixMillis(TIME + 7_200_000);

async fn full(index: &Index, until: u64) {
    let mut before = None;
    loop {
        let filled = index.fill(until).await.unwrap();
        assert_ne!(before, Some(filled), "no progress");
        if filled == until {
            return;
        }
        before = Some(filled);
    }
}

/// An index of these lines, on each database.
async fn indexes(lines: &[String], each: usize) -> Vec<(Index, tempfile::TempDir)> {
    let mut all = Vec::new();
    for database in databases().await {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), lines, each);
        let url = Some(&*database.url).filter(|url| !url.starts_with("sqlite"));
        let index = Index::open(url, folder.path()).await.unwrap();
        full(&index, u64::try_from(lines.len()).unwrap()).await;
        all.push((index, folder));
    }
    all
}

async fn found(index: &Index, query: &str) -> Vec<u64> {
    let query = Query::parse(query, NOW).unwrap();
    let page = index.search(&query, None, 200).await.unwrap();
    page.rows.iter().map(|row| row.index).collect()
}

#[tokio::test]
async fn the_audit_index_answers_who_did_what() {
    for (index, _folder) in indexes(&sample(), 5).await {
        for (query, expected) in [
            ("", &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0][..]),
            ("operation=openai.models.delete model=ft-1", &[7, 6]),
            ("operation=openai.*.delete kind=decision", &[7, 5]),
            ("approver=carol approver=bob tier=destroy", &[7, 6]),
            ("approver!=bob tier=destroy", &[5]),
            ("masked=email", &[4, 2]),
            ("masked=e* principal!=mallory", &[4, 2]),
            ("decision=deny", &[5]),
            ("principal=mallory status=4*", &[5]),
            ("path=/v1/*script*", &[5]),
            ("\"clean the old\"", &[2]),
            ("clea* OLD", &[2]),
            ("ft-1", &[7, 6, 4]),
            ("ft-1 model=ft-1 kind!=intent", &[7]),
            ("kind=gap", &[10]),
            ("shadow=no-night-work", &[8]),
            ("shadow=denied_* principal=alice", &[8]),
            ("since=2026-11-24T10:30:00Z", &[13, 12]),
            ("until=2026-11-24T10:00:02Z", &[1, 0]),
            ("since=2026-11-24T10:00:02Z until=2026-11-24T10:00:04Z", &[3, 2]),
            ("since=2030-01-01", &[]),
            ("until=2020-01-01", &[]),
            ("session=conversation:conv_7", &[7, 6]),
            ("session=response:resp_1", &[4, 2]),
            ("session=mcp:*", &[9]),
            ("issuer=https://idp.test/ surface=openai method=POST", &[4, 2]),
            ("trace=4b* policy=acme reason=ok record=r-5 approval=apr_1 tool!=x", &[7, 6]),
            ("stream=0000000000000000000000000000002b seq", &[]),
        ] {
            assert_eq!(found(&index, query).await, expected, "{query} {:?}", index.kind);
        }
        index.close().await;
    }
}

#[tokio::test]
async fn audit_records_are_found_with_their_neighbours_and_sessions() {
    let lines = sample();
    for (index, _folder) in indexes(&lines, 3).await {
        let found = index.record(4).await.unwrap().unwrap();
        assert_eq!(found.row.line, lines[4]);
        assert_eq!(found.row.session.as_deref(), Some("response:resp_1"));
        assert_eq!((found.before, found.after), (Some(3), Some(5)));
        let next: Value = serde_json::from_str(&lines[5]).unwrap();
        assert_eq!(next["prev"], found.hash);
        assert_eq!(index.record(0).await.unwrap().unwrap().before, None);
        assert_eq!(index.record(13).await.unwrap().unwrap().after, None);
        assert_eq!(index.record(14).await.unwrap(), None);
        let session = index.session("response:resp_1").await.unwrap();
        assert_eq!(session.iter().map(|row| row.index).collect::<Vec<_>>(), [2, 4]);
        assert!(index.session("").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn audit_pages_follow_each_other() {
    let mut chain = Chain::new(1);
    let many: Vec<String> = (0..300)
        .map(|n| {
            let tier = if n % 3 == 0 { "read" } else { "write" };
            chain.line(&decision(n, &format!("r-{n}"), &json!({"tier": tier})))
        })
        .collect();
    for (index, _folder) in indexes(&many, 70).await {
        let query = Query::parse("tier=read", NOW).unwrap();
        let (mut before, mut all) = (None, Vec::new());
        loop {
            let page = index.search(&query, before, 7).await.unwrap();
            all.extend(page.rows.iter().map(|row| row.index));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(all, (0..300).rev().filter(|n| n % 3 == 0).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_audit_index_of_another_log_is_made_anew() {
    let lines = sample();
    for (index, folder) in indexes(&lines, 5).await {
        let size = u64::try_from(lines.len()).unwrap();
        index.check(0, size).await.unwrap();
        assert_eq!(index.filled().await.unwrap(), size);
        // Behind: nothing is lost. Ahead, or of another last line: everything is.
        index.check(0, size + 1).await.unwrap();
        assert_eq!(index.filled().await.unwrap(), size);
        index.check(0, size - 1).await.unwrap();
        assert_eq!(index.filled().await.unwrap(), 0);
        full(&index, size).await;
        let last = folder.path().join("segments/00000000000000000010.jsonl");
        let text = std::fs::read_to_string(&last).unwrap();
        std::fs::write(
            &last,
            text.replace("10:00:01.000Z\"}", "10:00:02.000Z\"}").replace("11:00:01", "11:00:02"),
        )
        .unwrap();
        index.check(0, size).await.unwrap();
        assert_eq!(index.filled().await.unwrap(), 0);
        full(&index, size).await;
        assert_eq!(found(&index, "kind=end").await, [13]);
    }
}

#[tokio::test]
async fn the_audit_index_forgets_what_the_log_no_longer_has() {
    for (index, folder) in indexes(&sample(), 5).await {
        std::fs::remove_file(folder.path().join("segments/00000000000000000000.jsonl")).unwrap();
        index.forget(5).await.unwrap();
        assert_eq!(found(&index, "").await, (5..14).rev().collect::<Vec<_>>());
        assert_eq!(found(&index, "clean").await, [0; 0]);
        assert_eq!(found(&index, "masked=email").await, [0; 0]);
        // Made anew it begins with what is there.
        index.reset().await.unwrap();
        full(&index, 14).await;
        assert_eq!(found(&index, "").await, (5..14).rev().collect::<Vec<_>>());
    }
}

/// Terms that exist, so that they meet.
fn term() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "principal=alice",
        "principal!=alice",
        "tier=destroy",
        "decision=deny",
        "operation=openai.*",
        "operation!=*.delete",
        "status=2*",
        "status!=200",
        "masked=email",
        "masked!=email",
        "approver=bob",
        "approver!=*",
        "path=*models*",
        "kind=decision",
        "kind!=decision",
        "since=2026-11-24T10:00:05Z",
        "until=2026-11-24T10:00:08Z",
        "models",
        "\"v1 models\"",
        "mod*",
        "ft",
        "session=conversation:*",
        "session=*",
        "surface=\"a*\"",
        "model=ft_1",
        "model=ft%",
        "path=/v1/[m]*",
    ])
    .prop_map(str::to_owned)
}

#[test]
fn the_audit_index_finds_what_a_query_matches() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let lines = sample();
    let all = runtime.block_on(indexes(&lines, 4));
    let queries = prop::collection::vec(term(), 0..4).prop_map(|terms| terms.join(" "));
    proptest!(ProptestConfig::with_cases(300), |(text in queries, newest in 0..6_i64)| {
        let query = Query::parse(&text, NOW).unwrap();
        let wanted: Vec<u64> = (0..14_u64).rev().filter(|n| {
            let record = serde_json::from_str(&lines[usize::try_from(*n).unwrap()]).unwrap();
            query.matches(&record)
        }).collect();
        for (index, _) in &all {
            let index = &Index { newest, ..index.clone() };
            let found = runtime.block_on(found(index, &text));
            prop_assert_eq!(&found, &wanted, "{} {:?}", text, index.kind);
        }
    });
}
