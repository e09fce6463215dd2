//! The pages through the door, as browsers ask for them.

use scopewarden_core::approval::{Bound, Party, Preview, Step};

use super::browser::{Browser, location};
use crate::fixtures::{SCOPE, call, step};
use crate::http::house::{Answer, GLASS, House};

async fn house() -> House {
    House::furnished(|settings| settings.dev_login = true).await
}

async fn status(house: &House, id: &str) -> &'static str {
    let desk = house.service.desk();
    desk.store.get(id).await.unwrap().unwrap().status(desk.now()).name()
}

fn held() -> Bound {
    call("/v1/models/m", 1)
}

#[tokio::test]
async fn a_person_sees_and_approves_a_call() {
    let house = house().await;
    let id = house.asked(&held()).await;
    let mut bo = Browser::of(&house, "bo", SCOPE).await;
    let list = bo.get("/").await;
    assert_eq!(list.status, 200);
    for shown in ["openai.models.delete", "/v1/models/m", "ana", "agent", "0 of 1 approval", &id] {
        assert!(list.text.contains(shown), "{shown}");
    }
    let page = bo.get(&format!("/approvals/{id}")).await;
    let bound = held();
    let facts = [
        bound.fingerprint().as_str().to_owned(),
        bound.body.clone(),
        bound.query.clone(),
        bound.policy_hash.clone(),
        bound.authority.clone(),
        bound.policy.clone(),
        bound.tier.clone(),
        bound.method.clone(),
        bound.path.clone(),
        SCOPE.to_owned(),
        "rec-1".to_owned(),
    ];
    for fact in facts {
        assert!(page.text.contains(&fact), "{fact}");
    }
    let answer = bo.decide(&id, "approve", "").await;
    assert_eq!((answer.status, location(&answer)), (303, format!("/approvals/{id}")));
    assert_eq!(status(&house, &id).await, "approved");
    assert!(bo.get("/").await.text.contains("Nothing waits for you"));
    assert!(bo.get("/history").await.text.contains(&id));
}

#[tokio::test]
async fn pressing_twice_decides_once() {
    let house = house().await;
    let id = house.asked(&call("/v1/models/m", 2)).await;
    let mut bo = Browser::of(&house, "bo", SCOPE).await;
    let page = bo.get(&format!("/approvals/{id}")).await;
    let (csrf, seen) = (Browser::hidden(&page, "csrf"), Browser::hidden(&page, "seen"));
    let form = [("decision", "approve"), ("csrf", &*csrf), ("seen", &*seen)];
    for _ in 0..2 {
        assert_eq!(bo.post(&format!("/approvals/{id}"), &form, &[]).await.status, 303);
    }
    assert_eq!(status(&house, &id).await, "pending");
    assert!(bo.get("/").await.text.contains("1 of 2 approvals"));
    let page = bo.get(&format!("/approvals/{id}")).await;
    assert!(page.text.contains("You have approved it already; it takes another person."));
    assert!(!page.text.contains("value=\"approve\""), "and cannot again");
}

#[tokio::test]
async fn a_denial_needs_a_reason_and_keeps_what_was_typed() {
    let house = house().await;
    let id = house.asked(&held()).await;
    let mut bo = Browser::of(&house, "bo", SCOPE).await;
    let empty = bo.decide(&id, "deny", " \r\n").await;
    assert_eq!(empty.status, 422);
    assert!(empty.text.contains("Say why") && empty.text.contains("aria-invalid=\"true\""));
    let long = "<é>".repeat(200);
    let too_long = bo.decide(&id, "deny", &long).await;
    assert_eq!(too_long.status, 422);
    assert!(too_long.text.contains(&"&#60;é&#62;".repeat(200)), "{}", too_long.text);
    assert_eq!(status(&house, &id).await, "pending");
    let denied = bo.decide(&id, "deny", "not\r\non a Friday").await;
    assert_eq!(denied.status, 303);
    let verdict = house.ask(&held(), "again", 0).await;
    assert_eq!(verdict.status, 200);
    let desk = house.service.desk();
    let reason = desk.store.get(&id).await.unwrap().unwrap().state.denial.unwrap().reason;
    assert_eq!(reason.as_deref(), Some("not\non a Friday"));
}

