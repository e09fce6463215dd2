//! Fingerprints, previews, verdicts, holds: what counts, and what does not.
#![expect(clippy::arithmetic_side_effects, clippy::string_slice, reason = "on constants")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::identity::KeySet;
use crate::time::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_795_507_200_000);

fn bound() -> Bound {
    let party =
        |subject: &str| Party { issuer: "https://idp.test/".into(), subject: subject.into() };
    Bound {
        actors: vec![party("agent")],
        authority: "gateway.test".into(),
        body: BoundBody::exact(b"{}").digest,
        body_bytes: 2,
        headers: vec![("content-type".into(), "application/json".into())],
        method: "DELETE".into(),
        operation: "openai.models.delete".into(),
        path: "/v1/models/m".into(),
        policy: "prod".into(),
        policy_hash: "sha256:00".into(),
        principal: party("ana"),
        query: BoundBody::exact(b"").digest,
        requirement: Requirement { approvers: 1, scope: "approve".into(), ttl_ms: 600_000 },
        server: String::new(),
        set: None,
        tier: "destroy".into(),
    }
}

#[test]
fn a_step_of_a_set_has_one_spelling() {
    let step = Step::parse(b"rotate-42;step=1;of=2").unwrap();
    assert_eq!((&*step.id, step.step, step.of), ("rotate-42", 1, 2));
    assert_eq!(Step::parse(b"a;step=16;of=16").unwrap().step, 16);
    for bad in [
        "",
        "a",
        "a;step=1",
        "a;of=2;step=1",
        "a;step=0;of=2",
        "a;step=3;of=2",
        "a;step=01;of=2",
        "a;step=1;of=1",
        "a;step=1;of=17",
        "a;step=1;of=2;",
        "a;step=1;of=+2",
        "a; step=1; of=2",
        "A;step=1;of=2",
        ";step=1;of=2",
        "a;step=1;of=2;of=3",
        "a;step=1;of=2, b;step=1;of=2",
    ] {
        assert_eq!(Step::parse(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn a2_a5_every_member_changes_the_fingerprint() {
    let whole = Value::from(&bound());
    let names: Vec<&String> = whole.as_object().unwrap().keys().collect();
    assert!(names.is_sorted(), "the canonical order of RFC 8785: {names:?}");
    assert_eq!(names.len(), 16);
    for name in names {
        let mut other = whole.clone();
        other[name] = match &whole[name] {
            Value::String(text) => json!(format!("{text}x")),
            Value::Number(_) => json!(3),
            Value::Array(_) => json!([]),
            Value::Null => json!({"id": "rotate", "of": 2, "step": 1}),
            Value::Object(_) if name == "principal" => {
                json!({"issuer": "https://other.test/", "subject": "ana"})
            }
            _ => json!({"approvers": 1, "scope": "approve", "ttl_ms": 1}),
        };
        let other: Bound = serde_json::from_value(other).unwrap();
        assert_ne!(other.fingerprint(), bound().fingerprint(), "{name}");
    }
    assert_eq!(bound().fingerprint(), bound().fingerprint());
}

#[test]
fn the_fingerprint_is_the_digest_of_canonical_json() {
    use sha2::Digest as _;
    let text = format!("scopewarden approval 1\n{}", Value::from(&bound()));
    let digest: Vec<String> =
        sha2::Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(bound().fingerprint().as_str(), format!("sha256:{}", digest.concat()));
}

#[test]
fn a_repeated_json_rpc_call_has_another_id_and_the_same_body() {
    let of = |body: &str| BoundBody::without_rpc_id(body.as_bytes());
    let first = of(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"id":1}}"#);
    assert_eq!(first, of(r#"{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"id":1}}"#));
    assert_eq!(
        first,
        of(r#"{"jsonrpc":"2.0","id":"a\"b","method":"tools/call","params":{"id":1}}"#)
    );
    for other in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"id":2}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"id":1}}"#,
        r#"{"jsonrpc":"2.0", "id":1,"method":"tools/call","params":{"id":1}}"#,
    ] {
        assert_ne!(first, of(other), "{other}");
    }
    for as_it_is in [
        r#"{"method":"id"}"#,
        r#"[{"id":1}]"#,
        r#"{"a":{"id":1}}"#,
        r#"{"id":{"id":1}}"#,
        r#"{"\u0069d":1}"#,
        "",
    ] {
        assert_eq!(of(as_it_is), BoundBody::exact(as_it_is.as_bytes()), "{as_it_is}");
    }
}

proptest! {
    #[test]
    fn any_bytes_have_a_bound_body(body in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(BoundBody::without_rpc_id(&body).digest.starts_with("sha256:"));
    }

    #[test]
    fn only_the_id_is_left_out(id in "[a-z]{0,8}", other in "[a-z]{0,8}", value in "[ -~]{0,16}") {
        let body = |id: &str| json!({"id": id, "jsonrpc": "2.0", "params": {"id": value, "x": value}}).to_string();
        prop_assert_eq!(
            BoundBody::without_rpc_id(body(&id).as_bytes()).digest,
            BoundBody::without_rpc_id(body(&other).as_bytes()).digest
        );
    }
}

#[test]
fn a12_a_preview_masks_bounds_and_says_so() {
    let preview = Preview::of_body(
        br#"{"model":"m","api_key":"sk-1","deep":[{"Password":"p","max_tokens":5,"token":null}]}"#,
    );
    let text = preview.body.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({"model": "m", "api_key": "[masked]", "deep": [{"Password": "[masked]", "max_tokens": 5, "token": null}]})
    );
    let query = [("user".to_owned(), "u".to_owned()), ("access_token".to_owned(), "t".to_owned())];
    assert_eq!(Preview::default().with_query(&query).query[1].1, "[masked]");
    let long = Preview::of_body(json!({"x": "é".repeat(5000)}).to_string().as_bytes());
    assert!(long.truncated);
    assert_eq!(long.body.unwrap().chars().count(), crate::limits::MAX_PREVIEW_CHARS);
    assert_eq!(Preview::of_body(b"\x00file"), Preview { truncated: true, ..Preview::default() });
    assert_eq!(Preview::of_body(b""), Preview::default());
}

fn key(seed: u8) -> ed25519_compact::KeyPair {
    ed25519_compact::KeyPair::from_seed([seed; 32].into())
}

fn keys(seeds: &[u8]) -> KeySet {
    let keys: Vec<Value> = seeds
        .iter()
        .map(|seed| {
            json!({"kty": "OKP", "crv": "Ed25519", "kid": seed.to_string(), "x": URL_SAFE_NO_PAD.encode(*key(*seed).pk)})
        })
        .collect();
    KeySet::from_members(json!({"keys": keys}).as_object().unwrap()).unwrap().0
}

fn sign(seed: u8, header: Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = key(seed).sk.sign(&signed, None);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(*signature))
}

