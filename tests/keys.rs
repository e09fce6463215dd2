//! Requests that wait for an issuer's keys, in the compiled filter.
#![expect(clippy::unwrap_used, reason = "a test: stopping is how it reports")]

use std::time::Duration;

use scopewarden_host::drive::{ExchangeId, Proxy, Settings};
use scopewarden_host::{CallResponse, HeaderMap};
use scopewarden_testkit::scenario::{TokenSpec, jwks, mint};
use serde_json::{Value, json};

const ISSUERS: [&str; 2] = ["https://one.test/", "https://two.test/"];

fn policy() -> String {
    let issuer = |issuer: &&str| {
        let url = format!("{issuer}keys");
        json!({"issuer": issuer, "audiences": ["scopewarden"], "jwks": {"cluster": "idp", "url": url}})
    };
    let issuers: Vec<Value> = ISSUERS.iter().map(issuer).collect();
    let operation =
        json!({"id": "a.read", "method": "GET", "path": "/a", "scope": "a", "tier": "read"});
    json!({"policy": "keys", "identity": {"issuers": issuers}, "operations": [operation]})
        .to_string()
}

fn request(proxy: &mut Proxy, issuer: &str) -> ExchangeId {
    let claims = json!({"iss": issuer, "scope": "a"});
    let spec = TokenSpec {
        claims: claims.as_object().cloned().unwrap_or_default(),
        ..TokenSpec::default()
    };
    let token = mint(&spec, proxy.now().as_secs().try_into().unwrap());
    let id = proxy.open().unwrap();
    let mut headers = HeaderMap::from([
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "gateway.test"),
        (":path", "/a"),
    ]);
    headers.add("authorization", format!("Bearer {token}"));
    proxy.request_headers(id, headers, true);
    id
}

/// Answers the fetch of that issuer's keys.
fn answer(proxy: &mut Proxy, issuer: &str, status: &str, body: &str) {
    let authority = issuer.trim_start_matches("https://").trim_end_matches('/');
    let of = |call: &scopewarden_host::HttpCall| {
        call.headers.get(":authority") == Some(authority.as_bytes())
    };
    let token = proxy.calls().iter().find(|pending| of(&pending.call)).unwrap().token;
    let headers = HeaderMap::from([(":status", status)]);
    assert!(
        proxy.answer(token, CallResponse { headers, body: body.into(), ..CallResponse::default() })
    );
}

fn status(proxy: &Proxy, id: ExchangeId) -> Option<u32> {
    proxy.exchange(id).local_response().map(|local| local.status)
}

#[test]
fn what_one_issuer_answers_leaves_those_waiting_who_need_another() {
    let guest = scopewarden_tests::wasm::link().unwrap();
    let start = || {
        let settings = Settings { clusters: vec!["idp".to_owned()], ..Settings::default() };
        let mut proxy = Proxy::start(&guest, settings, policy().as_bytes()).unwrap();
        proxy.advance(Duration::from_millis(250));
        assert_eq!(proxy.calls().len(), 2, "both fetches are under way");
        let waiting = ISSUERS.map(|issuer| request(&mut proxy, issuer));
        (proxy, waiting)
    };

    let (mut proxy, waiting) = start();
    let passed = |proxy: &Proxy| waiting.map(|id| proxy.exchange(id).upstream().ended);
    assert_eq!(passed(&proxy), [false, false]);
    answer(&mut proxy, ISSUERS[1], "200", &jwks().to_string());
    assert_eq!(passed(&proxy), [false, true]);
    answer(&mut proxy, ISSUERS[0], "200", &jwks().to_string());
    assert_eq!(passed(&proxy), [true, true]);
    assert_eq!(proxy.violations(), []);

    let (mut proxy, waiting) = start();
    answer(&mut proxy, ISSUERS[1], "503", "down");
    assert_eq!(waiting.map(|id| status(&proxy, id)), [None, Some(503)]);
    answer(&mut proxy, ISSUERS[0], "503", "down");
    assert_eq!(waiting.map(|id| status(&proxy, id)), [Some(503), Some(503)]);
    assert!(waiting.iter().all(|id| !proxy.exchange(*id).upstream().ended));
    assert_eq!(proxy.violations(), []);
}