#[tokio::test]
async fn who_may_not_decide_sees_why() {
    let house = house().await;
    let id = house.asked(&held()).await;
    for (subject, why) in [
        ("ana", "You asked for this call yourself."),
        ("agent", "The call is made by an actor that is you (<code>agent</code>)."),
    ] {
        let mut browser = Browser::of(&house, subject, SCOPE).await;
        let page = browser.get(&format!("/approvals/{id}")).await;
        assert!(page.text.contains(why), "{}", page.text);
        assert!(!page.text.contains("name=\"decision\""), "no button");
        let csrf = Browser::hidden(&page, "csrf");
        for decision in ["approve", "deny", "break_glass"] {
            let form = [("decision", decision), ("csrf", &*csrf), ("seen", &*id), ("reason", "x")];
            let answer = browser.post(&format!("/approvals/{id}"), &form, &[]).await;
            assert_eq!(answer.status, 403, "{subject} {decision}");
        }
    }
    let mut stranger = Browser::of(&house, "eve", "other:scope").await;
    assert!(stranger.get("/").await.text.contains("1 more call waits for people who hold other"));
    let refused = stranger.get(&format!("/approvals/{id}")).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains(SCOPE) && !refused.text.contains("/v1/models/m"));
    let csrf = Browser::hidden(&stranger.get("/").await, "csrf");
    let form = [("decision", "approve"), ("csrf", &*csrf), ("seen", &*id)];
    assert_eq!(stranger.post(&format!("/approvals/{id}"), &form, &[]).await.status, 403);
    assert_eq!(status(&house, &id).await, "pending");
}

#[tokio::test]
async fn the_glass_is_broken_with_its_scope_and_a_reason_only() {
    let house = house().await;
    let id = house.asked(&call("/v1/models/m", 2)).await;
    let mut bo = Browser::of(&house, "bo", SCOPE).await;
    assert!(!bo.get(&format!("/approvals/{id}")).await.text.contains("break_glass"));
    assert_eq!(bo.decide(&id, "break_glass", "it burns").await.status, 403);
    let mut cy = Browser::of(&house, "cy", GLASS).await;
    assert!(cy.get(&format!("/approvals/{id}")).await.text.contains("break_glass"));
    let silent = cy.decide(&id, "break_glass", "").await;
    assert_eq!(silent.status, 422);
    assert!(silent.text.contains("<details class=\"glass\" open>"));
    assert_eq!(cy.decide(&id, "break_glass", "it burns").await.status, 303);
    assert_eq!(status(&house, &id).await, "approved");
    let page = cy.get(&format!("/approvals/{id}")).await;
    assert!(page.text.contains("decided alone, in an emergency") && page.text.contains("it burns"));
}

#[tokio::test]
async fn a_set_is_decided_as_it_was_shown() {
    let house = house().await;
    let first = house.asked(&step(1, 2)).await;
    let mut bo = Browser::of(&house, "bo", SCOPE).await;
    let half = bo.get(&format!("/approvals/{first}")).await;
    assert!(half.text.contains("2 steps have been asked for"), "{}", half.text);
    let second = house.asked(&step(2, 2)).await;
    let page = bo.get(&format!("/approvals/{first}")).await;
    for shown in [&first, &second, "/v1/keys/1", "/v1/keys/2"] {
        assert!(page.text.contains(shown));
    }
    // While the person reads, the caller slips another call in as step 2.
    let other = Bound { path: "/v1/keys/all".into(), ..step(2, 2) };
    let slipped = house.asked(&other).await;
    let (csrf, seen) = (Browser::hidden(&page, "csrf"), Browser::hidden(&page, "seen"));
    let form = [("decision", "approve"), ("csrf", &*csrf), ("seen", &*seen)];
    let refused = bo.post(&format!("/approvals/{first}"), &form, &[]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("A call of its set is not among those that you looked at"));
    assert!(refused.text.contains("/v1/keys/all"), "it is shown now");
    for id in [&first, &second, &slipped] {
        assert_eq!(status(&house, id).await, "pending");
    }
    assert_eq!(bo.decide(&first, "deny", "what is `all`?").await.status, 303);
    assert_eq!(status(&house, &slipped).await, "denied");
}

const PAYLOAD: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{202e}\u{200b}";

fn hostile() -> Bound {
    let text = |name: &str| format!("{name}{PAYLOAD}");
    let party = |name: &str| Party { issuer: text("iss"), subject: text(name) };
    Bound {
        actors: vec![party("actor")],
        authority: text("authority"),
        body: text("body"),
        headers: vec![(text("name"), text("value"))],
        method: text("method"),
        operation: text("operation"),
        path: text("path"),
        policy: text("policy"),
        policy_hash: text("hash"),
        principal: party("principal"),
        query: text("query"),
        server: text("server"),
        set: Some(Step { id: "set".into(), of: 2, step: 1 }),
        tier: text("tier"),
        ..held()
    }
}