fn header(seed: u8) -> Value {
    json!({"alg": "EdDSA", "typ": VERDICT_TYPE, "kid": seed.to_string()})
}

fn ticket() -> Ticket {
    Ticket::new("nonce".into(), bound().fingerprint())
}

fn claims() -> Value {
    let now = NOW.as_secs();
    json!({
        "iat": now, "exp": now + 30, "nonce": "nonce", "fingerprint": bound().fingerprint().as_str(),
        "status": "approved", "approval": "apr_1",
        "approvers": [{"issuer": "https://idp.test/", "subject": "bo"}],
    })
}

fn check(body: &str) -> Result<Verdict, Fault> {
    let answer = Answer::Response {
        status: 200,
        content_type: Some(b"application/jwt"),
        body: body.as_bytes(),
    };
    ticket().check(answer, &keys(&[1, 2]), NOW)
}

#[test]
fn a_verdict_of_either_key_is_believed() {
    for seed in [1, 2] {
        let Ok(Verdict::Approved(approved)) = check(&sign(seed, header(seed), &claims())) else {
            panic!("key {seed}")
        };
        assert_eq!(
            (approved.approval(), approved.approvers()[0].subject.as_str()),
            ("apr_1", "bo")
        );
        assert_eq!(approved.fingerprint(), &bound().fingerprint());
    }
    for (status, expected) in [("pending", "Pending"), ("denied", "Denied"), ("expired", "Expired")]
    {
        let mut claims = claims();
        claims["status"] = json!(status);
        let verdict = check(&sign(1, header(1), &claims)).unwrap();
        assert!(format!("{verdict:?}").starts_with(expected), "{verdict:?}");
    }
}

