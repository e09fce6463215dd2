//! How long logins last, on every database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scopewarden_core::time::UnixMillis;
use sqlx::Row as _;

use super::*;
use crate::databases::databases;
use crate::fixtures::{NOW, approver};

const MINUTE: u64 = 60_000;

struct Watch(Arc<AtomicU64>);

impl Watch {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW.0)))
    }

    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Clock::new(move || UnixMillis(now.load(Ordering::Relaxed)))
    }

    fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_login_is_its_owners_for_one_use() {
    for database in databases().await {
        let sessions = Sessions::new(database.open().await, Watch::new().clock());
        let mut bo = approver("bo");
        bo.name = Some("Bo".into());
        let token = sessions.open(bo.clone(), Usage::Cookie).await.unwrap();
        let cy = sessions.open(approver("cy"), Usage::Cookie).await.unwrap();
        let found = sessions.find(token.expose(), Usage::Cookie).await.unwrap().unwrap();
        assert_eq!(found.approver, bo);
        assert_eq!(sessions.find(token.expose(), Usage::Bearer).await.unwrap(), None);
        let short = token.expose().get(..20).unwrap();
        for text in ["", "sws_", "x", short, &format!("{}x", token.expose())] {
            assert_eq!(sessions.find(text, Usage::Cookie).await.unwrap(), None, "{text}");
        }
        let other = sessions.find(cy.expose(), Usage::Cookie).await.unwrap().unwrap();
        assert!(found.gave(&found.csrf()) && !found.gave(&other.csrf()) && !found.gave(""));
        sessions.close(token.expose(), Usage::Cookie).await.unwrap();
        assert_eq!(sessions.find(token.expose(), Usage::Cookie).await.unwrap(), None);
        assert!(sessions.find(cy.expose(), Usage::Cookie).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn the_database_has_nothing_to_log_in_with() {
    for database in databases().await {
        let sessions = Sessions::new(database.open().await, Watch::new().clock());
        let token = sessions.open(approver("bo"), Usage::Cookie).await.unwrap();
        let session = sessions.find(token.expose(), Usage::Cookie).await.unwrap().unwrap();
        let pool = sqlx::AnyPool::connect(&database.url).await.unwrap();
        let row = sqlx::query("SELECT token_hash, issuer, subject, name, scopes FROM sessions")
            .fetch_one(&pool)
            .await
            .unwrap();
        for column in 0..5 {
            let text: String = row.get(column);
            assert!(!text.contains(token.expose()), "{text}");
            assert!(!session.gave(&text), "{text}");
            assert_eq!(sessions.find(&text, Usage::Cookie).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn a_login_ends_when_it_is_not_used() {
    for database in databases().await {
        let watch = Watch::new();
        let sessions = Sessions::new(database.open().await, watch.clock());
        let token = sessions.open(approver("bo"), Usage::Bearer).await.unwrap();
        let lasts = async || sessions.find(token.expose(), Usage::Bearer).await.unwrap().is_some();
        watch.pass(IDLE_MS - 1);
        assert!(lasts().await, "and was used now");
        watch.pass(IDLE_MS - 1);
        assert!(lasts().await);
        watch.pass(IDLE_MS);
        assert!(!lasts().await);
        watch.0.store(NOW.0, Ordering::Relaxed);
        assert!(!lasts().await, "it is gone, whatever the clock says later");
    }
}

#[tokio::test]
async fn a_login_ends_however_much_it_is_used() {
    for database in databases().await {
        let watch = Watch::new();
        let sessions = Sessions::new(database.open().await, watch.clock());
        let token = sessions.open(approver("bo"), Usage::Cookie).await.unwrap();
        for _ in 0..LIFETIME_MS / (30 * MINUTE) - 1 {
            watch.pass(30 * MINUTE);
            assert!(sessions.find(token.expose(), Usage::Cookie).await.unwrap().is_some());
        }
        watch.pass(30 * MINUTE);
        assert_eq!(sessions.find(token.expose(), Usage::Cookie).await.unwrap(), None);
    }
}

#[tokio::test]
async fn logins_that_are_over_do_not_pile_up() {
    for database in databases().await {
        let watch = Watch::new();
        let sessions = Sessions::new(database.open().await, watch.clock());
        for _ in 0..3 {
            sessions.open(approver("bo"), Usage::Cookie).await.unwrap();
        }
        watch.pass(IDLE_MS);
        sessions.open(approver("bo"), Usage::Cookie).await.unwrap();
        let pool = sqlx::AnyPool::connect(&database.url).await.unwrap();
        let row = sqlx::query("SELECT COUNT(*) FROM sessions").fetch_one(&pool).await.unwrap();
        assert_eq!(row.get::<i64, _>(0), 1);
    }
}
