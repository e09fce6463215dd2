//! Questions and decisions, on every database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scopewarden_core::approval::{Answer, Bound, Question, Ticket, Verdict};
use scopewarden_core::identity::KeySet;
use scopewarden_core::time::UnixMillis;

use super::*;
use crate::databases::databases;
use crate::domain::{Approval, Decision, Refusal, Status};
use crate::fixtures::*;

/// A desk whose time stands still until it is moved.
struct Stage {
    desk: Arc<Desk>,
    time: Arc<AtomicU64>,
    keys: KeySet,
}

impl Stage {
    fn new(store: Store) -> Self {
        let time = Arc::new(AtomicU64::new(NOW.0));
        let clock = {
            let time = Arc::clone(&time);
            Clock::new(move || UnixMillis(time.load(Ordering::Relaxed)))
        };
        let signer = Signer::generate();
        let (keys, dropped) = KeySet::parse(signer.jwks().to_string().as_bytes()).unwrap();
        assert!(dropped.is_empty());
        Self { desk: Arc::new(Desk::new(store, signer, clock)), time, keys }
    }

    fn later(&self, ms: u64) {
        self.time.fetch_add(ms, Ordering::Relaxed);
    }

    /// What a filter makes of the answer.
    async fn ask(&self, question: &Question) -> Verdict {
        let jws = self.desk.ask(question).await.unwrap();
        let ticket = Ticket::new(question.nonce.clone(), question.call.fingerprint());
        let content_type = Some(b"application/jwt".as_slice());
        let answer = Answer::Response { status: 200, content_type, body: jws.as_bytes() };
        ticket.check(answer, &self.keys, self.desk.now()).unwrap()
    }

    /// Asks in the background, and waits until the approval is there.
    async fn asking(&self, call: &Bound, nonce: &str) -> (tokio::task::JoinHandle<String>, String) {
        let (desk, question) = (Arc::clone(&self.desk), question(call, nonce, 60_000));
        let asked = tokio::spawn(async move { desk.ask(&question).await.unwrap() });
        (asked, self.id_of(call).await)
    }