#[test]
fn a7_what_is_not_exactly_a_verdict_is_a_fault() {
    let now = NOW.as_secs();
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        sign(1, header(1), &claims)
    };
    let invalid = [
        with("nonce", json!("other")),
        with("nonce", json!(null)),
        with("fingerprint", json!("sha256:00")),
        with("exp", json!(now - 5)),
        with("exp", json!(now + 3600)),
        with("exp", json!("9999999999")),
        with("iat", json!(now + 10)),
        with("iat", json!(null)),
        with("status", json!(true)),
        with("status", json!("Approved")),
        with("status", json!("yes")),
        with("approvers", json!([])),
        with("approvers", json!(["bo"])),
        with("approvers", json!(null)),
        with("approval", json!("../x")),
        with("approval", json!(7)),
        sign(3, header(3), &claims()),
        sign(3, header(1), &claims()),
        sign(1, json!({"alg": "EdDSA", "typ": "JWT", "kid": "1"}), &claims()),
        sign(1, json!({"alg": "EdDSA", "kid": "1"}), &claims()),
        sign(1, json!({"alg": "none", "typ": VERDICT_TYPE, "kid": "1"}), &claims()),
        sign(1, json!({"alg": "HS256", "typ": VERDICT_TYPE, "kid": "1"}), &claims()),
        sign(1, json!({"alg": "EdDSA", "typ": VERDICT_TYPE, "kid": "1", "crit": ["x"]}), &claims()),
        sign(1, header(1), &json!([])),
        "<html>".into(),
        r#"{"approved": true}"#.into(),
        r#"{"approved": "true"}"#.into(),
        String::new(),
        "a.b.c".into(),
    ];
    for body in invalid {
        assert!(matches!(check(&body), Err(Fault::Invalid(_))), "{body}");
    }
    let whole = sign(1, header(1), &claims());
    for cut in 0..whole.len() {
        assert!(matches!(check(&whole[..cut]), Err(Fault::Invalid(_))), "{cut}");
    }
}

#[test]
fn a7_only_a_jwt_with_status_200_is_read() {
    let body = sign(1, header(1), &claims());
    let body = body.as_bytes();
    let check = |answer| ticket().check(answer, &keys(&[1]), NOW);
    assert!(matches!(check(Answer::Nothing), Err(Fault::Unavailable(_))));
    for status in [0, 199, 201, 202, 204, 302, 403, 500, 502, 503, 504] {
        let answer = Answer::Response { status, content_type: Some(b"application/jwt"), body };
        assert!(matches!(check(answer), Err(Fault::Unavailable(_))), "{status}");
    }
    for content_type in
        [None, Some(&b"text/html"[..]), Some(b"application/json"), Some(b"application/jwt, x")]
    {
        let answer = Answer::Response { status: 200, content_type, body };
        assert!(matches!(check(answer), Err(Fault::Invalid(_))), "{content_type:?}");
    }
}

#[test]
fn a4_a_verdict_counts_for_its_time_only() {
    let body = sign(1, header(1), &claims());
    let at = |ms: u64| {
        let answer = Answer::Response {
            status: 200,
            content_type: Some(b"application/jwt"),
            body: body.as_bytes(),
        };
        ticket().check(answer, &keys(&[1]), NOW.plus(ms)).is_ok()
    };
    assert!(at(0));
    assert!(at(34_999), "five seconds of skew");
    assert!(!at(35_000));
}

#[test]
fn a11_places_are_counted_and_given_back() {
    let service = crate::policy::ApprovalService {
        cluster: "a".into(),
        scheme: "http".into(),
        authority: "a".into(),
        path: "/".into(),
        timeout_ms: 1000,
        verdict_keys: keys(&[1]),
        holds_per_caller: 2,
        holds: 3,
    };
    let caller = |subject: &str| Party { issuer: "i".into(), subject: subject.into() };
    let holds = Holds::default();
    let first = holds.take(&caller("a"), &service).unwrap();
    let _second = holds.take(&caller("a"), &service).unwrap();
    assert!(holds.take(&caller("a"), &service).is_none(), "two of one caller");
    let _third = holds.take(&caller("b"), &service).unwrap();
    assert!(holds.take(&caller("c"), &service).is_none(), "three of all");
    drop(first);
    assert_eq!(holds.total(), 2);
    assert!(holds.take(&caller("a"), &service).is_some());
}
