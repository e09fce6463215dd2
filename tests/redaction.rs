//! Responses through the compiled filter: cut wherever it may be, a response comes out the same.
#![expect(clippy::unwrap_used, reason = "a test: stopping is how it reports")]
#![expect(clippy::indexing_slicing, clippy::string_slice, reason = "on fixtures")]

use scopewarden_host::HeaderMap;
use scopewarden_host::drive::{ExchangeId, Proxy, Settings};
use scopewarden_testkit::scenario::{TokenSpec, jwks, mint};
use serde_json::{Value, json};

/// A key of the form that OpenAI gives out, from nowhere.
const KEY: &str = concat!("sk-proj-", "Zk3vQx8Lm2Tn5Rw9Yb1Hc4Jd7Fg0Ps6Va8Ue2Ik5Om9Xq3Nz7");
const PEM: &str = concat!(
    "-----BEGIN PRIVATE ",
    "KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n-----END PRIVATE ",
    "KEY-----"
);

fn policy(mode: &str) -> String {
    let issuer = json!({"issuer": "https://one.test/", "audiences": ["scopewarden"], "jwks": {"inline": jwks()}});
    let operation =
        json!({"id": "a.read", "method": "GET", "path": "/a", "scope": "a", "tier": "read"});
    json!({
        "policy": "masks", "mode": mode, "identity": {"issuers": [issuer]}, "operations": [operation],
        "redact": {
            "detectors": ["secrets", "personal"],
            "fields": ["**.password"],
            "actions": {"private_key": "block"},
        },
    })
    .to_string()
}

struct Gateway {
    proxy: Proxy,
    token: String,
}

impl Gateway {
    fn start(mode: &str) -> Self {
        let guest = scopewarden_tests::wasm::link().unwrap();
        let proxy = Proxy::start(&guest, Settings::default(), policy(mode).as_bytes()).unwrap();
        let claims = json!({"iss": "https://one.test/", "scope": "a"});
        let claims = claims.as_object().cloned().unwrap();
        let spec = TokenSpec { claims, ..TokenSpec::default() };
        let token = mint(&spec, proxy.now().as_secs().try_into().unwrap());
        Self { proxy, token }
    }

    /// An exchange whose request has gone to the upstream.
    fn open(&mut self) -> ExchangeId {
        let id = self.proxy.open().unwrap();
        let mut headers = HeaderMap::from([
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "gateway.test"),
            (":path", "/a"),
            ("accept-encoding", "gzip"),
        ]);
        headers.add("authorization", format!("Bearer {}", self.token));
        self.proxy.request_headers(id, headers, true);
        assert!(self.proxy.exchange(id).upstream().ended);
        id
    }

    /// What the caller gets of a body that comes in these pieces, after each of them.
    fn answer<'p>(
        &mut self,
        fields: &[(&str, &str)],
        pieces: impl IntoIterator<Item = &'p [u8]>,
    ) -> (ExchangeId, Vec<Vec<u8>>) {
        let id = self.open();
        let mut headers = HeaderMap::from([(":status", "200")]);
        fields.iter().for_each(|(name, value)| headers.add(*name, *value));
        self.proxy.response_headers(id, headers, false);
        let mut seen = Vec::new();
        for piece in pieces {
            self.proxy.response_body(id, piece, false);
            seen.push(self.proxy.exchange(id).downstream().body());
        }
        self.proxy.response_body(id, b"", true);
        seen.push(self.proxy.exchange(id).downstream().body());
        (id, seen)
    }

    fn body<'p>(
        &mut self,
        content_type: &str,
        pieces: impl IntoIterator<Item = &'p [u8]>,
    ) -> String {
        let (id, seen) = self.answer(&[("content-type", content_type)], pieces);
        for so_far in &seen {
            let text = String::from_utf8_lossy(so_far);
            assert!(!text.contains(&KEY[4..9]) && !text.contains("ana@"), "leaked: {text}");
        }
        assert!(self.proxy.exchange(id).is_over() && !self.proxy.exchange(id).is_reset());
        self.proxy.take(id);
        String::from_utf8(seen.last().cloned().unwrap()).unwrap()
    }
}

fn document() -> String {
    format!(
        "{{ \"text\" : \"key {KEY}, mail ana\\u0040example.com\", \"n\": 1e3,\r\n \"user\":{{\"password\":[1,{{}}]}}}}"
    )
}

const DOCUMENT_MASKED: &str = "{ \"text\" : \"key sk-[masked:openai], mail [masked:email]\", \"n\": 1e3,\r\n \"user\":{\"password\":\"[masked]\"}}";

fn stream() -> String {
    let said = format!("It is {KEY}, mail ana@example.com.");
    let letters: Vec<char> = said.chars().collect();
    let events = letters.chunks(5).map(|part| {
        let part: String = part.iter().collect();
        format!("id: 7\r\ndata: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{part}\"}}}}]}}\r\n\r\n")
    });
    let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n: bye\n\ndata: [DONE]\n\n";
    events.chain([end.to_owned()]).collect()
}

