//! Requests that wait for an issuer's keys, in the compiled filter.
#![expect(clippy::unwrap_used, reason = "a test: stopping is how it reports")]

use std::time::Duration;

use scopewarden_host::drive::{ExchangeId, Proxy, Settings, World};
use scopewarden_host::{CallResponse, HeaderMap, Linked};
use scopewarden_testkit::scenario::{TokenSpec, jwks, mint};
use serde_json::{Value, json};

const ISSUERS: [&str; 2] = ["https://one.test/", "https://two.test/"];

fn policy(mode: &str) -> String {
    let issuer = |issuer: &&str| {
        let url = format!("{issuer}keys");
        json!({"issuer": issuer, "audiences": ["scopewarden"], "jwks": {"cluster": "idp", "url": url}})
    };
    let issuers: Vec<Value> = ISSUERS.iter().map(issuer).collect();
    let operation = |id: &str, method: &str, path: &str| json!({"id": id, "method": method, "path": path, "scope": "a", "tier": "read"});
    let judged = json!({"id": "a.judge", "method": "POST", "path": "/judged", "scope": "a", "tier": "read", "model": "/model"});
    let operations =
        [operation("a.read", "GET", "/a"), operation("a.upload", "POST", "/upload"), judged];
    json!({"policy": "keys", "mode": mode, "identity": {"issuers": issuers}, "operations": operations}).to_string()
}

fn start(guest: &Linked<World>, mode: &str) -> Proxy {
    let settings = Settings { clusters: vec!["idp".to_owned()], ..Settings::default() };
    let mut proxy = Proxy::start(guest, settings, policy(mode).as_bytes()).unwrap();
    proxy.advance(Duration::from_millis(250));
    assert_eq!(proxy.calls().len(), 2, "both fetches are under way");
    proxy
}

fn request(proxy: &mut Proxy, issuer: &str) -> ExchangeId {
    begin(proxy, issuer, "GET", "/a", true)
}

fn begin(proxy: &mut Proxy, issuer: &str, method: &str, path: &str, end: bool) -> ExchangeId {
    let claims = json!({"iss": issuer, "scope": "a"});
    let spec = TokenSpec {
        claims: claims.as_object().cloned().unwrap_or_default(),
        ..TokenSpec::default()
    };
    let token = mint(&spec, proxy.now().as_secs().try_into().unwrap());
    let id = proxy.open().unwrap();
    let mut headers = HeaderMap::from([
        (":method", method),
        (":scheme", "http"),
        (":authority", "gateway.test"),
        (":path", path),
    ]);
    headers.add("authorization", format!("Bearer {token}"));
    headers.add("content-type", "application/json");
    proxy.request_headers(id, headers, end);
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
        let mut proxy = start(&guest, "enforce");
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

#[test]
fn a_body_that_nobody_reads_waits_piece_by_piece() {
    let guest = scopewarden_tests::wasm::link().unwrap();
    let mut proxy = start(&guest, "enforce");
    let id = begin(&mut proxy, ISSUERS[0], "POST", "/upload", false);
    for piece in ["", "one ", "two "] {
        proxy.request_body(id, piece.as_bytes(), false);
        assert!(proxy.exchange(id).upstream().head.is_none(), "nothing has gone on");
    }
    answer(&mut proxy, ISSUERS[0], "200", &jwks().to_string());
    proxy.request_body(id, b"three ", false);
    proxy.request_body(id, b"four", true);
    let sent: Vec<&[u8]> = proxy.exchange(id).upstream().chunks.iter().map(Vec::as_slice).collect();
    assert_eq!(sent, [&b"one two "[..], b"three ", b"four"]);
    assert_eq!(proxy.violations(), []);
}

/// In shadow mode a request may go on before its body has been read.
#[test]
fn a_body_that_is_being_kept_goes_on_with_its_next_piece() {
    let guest = scopewarden_tests::wasm::link().unwrap();
    let mut proxy = start(&guest, "shadow");
    let id = begin(&mut proxy, ISSUERS[0], "POST", "/judged", false);
    proxy.request_body(id, b"{\"model\":", false);
    answer(&mut proxy, ISSUERS[0], "503", "down");
    proxy.request_body(id, b"\"m\"", false);
    proxy.request_body(id, b"}", true);
    let sent: Vec<&[u8]> = proxy.exchange(id).upstream().chunks.iter().map(Vec::as_slice).collect();
    assert_eq!(sent, [&b"{\"model\":\"m\""[..], b"}"]);
    assert_eq!(proxy.violations(), []);
}
