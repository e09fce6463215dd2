use serde_json::json;

use scopewarden_core::hex::hex;

use crate::audit::fixtures::sample;
use crate::audit::ingest::tests::collecting;
use crate::audit::record::hash;
use crate::http::house::{House, send};

const SCOPE: &str = "scopewarden:audit:read";

#[tokio::test]
async fn people_with_the_scope_read_what_was_recorded() {
    let house = House::furnished(collecting).await;
    let lines = sample();
    assert_eq!(house.record(&lines).await.status, 200);
    house.indexed(14).await;
    let token = house.token("ana", SCOPE);
    let page = house.get("/v1/audit/records?q=tier=destroy&limit=2", &token).await.json();
    let places = |page: &serde_json::Value| -> Vec<u64> {
        page["records"].as_array().unwrap().iter().map(|r| r["index"].as_u64().unwrap()).collect()
    };
    assert_eq!((places(&page), &page["next"]), (vec![7, 6], &json!(6)));
    assert_eq!(page["records"][0]["record"]["approval"]["approvers"][0]["subject"], "bob");
    let rest = house.get("/v1/audit/records?q=tier=destroy&limit=2&before=6", &token).await.json();
    assert_eq!((places(&rest), &rest["next"]), (vec![5], &json!(null)));
    assert_eq!(places(&house.get("/v1/audit/records", &token).await.json()).len(), 14);

    let one = house.get("/v1/audit/records/4", &token).await.json();
    assert_eq!((&one["line"], &one["hash"]), (&json!(lines[4]), &json!(hex(&hash(&lines[4])))));
    assert_eq!(
        (&one["before"], &one["after"], &one["session"]),
        (&json!(3), &json!(5), &json!("response:resp_1"))
    );
    let session = house.get("/v1/audit/sessions/response:resp_1", &token).await.json();
    assert_eq!(places(&session), [2, 4]);
    let session = house.get("/v1/audit/sessions/conversation%3Aconv_7", &token).await.json();
    assert_eq!(places(&session), [6, 7]);

    for path in [
        "/v1/audit/records/14",
        "/v1/audit/records/x",
        "/v1/audit/sessions/x",
        "/v1/audit/segments/x",
        "/v1/audit/segments/..%2Flock",
        "/v1/audit/segments/pruned",
    ] {
        assert_eq!(house.get(path, &token).await.problem(), "not-found", "{path}");
    }
    let wrong = house.get("/v1/audit/records?q=principle=ana", &token).await;
    assert_eq!(wrong.problem(), "invalid-request");
    assert!(wrong.json()["detail"].as_str().unwrap().contains("did you mean `principal`?"));
    for query in ["limit=0", "limit=201", "before=-1", "colour=red"] {
        let answer = house.get(&format!("/v1/audit/records?{query}"), &token).await;
        assert_eq!(answer.problem(), "invalid-request", "{query}");
    }
    house.service.stop().await;
}

#[tokio::test]
async fn the_log_can_be_fetched_to_be_verified_elsewhere() {
    let house = House::furnished(collecting).await;
    let lines = sample();
    house.record(&lines).await;
    let token = house.token("ana", SCOPE);
    let listed = house.get("/v1/audit/segments", &token).await.json();
    let name = listed["segments"][0]["name"].as_str().unwrap();
    let path = format!("/v1/audit/segments/{name}");
    let whole = house.get(&path, &token).await;
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(whole.text, text);
    assert_eq!(listed["segments"][0]["bytes"], json!(text.len()));
    let part = |range: &'static str| {
        let request = house.http.get(house.at_people(&path)).bearer_auth(&token);
        send(request.header("range", range))
    };
    let answer = part("bytes=10-19").await;
    assert_eq!((answer.status, Some(&*answer.text)), (206, text.get(10..20)));
    assert_eq!(answer.headers["content-range"], format!("bytes 10-19/{}", text.len()));
    assert_eq!(part("bytes=99999999-").await.status, 416);

    let key = house.get("/v1/audit/key", &token).await.text;
    assert!(key.starts_with("scopewarden-audit+") && key.ends_with('\n'), "{key}");
    let collector = std::sync::Arc::clone(house.service.collector().unwrap());
    for _ in 0..300 {
        if collector.log.checkpoint().lines().nth(1) == Some("14") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let note = house.get("/v1/audit/checkpoint", &token).await.text;
    assert!(note.starts_with("scopewarden-audit\n14\n"), "{note}");
    assert!(collector.notary.open(&note).is_some());
    let notes = house.get(&path.replace(".jsonl", ".notes"), &token).await.text;
    assert!(notes.ends_with(&format!("{note}\n")));
    house.service.stop().await;
}

#[tokio::test]
async fn nobody_else_reads_what_was_recorded() {
    let house = House::furnished(collecting).await;
    let approver = house.approver("bob");
    let paths =
        ["records", "records/0", "sessions/x", "checkpoint", "key", "segments", "segments/x"];
    for path in paths {
        let path = format!("/v1/audit/{path}");
        assert_eq!(house.get(&path, &approver).await.problem(), "scope-missing", "{path}");
        assert_eq!(house.get(&path, "x").await.problem(), "unauthenticated", "{path}");
    }
    house.service.stop().await;
    let house = House::start().await;
    let token = house.token("ana", SCOPE);
    assert_eq!(house.get("/v1/audit/records", &token).await.problem(), "not-found");
    house.service.stop().await;
}