/// The text of choice 0.
fn said(stream: &str) -> String {
    let events = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    events
        .map(|e| e["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn where_a_response_is_cut_makes_no_difference() {
    let mut gateway = Gateway::start("enforce");
    for (content_type, body) in [
        ("application/json", document()),
        ("text/event-stream", stream()),
        ("text/plain", format!("key {KEY}, mail ana@example.com")),
    ] {
        let whole = gateway.body(content_type, [body.as_bytes()]);
        match content_type {
            "application/json" => assert_eq!(whole, DOCUMENT_MASKED),
            "text/plain" => assert_eq!(whole, "key sk-[masked:openai], mail [masked:email]"),
            _ => assert_eq!(said(&whole), "It is sk-[masked:openai], mail [masked:email]."),
        }
        for cut in 0..=body.len() {
            let (a, b) = body.as_bytes().split_at(cut);
            assert_eq!(gateway.body(content_type, [a, b]), whole, "{content_type} cut at {cut}");
        }
        for size in [1, 2, 3, 7] {
            let pieces = body.as_bytes().chunks(size);
            assert_eq!(gateway.body(content_type, pieces), whole, "{content_type} by {size}");
        }
    }
    assert_eq!(gateway.proxy.violations(), []);
}

#[test]
fn a_short_response_keeps_its_length() {
    let mut gateway = Gateway::start("enforce");
    let body = document();
    let length = body.len().to_string();
    let fields =
        [("content-type", "application/json"), ("content-length", &length), ("etag", "\"a\"")];
    let (id, seen) = gateway.answer(&fields, body.as_bytes().chunks(9));
    assert_eq!(seen.iter().filter(|so_far| !so_far.is_empty()).count(), 1, "all of it at the end");
    let sent = gateway.proxy.exchange(id).downstream();
    let head = sent.head.as_ref().unwrap();
    assert_eq!(head.get("content-length"), Some(DOCUMENT_MASKED.len().to_string().as_bytes()));
    assert_eq!(head.get("etag"), None);
    assert_eq!(gateway.proxy.violations(), []);
}

#[test]
fn what_must_not_go_out_is_refused_or_cut() {
    let mut gateway = Gateway::start("enforce");
    let body = format!("{{\"first\": 1, \"key\": \"{PEM}\"}}");
    let length = body.len().to_string();
    let json = ("content-type", "application/json");
    let (id, _) = gateway.answer(&[json, ("content-length", &length)], [body.as_bytes()]);
    let refusal = gateway.proxy.exchange(id).local_response().unwrap();
    assert_eq!(refusal.status, 502);
    assert!(String::from_utf8_lossy(&refusal.body).contains("response_blocked"));

    let (id, _) = gateway.answer(&[json], body.as_bytes().chunks(4));
    assert!(gateway.proxy.exchange(id).is_reset());
    assert!(
        !String::from_utf8_lossy(&gateway.proxy.exchange(id).downstream().body()).contains("MII")
    );

    let encoded = [json, ("content-encoding", "br")];
    let (id, _) = gateway.answer(&encoded, [body.as_bytes()]);
    assert_eq!(gateway.proxy.exchange(id).local_response().unwrap().status, 502);
    assert_eq!(gateway.proxy.violations(), []);
}

#[test]
fn trailers_end_a_response() {
    let mut gateway = Gateway::start("enforce");
    let json = ("content-type", "application/json");
    for announced in [&[json][..], &[json, ("trailer", "x-sum")][..]] {
        let id = gateway.open();
        let mut headers = HeaderMap::from([(":status", "200")]);
        announced.iter().for_each(|(name, value)| headers.add(*name, *value));
        gateway.proxy.response_headers(id, headers, false);
        gateway.proxy.response_body(id, document().as_bytes(), false);
        gateway.proxy.response_trailers(id, HeaderMap::from([("x-sum", "ana@example.com")]));
        let sent = gateway.proxy.exchange(id).downstream();
        assert_eq!(String::from_utf8_lossy(&sent.body()), DOCUMENT_MASKED);
        assert_eq!(sent.trailers.as_ref().unwrap().get("x-sum"), Some(&b"[masked:email]"[..]));
    }
    let id = gateway.open();
    let headers = HeaderMap::from([(":status", "200"), ("content-type", "text/plain")]);
    gateway.proxy.response_headers(id, headers, false);
    gateway.proxy.response_body(id, b"mail ana@example.co", false);
    gateway.proxy.response_trailers(id, HeaderMap::from([("x", "y")]));
    assert!(gateway.proxy.exchange(id).is_reset(), "what is held is neither sent nor lost unseen");
    assert_eq!(gateway.proxy.violations(), []);
}

#[test]
fn shadow_mode_changes_nothing() {
    let mut gateway = Gateway::start("shadow");
    let body = document();
    let fields = [("content-type", "application/json"), ("etag", "\"a\"")];
    let (id, seen) = gateway.answer(&fields, body.as_bytes().chunks(9));
    assert_eq!(seen.last().unwrap(), body.as_bytes());
    let exchange = gateway.proxy.exchange(id);
    assert_eq!(exchange.downstream().head.as_ref().unwrap().get("etag"), Some(&b"\"a\""[..]));
    assert!(exchange.upstream().head.as_ref().unwrap().get("accept-encoding").is_some());
    let records = gateway.proxy.take_log();
    let masked = r#""masked":{"email":1,"field:**.password":1,"openai":1}"#;
    assert!(records.iter().any(|line| line.text.contains(masked)), "{records:?}");
    assert_eq!(gateway.proxy.violations(), []);
}
