//! A receiver that is there, is slow, fails, is away and comes back.

#![expect(clippy::arithmetic_side_effects, reason = "counts of a few requests")]

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use reqwest::Url;
use serde_json::Value;
use tokio::task::AbortHandle;

use super::*;
use crate::databases::databases;
use crate::desk::{Clock, Desk};
use crate::domain::{Decision, Topic};
use crate::fixtures::*;
use crate::store::Store;
use crate::verdict::Signer;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const LINK: &str = "https://approvals.test/approvals/";

/// What a receiver does next.
#[derive(Clone, Copy)]
enum Act {
    Fail(u16),
    Redirect,
    Sleep,
}

#[derive(Default)]
struct Heard {
    acts: VecDeque<Act>,
    taken: Vec<(HeaderMap, String)>,
    tried: usize,
    at_once: usize,
    most_at_once: usize,
}

#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Heard>>);

impl Receiver {
    async fn listen(&self, address: &str) -> (SocketAddr, AbortHandle) {
        let router = Router::new().route("/hook", post(hear)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(axum::serve(listener, router).into_future());
        (address, task.abort_handle())
    }

    fn will(self, acts: impl IntoIterator<Item = Act>) -> Self {
        self.0.lock().unwrap().acts.extend(acts);
        self
    }

    /// What was taken, once there are so many.
    async fn taken(&self, count: usize) -> Vec<(HeaderMap, Value)> {
        for _ in 0..1000 {
            let heard = self.0.lock().unwrap().taken.clone();
            if heard.len() >= count {
                assert_eq!(heard.len(), count);
                let json = |text: &str| serde_json::from_str(text).unwrap();
                return heard.iter().map(|(headers, body)| (headers.clone(), json(body))).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("only {} arrived", self.0.lock().unwrap().taken.len());
    }

    fn tried(&self) -> usize {
        self.0.lock().unwrap().tried
    }
}

/// Counts a request out, also when the sender has hung up.
struct Leaving(Receiver);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().at_once -= 1;
    }
}

async fn hear(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let act = {
        let mut heard = receiver.0.lock().unwrap();
        heard.tried += 1;
        heard.at_once += 1;
        heard.most_at_once = heard.most_at_once.max(heard.at_once);
        heard.acts.pop_front()
    };
    let leaving = Leaving(receiver.clone());
    if matches!(act, Some(Act::Sleep)) {
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    drop(leaving);
    let mut heard = receiver.0.lock().unwrap();
    match act {
        Some(Act::Fail(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Act::Redirect) => Redirect::temporary("/elsewhere").into_response(),
        Some(Act::Sleep) => StatusCode::OK.into_response(),
        None => {
            let id = headers["webhook-id"].to_str().unwrap();
            let seconds = headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            let signature = Secret::parse(SECRET).unwrap().sign(id, seconds, &text);
            assert_eq!(headers["webhook-signature"], signature);
            heard.taken.push((headers, text));
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

fn sender(address: SocketAddr, topics: impl Into<BTreeSet<Topic>>) -> Sender {
    let pace = Pace {
        timeout: Duration::from_millis(200),
        first_ms: 250,
        most_ms: 500,
        ..Pace::default()
    };
    let url = Url::parse(&format!("http://{address}/hook")).unwrap();
    Sender { url, secret: Secret::parse(SECRET).unwrap(), topics: topics.into(), pace }
}

/// A desk that tells.
fn desk(store: Store, sender: Sender) -> Arc<Desk> {
    let store = store.telling(vec![sender.outlet()]);
    let mut desk = Desk::new(store, Signer::generate(), Clock::system());
    desk.break_glass = Some(SCOPE.into());
    let desk = Arc::new(desk);
    tokio::spawn(sender.run(Arc::clone(&desk), LINK.into()));
    desk
}

async fn ask(desk: &Desk, path: &str) -> String {
    let call = call(path, 1);
    desk.ask(&question(&call, "first", 0)).await.unwrap();
    desk.store.open_for(call.fingerprint().as_str()).await.unwrap().unwrap().id
}

#[tokio::test]
async fn everything_is_told_signed_and_in_order() {
    for database in databases().await {
        let receiver = Receiver::default();
        let (address, _) = receiver.listen("127.0.0.1:0").await;
        let desk = desk(database.open().await, sender(address, Topic::ALL));
        let id = ask(&desk, "/v1/models/<!channel>").await;
        desk.decide(&id, &yes(), &approver("bob")).await.unwrap();
        desk.ask(&question(&call("/v1/models/<!channel>", 1), "second", 0)).await.unwrap();
        let other = ask(&desk, "/other").await;
        desk.decide(&other, &no(), &approver("bob")).await.unwrap();
        let taken = receiver.taken(5).await;
        let types: Vec<_> = taken.iter().map(|(_, body)| body["type"].as_str().unwrap()).collect();
        let expected =
            ["asked", "approved", "used", "asked", "denied"].map(|t| format!("approval.{t}"));
        assert_eq!(types, expected);
        let (headers, body) = &taken[0];
        assert_eq!(headers["webhook-id"], format!("{id}-1"));
        assert_eq!(headers["content-type"], "application/json");
        let link = format!("{LINK}{id}");
        assert_eq!(
            body["text"],
            format!(
                "Waits for approval: openai.models.delete\nana through agent asked for DELETE /v1/models/&lt;!channel&gt;\n{link}"
            )
        );
        assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
        assert_eq!(body["blocks"][1]["elements"][0]["url"], link);
        assert_eq!(body["data"]["principal"]["subject"], "ana");
        assert_eq!(taken[4].1["data"]["vote"]["reason"], "not on a Friday");
        assert_eq!(
            desk.store.next_delivery(&sender(address, []).outlet().webhook).await.unwrap(),
            None
        );
        desk.close();
    }
}

#[tokio::test]
async fn who_fails_is_told_again_and_nobody_twice_at_once() {
    for database in databases().await {
        let acts = [Act::Fail(500), Act::Redirect, Act::Sleep, Act::Fail(410)];
        let receiver = Receiver::default().will(acts);
        let (address, _) = receiver.listen("127.0.0.1:0").await;
        let desk = desk(database.open().await, sender(address, Topic::ALL));
        let first = ask(&desk, "/1").await;
        let second = ask(&desk, "/2").await;
        let taken = receiver.taken(2).await;
        let ids: BTreeSet<_> = taken
            .iter()
            .map(|(headers, _)| headers["webhook-id"].to_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids, [format!("{first}-1"), format!("{second}-1")].into());
        assert_eq!(receiver.tried(), 6);
        assert_eq!(receiver.0.lock().unwrap().most_at_once, 1);
        desk.close();
    }
}

#[tokio::test]
async fn who_is_away_is_told_after_both_came_back() {
    for database in databases().await {
        let receiver = Receiver::default();
        let (address, server) = receiver.listen("127.0.0.1:0").await;
        server.abort();
        let first = desk(database.open().await, sender(address, Topic::ALL));
        let id = ask(&first, "/1").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        // As after a crash: nothing is kept but the database.
        first.close();
        drop(first);
        let second = desk(database.open().await, sender(address, Topic::ALL));
        tokio::time::sleep(Duration::from_millis(100)).await;
        receiver.listen(&address.to_string()).await;
        let taken = receiver.taken(1).await;
        assert_eq!(taken[0].0["webhook-id"], format!("{id}-1"));
        second.close();
    }
}

#[tokio::test]
async fn only_what_is_wanted_is_told_and_a_broken_glass() {
    for database in databases().await {
        let receiver = Receiver::default();
        let (address, _) = receiver.listen("127.0.0.1:0").await;
        let desk = desk(database.open().await, sender(address, [Topic::Denied]));
        let id = ask(&desk, "/1").await;
        let glass = Decision::BreakGlass { reason: "the site is down".into() };
        desk.decide(&id, &glass, &approver("bob")).await.unwrap();
        let denied = ask(&desk, "/2").await;
        desk.decide(&denied, &no(), &approver("bob")).await.unwrap();
        let types: Vec<_> =
            receiver.taken(2).await.iter().map(|(_, body)| body["type"].clone()).collect();
        assert_eq!(types, ["approval.break_glass", "approval.denied"]);
        desk.close();
    }
}

#[tokio::test]
async fn what_nobody_takes_is_given_up() {
    let database = databases().await.remove(0);
    let receiver = Receiver::default().will([Act::Fail(500); 50]);
    let (address, _) = receiver.listen("127.0.0.1:0").await;
    let mut sender = sender(address, Topic::ALL);
    sender.pace.give_up_ms = 600;
    let key = sender.outlet().webhook;
    assert!(!key.contains("127.0.0.1"), "a URL can be a secret");
    let desk = desk(database.open().await, sender);
    ask(&desk, "/1").await;
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if desk.store.next_delivery(&key).await.unwrap().is_none() {
            break;
        }
    }
    assert_eq!(desk.store.next_delivery(&key).await.unwrap(), None);
    assert!((2..=4).contains(&receiver.tried()), "{}", receiver.tried());
    desk.close();
}

#[tokio::test]
async fn webhooks_that_are_gone_are_forgotten() {
    for database in databases().await {
        let store = database.open().await;
        let outlet = sender(SocketAddr::from(([127, 0, 0, 1], 1)), Topic::ALL).outlet();
        let telling = store.clone().telling(vec![outlet.clone()]);
        let desk = Desk::new(telling.clone(), Signer::generate(), Clock::system());
        ask(&desk, "/1").await;
        telling.forget_deliveries().await.unwrap();
        assert!(store.next_delivery(&outlet.webhook).await.unwrap().is_some());
        store.forget_deliveries().await.unwrap();
        assert_eq!(store.next_delivery(&outlet.webhook).await.unwrap(), None);
    }
}

#[test]
fn waits_grow_to_an_hour_and_vary() {
    let pace = Pace::default();
    let waits = |chance| [0, 1, 2, 5, 9, 100].map(|n| pace.wait_ms(n, chance) / 1000);
    assert_eq!(waits(0), [15, 15, 30, 240, 1800, 1800]);
    assert_eq!(waits(255), [22, 30, 60, 480, 3600, 3600]);
    assert!(u128::from(pace.wait_ms(0, 0)) > pace.timeout.as_millis());
}

#[test]
fn signatures_are_those_of_the_specification() {
    // The example of the Standard Webhooks specification's libraries.
    let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    assert_eq!(
        secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
}

#[test]
fn secrets_are_in_files_of_their_form() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let open = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Secret::open(&file)
    };
    assert!(open(&format!("{SECRET}\n")).is_ok());
    assert_eq!(format!("{:?}", open(SECRET).unwrap()), "Secret");
    for bad in ["", "hunter2", "whsec_", "whsec_aaaa", "whsec_!", &SECRET.replace("whsec_", "")] {
        let said = open(bad).unwrap_err().to_string();
        assert!(said.contains("has no webhook secret"), "{said}");
        assert!(bad.is_empty() || bad == "whsec_" || !said.contains(bad), "{said}");
    }
    assert!(
        Secret::open(&folder.path().join("none"))
            .unwrap_err()
            .to_string()
            .starts_with("cannot read")
    );
}
