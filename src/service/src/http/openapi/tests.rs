//! The document is true: of the routes, and of every exchange of the other tests.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::DOCUMENT;
use crate::fixtures::call;
use crate::http::house::{Answer, House, send};
use crate::http::{people, questions};

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Tag, method and path of every operation.
fn operations() -> BTreeSet<(String, String, String)> {
    let document = document();
    let mut found = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let tag = operation["tags"][0].as_str().unwrap().to_owned();
            found.insert((tag, method.clone(), path.clone()));
        }
    }
    found
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let routes = |tag: &str, routes: Vec<(&str, &str)>| {
        let named =
            |(method, path): (&str, &str)| (tag.to_owned(), method.to_owned(), path.to_owned());
        routes.into_iter().map(named).collect::<Vec<_>>()
    };
    let mut all = routes("proxies", questions::routes().iter().map(|r| (r.0, r.1)).collect());
    all.extend(routes("people", people::routes().iter().map(|r| (r.0, r.1)).collect()));
    assert_eq!(operations(), BTreeSet::from_iter(all));
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_referred_to() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    found.insert(reference.clone());
                }
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let named = ["schemas", "responses"].into_iter().flat_map(|kind| {
        let names = document["components"][kind].as_object().unwrap().keys();
        names.map(move |name| format!("#/components/{kind}/{name}")).collect::<Vec<_>>()
    });
    // These two are inside of what is no JSON: a JWS, and an event.
    let inside = ["VerdictClaims", "Changed"].map(|name| format!("#/components/schemas/{name}"));
    assert_eq!(BTreeSet::from_iter(named), found.into_iter().chain(inside).collect());
}

/// Whether a value is what a schema of the document says, with no member that it does not know.
pub(crate) fn check(schema: &Value, value: &Value) {
    fn close(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.values_mut().for_each(close);
                if members.get("type").is_some_and(|t| t == "object")
                    && members.contains_key("properties")
                {
                    members.insert("additionalProperties".into(), json!(false));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut root = Map::new();
    root.insert("components".into(), document()["components"].clone());
    root.insert("allOf".into(), json!([schema]));
    let mut root = Value::Object(root);
    close(&mut root);
    let validator =
        jsonschema::draft202012::options().should_validate_formats(true).build(&root).unwrap();
    if let Err(error) = validator.validate(value) {
        panic!("{error} at {} in {value:#}", error.instance_path());
    }
}

/// Whether an answer is among those of its operation.
pub(crate) fn conforms(method: &str, path: &str, answer: &Answer) {
    let document = document();
    let bare = path.split('?').next().unwrap();
    let segments = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let wanted = segments(bare);
    let template = document["paths"].as_object().unwrap().keys().find(|template| {
        let template = segments(template);
        template.len() == wanted.len()
            && template
                .iter()
                .zip(&wanted)
                .all(|(t, w)| t == w || (t.starts_with('{') && w != "abandon"))
    });
    let operation = template.map(|template| &document["paths"][template][method]);
    let Some(operation) = operation.filter(|operation| operation.is_object()) else {
        assert!(matches!(answer.status, 404 | 405), "{method} {path} is not described");
        return;
    };
    let mut response = &operation["responses"][answer.status.to_string()];
    if let Some(reference) = response["$ref"].as_str() {
        response = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
    }
    assert!(response.is_object(), "{method} {path} is not described to answer {}", answer.status);
    let Some(contents) = response["content"].as_object() else {
        assert_eq!(answer.text, "");
        return;
    };
    let media_type = answer.headers["content-type"].to_str().unwrap();
    let content =
        contents.get(media_type).unwrap_or_else(|| panic!("{method} {path}: {media_type}"));
    let value = if media_type.ends_with("json") { answer.json() } else { json!(answer.text) };
    check(&content["schema"], &value);
}

fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The claims of a verdict, which somebody else verifies.
fn claims(jws: &str) -> Value {
    use base64::Engine as _;
    let payload = jws.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn the_proxies_door_is_as_described() {
    let house = House::start().await;
    let get = async |path: &str| {
        let answer = send(house.http.get(house.at_questions(path))).await;
        conforms("get", path, &answer);
        answer
    };
    get("/v1/keys").await;
    get("/healthz").await;
    assert_eq!(get("/v1/approvals/apr_1").await.status, 404);
    let call = call("/v1/models/m", 1);
    let pending = house.ask(&call, "first", 0).await;
    check(&schema("VerdictClaims"), &claims(&pending.text));
    let id = house.asked(&call).await;
    house.decide(&id, &json!({"decision": "approve"}), &house.approver("bob")).await;
    let approved = claims(&house.ask(&call, "second", 0).await.text);
    check(&schema("VerdictClaims"), &approved);
    assert_eq!(approved["status"], "approved");
    let denied = house.asked(&call).await;
    house
        .decide(&denied, &json!({"decision": "deny", "reason": "no"}), &house.approver("bob"))
        .await;
    check(&schema("VerdictClaims"), &claims(&house.ask(&call, "third", 0).await.text));

    let gone = json!({"version": 1, "nonce": "nonce-0123456789", "fingerprint": call.fingerprint().as_str()});
    let post = async |path: &str, body: Value| {
        let answer = send(house.http.post(house.at_questions(path)).json(&body)).await;
        conforms("post", path, &answer);
        answer
    };
    assert_eq!(post("/v1/approvals/abandon", gone).await.status, 204);
    assert_eq!(
        post("/v1/approvals/abandon", json!({"version": 1})).await.problem(),
        "invalid-request"
    );
    assert_eq!(post("/v1/approvals", json!({})).await.problem(), "invalid-request");
    let huge = json!({"version": "a".repeat(300_000)});
    assert_eq!(post("/v1/approvals", huge).await.problem(), "too-large");
    house.service.stop().await;
}

#[tokio::test]
async fn everybody_may_read_the_document() {
    let house = House::start().await;
    let answer = send(house.http.get(house.at_people("/openapi.json"))).await;
    assert_eq!((answer.status, answer.json()), (200, document()));
    house.service.stop().await;
}
