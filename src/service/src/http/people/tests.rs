//! The API from outside, over HTTP.

use serde_json::{Value, json};

use crate::fixtures::{SCOPE, call, step};
use crate::http::house::{Answer, GLASS, House, send};
use crate::http::openapi::tests::{check, conforms};

fn codes(may: &Value) -> Vec<&str> {
    ["approve", "deny", "break_glass"]
        .map(|what| may[what]["code"].as_str().unwrap_or("allowed"))
        .to_vec()
}

#[tokio::test]
async fn a_call_is_shown_and_decided() {
    let house = House::start().await;
    let call = call("/v1/models/m", 2);
    let id = house.asked(&call).await;
    let (bob, eve) = (house.approver("bob"), house.approver("eve"));

    let list = house.get("/v1/approvals", &bob).await;
    assert_eq!(list.headers["cache-control"], "no-store");
    let list = list.json();
    assert_eq!(list["next"], Value::Null);
    assert_eq!(list["approvals"][0]["id"], *id);

    let shown = house.get(&format!("/v1/approvals/{id}"), &bob).await.json();
    assert_eq!(shown["call"], Value::from(&call));
    assert_eq!(shown["fingerprint"], call.fingerprint().as_str());
    assert_eq!((&shown["status"], &shown["missing"]), (&json!("pending"), &json!(2)));
    assert_eq!(shown["events"][0]["kind"], "asked");
    assert_eq!(codes(&shown["may"]), ["allowed", "allowed", "scope"]);

    let voted = house.decide(&id, &json!({"decision": "approve"}), &bob).await;
    assert_eq!(voted.status, 200, "{voted:?}");
    let voted = voted.json();
    assert_eq!((&voted["status"], &voted["missing"]), (&json!("pending"), &json!(1)));
    assert_eq!(voted["votes"][0]["person"]["subject"], "bob");
    assert_eq!(voted["votes"][0]["name"], "BOB");
    assert_eq!(codes(&voted["may"]), ["twice", "allowed", "scope"]);
    let twice = house.decide(&id, &json!({"decision": "approve"}), &bob).await;
    assert_eq!((twice.status, &*twice.problem()), (403, "twice"));

    let decision = json!({"decision": "approve", "reason": "looks right"});
    assert_eq!(house.decide(&id, &decision, &eve).await.json()["status"], "approved");
    let late = house.decide(&id, &json!({"decision": "deny", "reason": "no"}), &eve).await;
    assert_eq!((late.status, &*late.problem()), (409, "not-pending"));

    let verdict = house.ask(&call, "second", 0).await;
    assert_eq!(verdict.headers["content-type"], "application/jwt");
    let used = house.get(&format!("/v1/approvals/{id}"), &bob).await.json();
    assert_eq!(used["status"], "used");
    let kinds: Vec<_> = used["events"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["asked", "supported", "approved", "used"]);
    assert!(!used.to_string().contains("nonce-0123456789"), "the nonce is the proxy's");
    house.service.stop().await;
}

#[tokio::test]
async fn nobody_decides_who_may_not() {
    let house = House::start().await;
    let id = house.asked(&call("/v1/models/m", 1)).await;
    let yes = json!({"decision": "approve"});
    for (token, status, code) in [
        (house.approver("ana"), 403, "requester"),
        (house.approver("agent"), 403, "actor"),
        (house.token("bob", "other"), 403, "scope"),
        (house.approver("system:serviceaccount:a:b"), 403, "machine"),
    ] {
        let refused = house.decide(&id, &yes, &token).await;
        assert_eq!((refused.status, &*refused.problem()), (status, code), "{refused:?}");
    }
    let glass = json!({"decision": "break_glass", "reason": "the site is down"});
    let bob = house.approver("bob");
    assert_eq!(house.decide(&id, &glass, &bob).await.problem(), "scope");
    let no_reason = house.decide(&id, &json!({"decision": "deny"}), &bob).await;
    assert_eq!((no_reason.status, &*no_reason.problem()), (400, "reason-missing"));
    assert_eq!(no_reason.json()["pointer"], "/reason");
    let mia = house.token("mia", GLASS);
    let broken = house.decide(&id, &glass, &mia).await.json();
    assert_eq!(
        (&broken["status"], &broken["votes"][0]["break_glass"]),
        (&json!("approved"), &json!(true))
    );
    house.service.stop().await;
}