#[tokio::test]
async fn nothing_that_others_wrote_becomes_markup() {
    let house = house().await;
    let desk = house.service.desk();
    let mut question = crate::fixtures::question(&hostile(), "hostile", 0);
    question.record = PAYLOAD.to_owned();
    let body = serde_json::json!({ PAYLOAD: PAYLOAD }).to_string();
    question.preview = Preview {
        query: vec![(PAYLOAD.into(), PAYLOAD.into())],
        body: Some(body),
        truncated: false,
    };
    desk.ask(&question).await.unwrap();
    let id = desk.store.open_for(&question.fingerprint).await.unwrap().unwrap().id;
    let mut bo = Browser::of(&house, PAYLOAD, SCOPE).await;
    let denied = |page: &Answer| {
        assert!(!page.text.contains("<script>alert"), "{}", page.text);
        assert!(!page.text.contains("<img src=x"), "{}", page.text);
        assert!(!page.text.contains(['\u{202e}', '\u{200b}']), "{}", page.text);
        assert!(page.text.contains("&lt;script&gt;alert(1)"), "{}", page.text);
        assert!(page.text.contains("\\u{202e}"), "{}", page.text);
    };
    denied(&bo.get("/").await);
    denied(&bo.get(&format!("/approvals/{id}")).await);
    let refused = bo.decide(&id, "deny", "").await;
    denied(&refused);
    bo.decide(&id, "deny", PAYLOAD).await;
    denied(&bo.get(&format!("/approvals/{id}")).await);
    denied(&bo.get("/history").await);
    let kept =
        Browser::new(&house).post("/login", &[("subject", ""), ("scopes", PAYLOAD)], &[]).await;
    assert_eq!(kept.status, 422);
    assert!(!kept.text.contains("<script>alert") && !kept.text.contains("\"'>"), "{}", kept.text);
}

#[tokio::test]
async fn a_body_that_is_cut_is_said_to_be() {
    let house = house().await;
    let desk = house.service.desk();
    let mut question = crate::fixtures::question(&held(), "cut", 0);
    question.preview = Preview { body: Some("{\"a\":".into()), truncated: true, query: vec![] };
    desk.ask(&question).await.unwrap();
    let id = desk.store.open_for(&question.fingerprint).await.unwrap().unwrap().id;
    let bo = Browser::of(&house, "bo", SCOPE).await;
    let page = bo.get(&format!("/approvals/{id}")).await;
    assert!(page.text.contains("Only the beginning is shown."));
}

#[tokio::test]
async fn the_history_has_pages() {
    let house = house().await;
    let mut bo = Browser::of(&house, "bo", SCOPE).await;
    let mut ids = Vec::new();
    for n in 0..51 {
        let id = house.asked(&call(&format!("/v1/models/m{n}"), 1)).await;
        let decision = crate::fixtures::no();
        let desk = house.service.desk();
        desk.decide(&id, &decision, &crate::fixtures::approver("bo")).await.unwrap();
        ids.push(id);
    }
    let first = bo.get("/history").await;
    assert!(!first.text.contains(&ids[0]) && first.text.contains(&ids[1]));
    let next = first.text.split("href=\"/history?before=").nth(1).unwrap();
    let next = next.split('"').next().unwrap().to_owned();
    let second = bo.get(&format!("/history?before={next}")).await;
    assert!(second.text.contains(&ids[0]) && !second.text.contains(&ids[1]));
    assert_eq!(bo.get("/history?before=apr_nothing").await.status, 404);
    bo.cookie = None;
    assert_eq!(location(&bo.get("/history").await), "/login?return=/history");
}

#[tokio::test]
async fn a_page_that_is_not_there_is_one_for_people() {
    let house = house().await;
    let browser = Browser::new(&house);
    let page = browser.get("/nowhere").await;
    assert_eq!(
        (page.status, &page.headers["content-type"]),
        (404, &"text/html; charset=utf-8".parse().unwrap())
    );
    assert_eq!(browser.get("/v1/nowhere").await.problem(), "not-found");
}

#[tokio::test]
async fn a_link_may_fill_the_dev_login_in_and_logs_nobody_in() {
    let house = house().await;
    let browser = Browser::new(&house);
    let page = browser.get("/login?subject=dave&scopes=a+%22%3E").await;
    assert!(page.text.contains("value=\"dave\""), "{}", page.text);
    assert!(!page.text.contains("a \">"), "{}", page.text);
    assert_eq!(page.headers.get("set-cookie"), None);
}

#[tokio::test]
async fn changes_are_told_as_they_happen() {
    let house = house().await;
    let id = house.asked(&held()).await;
    let bo = Browser::of(&house, "bo", SCOPE).await;
    let cookie = bo.cookie.clone().unwrap();
    let mut feed =
        house.http.get(house.at_people("/events")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(feed.headers()["content-type"], "text/event-stream");
    let desk = house.service.desk();
    desk.decide(&id, &crate::fixtures::yes(), &crate::fixtures::approver("cy")).await.unwrap();
    let chunk = feed.chunk().await.unwrap().unwrap();
    let text = String::from_utf8(chunk.to_vec()).unwrap();
    assert!(text.contains("event: changed") && !text.contains(&id), "{text}");
    assert_eq!(Browser::new(&house).get("/events").await.status, 401);
    // A stream does not keep the service from ending.
    let ended = std::time::Instant::now();
    house.service.stop().await;
    assert!(ended.elapsed() < std::time::Duration::from_secs(3));
}
