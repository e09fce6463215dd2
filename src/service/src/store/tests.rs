//! The same on every database.

use crate::databases::databases;
use crate::domain::{Approval, Event, People, Rules, Status};
use crate::fixtures::*;
use crate::store::{Change, OpenError, Store, open};

fn change((approval, event): (Approval, Event)) -> Change {
    Change { approval, event, at: NOW }
}

fn opened(id: &str, path: &str) -> (Approval, Event) {
    let call = call(path, 1);
    Approval::open(id.into(), "rec".into(), call, Default::default(), NOW)
}

fn decided(approval: &Approval) -> (Approval, Event) {
    let people = People::default();
    let rules = Rules { people: &people, break_glass: None };
    approval.decide(&yes(), &approver("bo"), rules, NOW).unwrap()
}

#[tokio::test]
async fn what_is_stored_is_read_again() {
    for database in databases().await {
        let store = database.open().await;
        let mut first = opened("apr_1", "/v1/models/\u{202e}m");
        first.0.preview.body = Some("{\"a\":\"\u{0}\"}".replace('\u{0}', "\\u0000"));
        assert!(store.commit(vec![change(first.clone())]).await.unwrap());
        assert_eq!(store.get("apr_1").await.unwrap().as_ref(), Some(&first.0));
        let fingerprint = first.0.call.fingerprint();
        assert_eq!(store.open_for(fingerprint.as_str()).await.unwrap().as_ref(), Some(&first.0));

        let second = decided(&first.0);
        assert!(store.commit(vec![change(second.clone())]).await.unwrap());
        drop(store);
        let store = database.open().await;
        assert_eq!(store.get("apr_1").await.unwrap().as_ref(), Some(&second.0));
        let events = store.events("apr_1").await.unwrap();
        assert_eq!(events, [(NOW, first.1), (NOW, second.1)]);
        assert_eq!(store.get("apr_2").await.unwrap(), None);
    }
}

#[tokio::test]
async fn of_two_changes_of_one_version_one_wins() {
    for database in databases().await {
        let store = database.open().await;
        let first = opened("apr_1", "/m");
        assert!(store.commit(vec![change(first.clone())]).await.unwrap());
        let approved = decided(&first.0);
        assert!(store.commit(vec![change(approved.clone())]).await.unwrap());
        let uses: Vec<_> = (0..40)
            .map(|n| {
                let store = store.clone();
                let used = approved.0.use_up(&format!("nonce-{n}"), NOW).unwrap();
                tokio::spawn(async move { store.commit(vec![change(used)]).await.unwrap() })
            })
            .collect();
        let mut won = 0;
        for one in uses {
            won += u32::from(one.await.unwrap());
        }
        assert_eq!(won, 1);
        assert_eq!(store.events("apr_1").await.unwrap().len(), 3, "losers leave no trace");
    }
}

#[tokio::test]
async fn of_two_approvals_for_one_call_one_is_opened() {
    for database in databases().await {
        let store = database.open().await;
        assert!(store.commit(vec![change(opened("apr_1", "/m"))]).await.unwrap());
        assert!(!store.commit(vec![change(opened("apr_2", "/m"))]).await.unwrap());
        assert!(store.commit(vec![change(opened("apr_3", "/other"))]).await.unwrap());
        assert_eq!(store.open_of(&person("ana")).await.unwrap(), 2);
        assert_eq!(store.open_of(&person("bo")).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn of_several_changes_all_are_stored_or_none() {
    for database in databases().await {
        let store = database.open().await;
        let (a, b) = (opened("apr_a", "/a"), opened("apr_b", "/b"));
        assert!(store.commit(vec![change(a.clone()), change(b.clone())]).await.unwrap());
        let newer = b.0.leave("nonce", NOW).unwrap();
        assert!(store.commit(vec![change(newer)]).await.unwrap());
        assert!(!store.commit(vec![change(decided(&a.0)), change(decided(&b.0))]).await.unwrap());
        let stands = store.get("apr_a").await.unwrap().unwrap();
        assert_eq!(stands, a.0, "the first of the two was taken back");
        assert_eq!(store.events("apr_a").await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn lists_are_in_order_and_go_on() {
    for database in databases().await {
        let store = database.open().await;
        for n in 0..5_u64 {
            // Some in the same instant.
            let at = NOW.plus(n.min(3));
            let call = call(&format!("/{n}"), 1);
            let new =
                Approval::open(format!("apr_{n}"), "rec".into(), call, Default::default(), at);
            assert!(store.commit(vec![change(new.clone())]).await.unwrap());
            if n >= 2 {
                assert!(store.commit(vec![change(decided(&new.0))]).await.unwrap());
            }
        }
        let ids = |list: Vec<Approval>| list.into_iter().map(|a| a.id).collect::<Vec<_>>();
        assert_eq!(ids(store.pending(NOW).await.unwrap()), ["apr_0", "apr_1"]);
        assert_eq!(ids(store.pending(NOW.plus(TTL_MS)).await.unwrap()), ["apr_1"]);
        let page = store.history(None, 2).await.unwrap();
        let last = page.last().cloned();
        assert_eq!(ids(page), ["apr_4", "apr_3"]);
        assert_eq!(ids(store.history(last.as_ref(), 2).await.unwrap()), ["apr_2"]);
        let ended = store.ending(NOW.plus(TTL_MS)).await.unwrap();
        assert_eq!(
            ended.iter().filter(|a| a.status(NOW.plus(TTL_MS)) == Status::Expired).count(),
            1
        );
    }
}

#[tokio::test]
async fn a_database_is_for_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let _store: Store = open(&format!("sqlite:{}", file.display())).await.unwrap();
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn urls_are_sqlite_or_postgres() {
    let said = |error: OpenError| error.to_string();
    assert!(said(open("mysql://root:secret@db/x").await.unwrap_err()).contains("`sqlite:FILE`"));
    for url in ["mysql://root:hunter2@db/x", "postgres://u:hunter2@127.0.0.1:1/x"] {
        let error = said(open(url).await.unwrap_err());
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(open("sqlite:/nowhere/at/all.db").await.is_err());
}