#[tokio::test]
async fn what_is_held_is_shown_to_those_who_decide_and_who_asked() {
    let house = House::start().await;
    let id = house.asked(&call("/v1/models/m", 1)).await;
    let path = format!("/v1/approvals/{id}");
    for (token, seen) in [
        (house.approver("bob"), true),
        (house.token("mia", GLASS), true),
        (house.token("ana", ""), true),
        (house.token("bob", "other"), false),
    ] {
        let one = house.get(&path, &token).await;
        let listed =
            house.get("/v1/approvals", &token).await.json()["approvals"].as_array().unwrap().len();
        assert_eq!((one.status == 200, listed == 1), (seen, seen), "{one:?}");
        if !seen {
            assert_eq!((one.status, &*one.problem()), (403, "scope"));
        }
    }
    house.service.stop().await;
}

#[tokio::test]
async fn who_is_not_proven_is_nobody() {
    let house = House::start().await;
    let token = house.approver("bob");
    let me = house.get("/v1/me", &token).await.json();
    assert_eq!(me["person"], json!({"issuer": "https://idp.test/", "subject": "bob"}));
    assert_eq!(me["scopes"], json!([SCOPE]));
    assert_eq!(me["machine"], Value::Null);
    let forged = format!("{}x", token.rsplit_once('.').unwrap().0);
    for path in ["/v1/me", "/v1/approvals", "/v1/approvals/apr_1", "/v1/events"] {
        let url = house.at_people(path);
        let none = send(house.http.get(&url)).await;
        let cookie = send(house.http.get(&url).header("cookie", format!("session={token}"))).await;
        let wrong = house.get(path, &forged).await;
        let basic = send(house.http.get(&url).basic_auth("bob", Some("pw"))).await;
        let two = house.http.get(&url).bearer_auth(&token).bearer_auth(&token);
        for refused in [none, cookie, wrong, basic, send(two).await] {
            assert_eq!((refused.status, &*refused.problem()), (401, "unauthenticated"));
            assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"scopewarden\"");
            assert!(!refused.text.contains(&forged) && !refused.text.contains(&token));
        }
    }
    house.service.stop().await;
}