    async fn id_of(&self, call: &Bound) -> String {
        for _ in 0..500 {
            if let Some(open) = self.desk.store.open_for(call.fingerprint().as_str()).await.unwrap()
            {
                return open.id;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it was never opened");
    }

    async fn approve(&self, id: &str) {
        self.desk.decide(id, &yes(), &approver("bo")).await.unwrap();
    }

    async fn approve_set(&self, id: &str, seen: &[&str]) -> Result<Approval, DecideError> {
        let seen = seen.iter().map(|id| (*id).to_owned()).collect();
        self.desk.decide_seen(id, &yes(), &approver("bo"), &seen).await
    }
}

async fn stages() -> Vec<(Stage, crate::databases::Database)> {
    let mut all = Vec::new();
    for database in databases().await {
        all.push((Stage::new(database.open().await), database));
    }
    all
}

/// The claims of a verdict, unverified.
fn status(jws: &str) -> String {
    use base64::Engine as _;
    let payload = jws.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    claims["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_question_that_waits_is_answered_when_somebody_approves() {
    for (stage, _database) in stages().await {
        let call = call("/m", 1);
        let (asked, id) = stage.asking(&call, "1").await;
        assert!(!asked.is_finished());
        stage.approve(&id).await;
        assert_eq!(status(&asked.await.unwrap()), "approved");
        assert_eq!(stage.desk.store.get(&id).await.unwrap().unwrap().state.status, Status::Used);
        assert_eq!(stage.desk.bell.calls(), 0, "nobody waits any more");
    }
}

#[tokio::test]
async fn the_filter_believes_every_answer() {
    for (stage, _database) in stages().await {
        let call = call("/m", 1);
        assert!(matches!(stage.ask(&question(&call, "1", 0)).await, Verdict::Pending { .. }));
        let id = stage.id_of(&call).await;
        stage.approve(&id).await;
        match stage.ask(&question(&call, "2", 0)).await {
            Verdict::Approved(approved) => {
                assert_eq!(approved.approval(), id);
                assert_eq!(approved.approvers(), [party("bo")]);
            }
            other => panic!("{other:?}"),
        }
        assert!(
            matches!(stage.ask(&question(&call, "3", 0)).await, Verdict::Pending { .. }),
            "a1: used once"
        );
        let id = stage.id_of(&call).await;
        stage.desk.decide(&id, &no(), &approver("bo")).await.unwrap();
        for nonce in ["4", "5"] {
            match stage.ask(&question(&call, nonce, 0)).await {
                Verdict::Denied { reason, approvers, .. } => {
                    assert_eq!((&*reason, approvers), ("not on a Friday", vec![party("bo")]));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn the_same_question_again_has_the_same_answer() {
    for (stage, _database) in stages().await {
        let call = call("/m", 1);
        let (asked, id) = stage.asking(&call, "1").await;
        stage.approve(&id).await;
        assert_eq!(status(&asked.await.unwrap()), "approved");
        assert!(matches!(stage.ask(&question(&call, "1", 0)).await, Verdict::Approved(_)));
        assert!(matches!(stage.ask(&question(&call, "2", 0)).await, Verdict::Pending { .. }));
    }
}

#[tokio::test]
async fn a1_of_many_that_wait_one_goes_on() {
    for (stage, _database) in stages().await {
        let call = call("/m", 1);
        let asked: Vec<_> = (0..50)
            .map(|n| {
                let (desk, question) =
                    (Arc::clone(&stage.desk), question(&call, &n.to_string(), 1_500));
                tokio::spawn(async move { desk.ask(&question).await.unwrap() })
            })
            .collect();
        let id = stage.id_of(&call).await;
        stage.approve(&id).await;
        let mut approved = 0;
        for one in asked {
            approved += u32::from(status(&one.await.unwrap()) == "approved");
        }
        assert_eq!(approved, 1);
        assert_ne!(stage.id_of(&call).await, id, "the others wait for an approval of their own");
    }
}

#[tokio::test]
async fn a9_nothing_is_used_for_a_caller_who_left() {
    for (stage, _database) in stages().await {
        let call = call("/m", 1);
        let (asked, id) = stage.asking(&call, "1").await;
        let nonce = question(&call, "1", 0).nonce;
        stage.desk.abandon(&nonce, call.fingerprint().as_str()).await.unwrap();
        assert_eq!(status(&asked.await.unwrap()), "pending");
        stage.approve(&id).await;
        assert!(matches!(stage.ask(&question(&call, "1", 0)).await, Verdict::Pending { .. }));
        assert_eq!(
            stage.desk.store.get(&id).await.unwrap().unwrap().state.status,
            Status::Approved
        );
    }
}

#[tokio::test]
async fn a9_an_approval_that_nobody_waits_for_ends() {
    for (stage, _database) in stages().await {
        let call = call("/m", 1);
        let (asked, id) = stage.asking(&call, "1").await;
        stage
            .desk
            .abandon(&question(&call, "1", 0).nonce, call.fingerprint().as_str())
            .await
            .unwrap();
        asked.await.unwrap();
        stage.later(120_000);
        stage.desk.sweep_once().await.unwrap();
        assert_eq!(
            stage.desk.store.get(&id).await.unwrap().unwrap().state.status,
            Status::Abandoned
        );
        let late = stage.desk.decide(&id, &yes(), &approver("bo")).await.unwrap_err();
        assert!(
            matches!(late, DecideError::Refused(Refusal::NotPending(Status::Abandoned))),
            "{late}"
        );
    }
}

#[tokio::test]
async fn a4_time_answers_too() {
    for (stage, _database) in stages().await {
        let call = call("/m", 1);
        let (asked, id) = stage.asking(&call, "1").await;
        stage.later(TTL_MS);
        stage.desk.bell.wake_all();
        assert_eq!(status(&asked.await.unwrap()), "expired");
        assert_eq!(stage.desk.store.get(&id).await.unwrap().unwrap().state.status, Status::Expired);
        // Whoever asks anew has a new approval.
        assert!(matches!(stage.ask(&question(&call, "2", 0)).await, Verdict::Pending { .. }));
        assert_ne!(stage.id_of(&call).await, id);
    }
}

#[tokio::test]
async fn an_approval_that_is_not_used_in_time_is_lost() {
    for (stage, _database) in stages().await {
        let call = call("/m", 1);
        stage.ask(&question(&call, "1", 0)).await;
        stage.approve(&stage.id_of(&call).await).await;
        stage.later(TTL_MS);
        assert!(matches!(stage.ask(&question(&call, "2", 0)).await, Verdict::Pending { .. }));
    }
}

#[tokio::test]
async fn a_set_is_decided_at_once_and_done_in_order() {
    for (stage, _database) in stages().await {
        let (create, delete) = (step(1, 2), step(2, 2));
        let (second, id) = stage.asking(&delete, "2").await;
        let early = stage.desk.decide(&id, &yes(), &approver("bo")).await.unwrap_err();
        assert!(matches!(early, DecideError::Refused(Refusal::SetIncomplete(1, 2))), "{early}");
        let before = stage.ask(&question(&create, "1", 0)).await;
        assert!(matches!(before, Verdict::Pending { .. }));
        let unseen = stage.approve_set(&id, &[]).await.unwrap_err();
        assert!(matches!(unseen, DecideError::Refused(Refusal::SetUnseen)), "{unseen}");
        stage.approve_set(&id, &[&stage.id_of(&create).await]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!second.is_finished(), "the first step was not done yet");
        assert!(matches!(stage.ask(&question(&create, "3", 0)).await, Verdict::Approved(_)));
        assert_eq!(status(&second.await.unwrap()), "approved");
        for done in [create, delete] {
            match stage.ask(&question(&done, "4", 0)).await {
                Verdict::Denied { reason, .. } => {
                    assert!(reason.contains("done already"), "{reason}")
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn one_no_ends_the_whole_set() {
    for (stage, _database) in stages().await {
        let calls = [step(1, 2), step(2, 2)];
        for call in &calls {
            stage.ask(&question(call, "1", 0)).await;
        }
        let id = stage.id_of(&calls[1]).await;
        stage.desk.decide(&id, &no(), &approver("bo")).await.unwrap();
        for call in &calls {
            assert!(matches!(stage.ask(&question(call, "2", 0)).await, Verdict::Denied { .. }));
        }
    }
}

#[tokio::test]
async fn a11_one_caller_cannot_fill_the_inbox() {
    for (mut stage, _database) in stages().await {
        Arc::get_mut(&mut stage.desk).unwrap().open_per_caller = 2;
        for n in 0..2 {
            stage.ask(&question(&call(&format!("/{n}"), 1), "1", 0)).await;
        }
        let third = stage.desk.ask(&question(&call("/3", 1), "1", 0)).await.unwrap_err();
        assert!(matches!(third, AskError::TooMany(2)), "{third}");
        assert!(matches!(
            stage.ask(&question(&call("/0", 1), "2", 0)).await,
            Verdict::Pending { .. }
        ));
    }
}

#[tokio::test]
async fn questions_that_no_filter_asks_are_refused() {
    let (stage, _database) = stages().await.remove(0);
    let good = question(&call("/m", 1), "1", 0);
    type Change = fn(&mut Question);
    let bad: [(&str, Change); 8] = [
        ("version", |q| q.version = 2),
        ("nonce", |q| q.nonce = "short".into()),
        ("nonce", |q| q.nonce = "x".repeat(129)),
        ("record", |q| q.record = "x".repeat(129)),
        ("fingerprint", |q| q.call.path = "/other".into()),
        ("call.requirement.approvers", |q| q.call.requirement.approvers = 0),
        ("call.requirement.ttl_ms", |q| q.call.requirement.ttl_ms = 1),
        ("call.requirement.scope", |q| q.call.requirement.scope.clear()),
    ];
    for (member, change) in bad {
        let mut question = good.clone();
        change(&mut question);
        if member != "fingerprint" {
            question.fingerprint = question.call.fingerprint().as_str().to_owned();
        }
        match stage.desk.ask(&question).await.unwrap_err() {
            AskError::Invalid(found, _) => assert_eq!(found, member),
            other => panic!("{member}: {other}"),
        }
    }
    assert!(stage.desk.store.pending(NOW).await.unwrap().is_empty());
}

#[tokio::test]
async fn two_programs_share_a_database() {
    for (stage, database) in stages().await {
        let other = Desk::new(database.open().await, Signer::generate(), Clock::new(|| NOW));
        let follower = tokio::spawn(Arc::clone(&stage.desk).follow());
        let (asked, id) = stage.asking(&call("/m", 1), "1").await;
        other.decide(&id, &yes(), &approver("bo")).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(5), asked).await;
        assert_eq!(status(&answer.expect("the other's decision is seen").unwrap()), "approved");
        follower.abort();
    }
}

#[tokio::test]
async fn closing_answers_who_waits() {
    let (stage, _database) = stages().await.remove(0);
    let (asked, _) = stage.asking(&call("/m", 1), "1").await;
    stage.desk.close();
    assert_eq!(status(&asked.await.unwrap()), "pending");
}

#[tokio::test]
async fn break_glass_needs_nobody_else() {
    let (mut stage, _database) = stages().await.remove(0);
    Arc::get_mut(&mut stage.desk).unwrap().break_glass = Some("glass".into());
    let call = call("/m", 3);
    let (asked, id) = stage.asking(&call, "1").await;
    let on_call = crate::domain::Approver { scopes: ["glass".to_owned()].into(), ..approver("bo") };
    let glass = Decision::BreakGlass { reason: "it burns".into() };
    stage.desk.decide(&id, &glass, &on_call).await.unwrap();
    assert_eq!(status(&asked.await.unwrap()), "approved");
}