#[tokio::test]
async fn history_goes_on_page_by_page() {
    let house = House::start().await;
    let bob = house.approver("bob");
    let mut all = Vec::new();
    for n in 0..5 {
        let id = house.asked(&call(&format!("/v1/models/{n}"), 1)).await;
        house.decide(&id, &json!({"decision": "deny", "reason": "no"}), &bob).await;
        all.insert(0, id);
    }
    let mut seen = Vec::new();
    let mut before = String::new();
    loop {
        let path = format!("/v1/approvals?status=decided&limit=2{before}");
        let page = house.get(&path, &bob).await.json();
        for approval in page["approvals"].as_array().unwrap() {
            assert_eq!(approval["denial"]["reason"], "no");
            seen.push(approval["id"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
    house.service.stop().await;
}

#[tokio::test]
async fn a_set_is_shown_whole() {
    let house = House::start().await;
    let bob = house.approver("bob");
    let first = house.asked(&step(1, 2)).await;
    let path = format!("/v1/approvals/{first}");
    let half = house.get(&path, &bob).await.json();
    assert_eq!(codes(&half["may"]), ["set-incomplete", "allowed", "set-incomplete"]);
    let early = house.decide(&first, &json!({"decision": "approve"}), &bob).await;
    assert_eq!((early.status, &*early.problem()), (409, "set-incomplete"));
    let second = house.asked(&step(2, 2)).await;
    let whole = house.get(&path, &bob).await.json();
    let members: Vec<_> = whole["members"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
    assert_eq!(members, [&first, &second]);
    assert_eq!(codes(&whole["may"]), ["allowed", "allowed", "scope"]);
    let part = json!({"decision": "approve", "seen": [first]});
    let refused = house.decide(&first, &part, &bob).await;
    assert_eq!((refused.status, &*refused.problem()), (409, "set-unseen"));
    let seen = json!({"decision": "approve", "seen": [first, second]});
    assert_eq!(house.decide(&first, &seen, &bob).await.status, 200);
    let other = house.get(&format!("/v1/approvals/{second}"), &bob).await.json();
    assert_eq!(other["status"], "approved");
    house.service.stop().await;
}

#[tokio::test]
async fn changes_are_told_as_they_happen() {
    let house = House::start().await;
    let listen = async |token: String| {
        let events = house.http.get(house.at_people("/v1/events")).bearer_auth(token);
        let answer = events.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        answer
    };
    let mut bob = listen(house.approver("bob")).await;
    let mut other = listen(house.token("other", "")).await;
    let id = house.asked(&call("/v1/models/m", 1)).await;
    house.decide(&id, &json!({"decision": "approve"}), &house.approver("eve")).await;
    let mut told = String::new();
    while told.matches("\n\n").count() < 2 {
        told.push_str(std::str::from_utf8(&bob.chunk().await.unwrap().unwrap()).unwrap());
    }
    let event = |version, status| {
        let data = json!({"id": id, "version": version, "status": status});
        check(&json!({"$ref": "#/components/schemas/Changed"}), &data);
        format!("event: changed\ndata: {data}\n\n")
    };
    assert_eq!(told, event(1, "pending") + &event(2, "approved"));
    // Who stops the service does not wait for those who watch.
    let begun = std::time::Instant::now();
    house.service.stop().await;
    assert!(begun.elapsed().as_secs() < 4);
    assert_eq!(bob.chunk().await.unwrap(), None);
    assert_eq!(other.chunk().await.unwrap(), None, "who may not look is told nothing");
}

#[tokio::test]
async fn bad_requests_are_problems() {
    let house = House::start().await;
    let id = house.asked(&call("/v1/models/m", 1)).await;
    let bob = house.approver("bob");
    let decision = house.at_people(&format!("/v1/approvals/{id}/decision"));
    let post = |body: &str| house.http.post(&decision).bearer_auth(&bob).body(body.to_owned());
    let json = |body: &str| post(body).header("content-type", "application/json");
    let long = format!(r#"{{"decision":"deny","reason":"{}"}}"#, "é".repeat(501));
    let huge = format!(r#"{{"decision":"deny","reason":"{}"}}"#, "a".repeat(20_000));
    let check = |answer: Answer, status: u16, code: &str, says: &str| {
        if !matches!(status, 404 | 405) {
            conforms("post", "/v1/approvals/{id}/decision", &answer);
        }
        assert_eq!((answer.status, &*answer.problem()), (status, code), "{answer:?}");
        assert!(answer.text.contains(says), "{answer:?}");
    };
    for (body, code, says) in [
        ("", "invalid-request", "EOF"),
        ("{", "invalid-request", "EOF"),
        (r#"["deny","a"]"#, "invalid-request", "not a JSON object"),
        ("{}", "invalid-request", "missing field `decision`"),
        (r#"{"decision":"approved"}"#, "invalid-request", "\"pointer\":\"/decision\""),
        (r#"{"decision":1}"#, "invalid-request", "/decision"),
        (r#"{"decision":"deny","reason":1}"#, "invalid-request", "/reason"),
        (r#"{"decision":"deny","reason":"a","why":1}"#, "invalid-request", "why"),
        (r#"{"decision":"deny","decision":"approve"}"#, "invalid-request", "duplicate"),
        (r#"{"decision":"deny","reason":"a"} {}"#, "invalid-request", "follows"),
        (&long, "reason-too-long", "500"),
    ] {
        check(send(json(body)).await, 400, code, says);
    }
    check(send(json(&huge)).await, 413, "too-large", "too large");
    check(send(post("{}")).await, 415, "not-json", "content-type");
    check(send(post("a=b").header("content-type", "text/plain")).await, 415, "not-json", "");
    let query = send(house.http.post(format!("{decision}?x=1")).bearer_auth(&bob).json(&json!({})));
    check(query.await, 400, "invalid-request", "unknown field `x`");
    for (path, status, code, says) in [
        ("/v1/approvals?status=open", 400, "invalid-request", "unknown variant `open`"),
        ("/v1/approvals?limit=0", 400, "invalid-request", "`limit`"),
        ("/v1/approvals?limit=-1", 400, "invalid-request", "limit"),
        ("/v1/approvals?limit=99999999999", 400, "invalid-request", "limit"),
        ("/v1/approvals?limit=1&limit=2", 400, "invalid-request", "duplicate"),
        ("/v1/approvals?before=apr_1", 400, "invalid-request", "status=decided"),
        ("/v1/approvals?status=decided&before=x", 400, "invalid-request", "`next`"),
        ("/v1/approvals?colour=red", 400, "invalid-request", "unknown field `colour`"),
        ("/v1/approvals/apr_none", 404, "not-found", "apr_none"),
        ("/v1/approvals/%00%ff", 404, "not-found", ""),
        ("/v1/nothing", 404, "not-found", ""),
    ] {
        check(house.get(path, &bob).await, status, code, says);
    }
    let put = house.http.put(house.at_people("/v1/approvals")).bearer_auth(&bob);
    let put = send(put).await;
    assert_eq!(put.headers["allow"], "GET,HEAD");
    check(put, 405, "method-not-allowed", "");
    house.service.stop().await;
}
