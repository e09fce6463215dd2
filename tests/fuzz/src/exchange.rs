//! Nothing reaches the upstream before a decision, whatever happens in whatever order.

use std::sync::{Arc, LazyLock};

use arbitrary::Arbitrary;
use scopewarden_core::approval::{Holds, NoGate};
use scopewarden_core::audit::Standing;
use scopewarden_core::exchange::{Effect, Exchange, Flow, Input, World};
use scopewarden_core::http::{Headers, RequestHead};
use scopewarden_core::identity::{FetchOutcome, KeyRing, NoHost, NoProperties, TokenCache};
use scopewarden_core::node::Node;
use scopewarden_core::policy::{Mode, Policy};
use scopewarden_core::time::UnixMicros;
use serde_json::{Value, json};

use crate::mint::{AUDIENCE, ISSUER, JWKS, NOW, SCOPES, TOKENS};

/// A request and what happens to it.
#[derive(Arbitrary, Debug)]
pub struct Case {
    policy: u8,
    head: Head,
    events: Vec<Event>,
}

#[derive(Arbitrary, Clone, Debug)]
struct Head {
    method: Words,
    scheme: Words,
    target: Words,
    /// One of the good tokens.
    token: Option<u8>,
    /// The content type of a JSON body.
    json: bool,
    headers: Vec<Header>,
    end: bool,
}

#[derive(Arbitrary, Clone, Debug)]
enum Header {
    Known(u8),
    Any { name: Vec<u8>, value: Vec<u8> },
}

/// Bytes that mean something here, or any.
#[derive(Arbitrary, Clone, Debug)]
enum Words {
    Known(u8),
    Any(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Event {
    Head,
    Body { received: u32, whole: Option<Words> },
    Trailers(Words),
    Fetched(bool),
    KeysChanged,
    Wait(u32),
    Closed(Option<u16>),
    Answered { status: u8, fields: Vec<Header>, end: bool },
    Answer { piece: Words, end: bool },
    AnswerTrailers(Vec<Header>),
}

const METHODS: [&str; 6] = ["GET", "POST", "DELETE", "PATCH", "get", ""];
const SCHEMES: [&str; 3] = ["", "https", "ftp"];
const TARGETS: [&str; 16] = [
    "/v1/models",
    "/v1/models/gpt-4o",
    "/v1/chat/completions",
    "/v1/chat/completions?user_id=alice",
    "/v1/responses",
    "/v1/fine_tuning/jobs",
    "/v1/files",
    "/mcp",
    "/status",
    "/status/",
    "/%73tatus",
    "/inbox/alice?owner=bob",
    "/acme/run",
    "/v1/../status",
    "/unknown",
    "*",
];
const HEADERS: [(&str, &str); 12] = [
    ("content-type", "application/json; charset=utf-16"),
    ("content-type", "text/plain"),
    ("content-encoding", "gzip"),
    ("content-length", "99999999999"),
    ("upgrade", "websocket"),
    ("upgrade", "h2c"),
    ("mcp-method", "tools/call"),
    ("mcp-name", "get_issue"),
    ("x-environment", "staging"),
    ("x-forwarded-client-cert", "URI=spiffe://example.org/ops"),
    ("authorization", "Bearer a.b.c"),
    ("authorization", "Basic YWxpY2U6cHc="),
];
const BODIES: [&str; 14] = [
    "",
    "{}",
    "[]",
    r#"{"model":"gpt-4o-mini","messages":[]}"#,
    r#"{"model":"gpt-4o","messages":[],"stream":true}"#,
    r#"{"model":"gpt-4o-mini","Model":"gpt-4o"}"#,
    r#"{"model":"gpt-4o-mini","model":"gpt-4o"}"#,
    r#"{"model":"gpt-4o-mini","user_id":"bob"}"#,
    r#"{"model":"gpt-4o-mini","tools":[{"type":"code_interpreter"}]}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"get_issue"}}"#,
    r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"rm","arguments":{"repo":"a"}}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","id":3,"result":{}}"#,
];

const STATUSES: [&str; 5] = ["200", "500", "206", "101", "304"];
const FIELDS: [(&str, &str); 10] = [
    ("content-type", "application/json"),
    ("content-type", "text/event-stream"),
    ("content-type", "application/grpc"),
    ("content-type", "text/plain; charset=utf-16"),
    ("content-length", "25"),
    ("content-encoding", "gzip"),
    ("trailer", "x-sum"),
    ("etag", "\"a\""),
    ("x-debug", "AKIAIOSFODNN7EXAMPLE"),
    ("x-mail", "ana@example.com"),
];
const PIECES: [&str; 9] = [
    "{\"key\":\"AKIAIOSF",
    "ODNN7EXAMPLE\"}",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"AKIA\"}}]}\n\n",
    "data: [DONE]\n\n",
    "mail ana@example",
    ".com ",
    "{\"password\":[1,{}]}\n",
    "[[[[[[",
    "",
];

impl Words {
    fn of(&self, known: &[&str]) -> Vec<u8> {
        match self {
            Self::Known(n) => known[usize::from(*n) % known.len()].into(),
            Self::Any(bytes) => bytes.clone(),
        }
    }
}

/// Enforcing with keys at hand, only watching, and enforcing with keys that have to be fetched.
static POLICIES: LazyLock<[Arc<Policy>; 3]> = LazyLock::new(|| {
    let inline = json!({"inline": *JWKS});
    let remote = json!({"cluster": "idp", "url": "https://issuer.test/keys"});
    [("enforce", &inline), ("shadow", &inline), ("enforce", &remote)]
        .map(|(mode, jwks)| Arc::new(compile(&document(mode, jwks))))
});

static JWKS_TEXT: LazyLock<String> = LazyLock::new(|| JWKS.to_string());

fn document(mode: &str, jwks: &Value) -> Value {
    json!({
        "policy": "fuzz",
        "mode": mode,
        "identity": {"issuers": [{"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": jwks}]},
        "surfaces": [
            {"use": "openai", "mount": "/v1", "bind": {"user_id": "claims.sub"}},
            {"use": "mcp", "mount": "/mcp"},
        ],
        "operations": [
            {"id": "acme.status", "method": "GET", "path": "/status", "public": true, "tier": "read"},
            {"id": "acme.inbox", "method": "GET", "path": "/inbox/{owner}", "scope": "autogen:model:read", "tier": "read"},
            {"id": "acme.run", "method": "POST", "path": "/acme/run", "scope": "autogen:prompt", "tier": "write", "body": "json"},
        ],
        "redact": {"detectors": ["secrets", "personal"], "fields": ["**.password"], "actions": {"email": "block"}},
        "rules": [
            {"operation": "openai.chat.completions.create", "models": {"autogen:prompt": ["gpt-4o-mini"]}},
            {"operation": "acme.inbox", "bind": {"owner": "claims.sub"}},
        ],
    })
}

fn compile(document: &Value) -> Policy {
    let document = Node::from_json(document.to_string().as_bytes()).unwrap();
    Policy::compile(&document).map(|(policy, _)| policy).unwrap_or_else(|findings| {
        panic!("{}", findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// What has come out of an exchange so far.
#[derive(Default)]
struct Seen {
    decision: Option<&'static str>,
    forwarded: bool,
    refused: bool,
    record: Option<Value>,
    /// The response was refused, or cut off.
    stopped: bool,
    /// What of its body is kept.
    kept: Vec<u8>,
}

/// One exchange.
pub fn check(case: Case) {
    let policy = Arc::clone(&POLICIES[usize::from(case.policy) % POLICIES.len()]);
    let mut bench = Bench {
        exchange: Exchange::new(Arc::clone(&policy), "record-1".into()),
        keys: KeyRing::new(&policy.identity.issuers),
        tokens: TokenCache::default(),
        now: UnixMicros(NOW.0 * 1000),
        seen: Seen::default(),
        enforces: policy.mode == Mode::Enforce,
        closed: false,
        end: case.head.end,
    };
    let head = head(&case.head);
    let proven = head
        .headers
        .one("authorization")
        .is_ok_and(|value| value.and_then(|v| v.strip_prefix(b"Bearer ")).is_some_and(is_good));
    let mut headed = false;
    for event in case.events.iter().take(32) {
        headed |= matches!(event, Event::Head) && !bench.closed;
        bench.happens(event, &head);
    }
    bench.happens(&Event::Closed(None), &head);

    let Bench { seen, enforces, .. } = bench;
    assert_eq!(seen.record.is_some(), headed, "a request leaves one record");
    if enforces && seen.forwarded {
        let record = seen.record.unwrap();
        assert_eq!((&record["decision"], &record["reason"]), (&json!("allow"), &json!("ok")));
        assert_eq!(record.get("response_stopped").is_some(), seen.stopped);
        let operation = policy.operations.iter().find(|o| record["operation"] == o.id.as_str());
        let operation = operation.expect("what is allowed has a name");
        if let Some(scopes) = &operation.scopes {
            assert!(proven, "`{}` is allowed without a good token", operation.id);
            let held = |scope: &String| SCOPES.split(' ').any(|s| s == scope);
            assert!(scopes.iter().all(held), "`{}` is allowed without its scope", operation.id);
        }
    }
}

fn is_good(token: &[u8]) -> bool {
    TOKENS.iter().any(|good| good.as_bytes() == token.trim_ascii())
}

fn head(head: &Head) -> RequestHead {
    let mut out = RequestHead {
        method: head.method.of(&METHODS),
        scheme: head.scheme.of(&SCHEMES),
        authority: b"gateway.test".to_vec(),
        target: head.target.of(&TARGETS),
        ..RequestHead::default()
    };
    if let Some(n) = head.token {
        let token = &TOKENS[usize::from(n) % TOKENS.len()];
        out.headers.push(b"authorization", format!("Bearer {token}").as_bytes());
    }
    if head.json {
        out.headers.push(b"content-type", b"application/json");
    }
    for header in &head.headers {
        match header {
            Header::Known(n) => {
                let (name, value) = HEADERS[usize::from(*n) % HEADERS.len()];
                out.headers.push(name.as_bytes(), value.as_bytes());
            }
            Header::Any { name, value } => out.headers.push(name, value),
        }
    }
    out
}

fn fields(fields: &[Header], known: &[(&str, &str)]) -> Headers {
    let mut out = Headers::new();
    for field in fields {
        match field {
            Header::Known(n) => {
                let (name, value) = known[usize::from(*n) % known.len()];
                out.push(name.as_bytes(), value.as_bytes());
            }
            Header::Any { name, value } => out.push(name, value),
        }
    }
    out
}

struct Bench {
    exchange: Exchange,
    keys: KeyRing,
    tokens: TokenCache,
    now: UnixMicros,
    seen: Seen,
    enforces: bool,
    closed: bool,
    /// The head is all there is.
    end: bool,
}

impl Bench {
    fn happens(&mut self, event: &Event, head: &RequestHead) {
        match event {
            Event::Head => self.step(Input::RequestHead { head: head.clone(), end: self.end }),
            Event::Body { received, whole } => {
                let whole = whole.as_ref().map(|words| words.of(&BODIES));
                let received = whole.as_ref().map_or(*received as usize, Vec::len);
                self.step(Input::RequestBody { received, whole: whole.as_deref() });
            }
            Event::Trailers(words) => {
                self.step(Input::RequestTrailers { whole: &words.of(&BODIES) });
            }
            Event::Fetched(good) => {
                let outcome = FetchOutcome::Response {
                    status: if *good { 200 } else { 503 },
                    body: JWKS_TEXT.as_bytes(),
                };
                self.keys.due(self.now.millis());
                let _ = self.keys.fetched(0, self.now.millis(), outcome);
            }
            Event::KeysChanged => self.step(Input::KeysChanged),
            Event::Wait(micros) => self.now = UnixMicros(self.now.0 + u64::from(*micros)),
            Event::Closed(status) => {
                self.step(Input::Closed { status: *status });
                self.closed = true;
            }
            // A host shows what is read, and nothing else.
            _ if !self.exchange.reads_response() => {}
            Event::Answered { status, fields: sent, end } => {
                let mut headers = fields(sent, &FIELDS);
                let status = STATUSES[usize::from(*status) % STATUSES.len()];
                headers.push(b":status", status.as_bytes());
                self.respond(Input::ResponseHead { headers: &headers, end: *end });
            }
            Event::Answer { piece, end } => {
                let mut piece = piece.of(&PIECES);
                if self.exchange.keeps_response() {
                    self.seen.kept.append(&mut piece);
                    if !end {
                        return;
                    }
                    piece = std::mem::take(&mut self.seen.kept);
                }
                self.respond(Input::ResponseBody { piece: &piece, end: *end });
            }
            Event::AnswerTrailers(sent) => {
                let trailers = fields(sent, &FIELDS);
                let whole = std::mem::take(&mut self.seen.kept);
                self.respond(Input::ResponseTrailers { trailers: &trailers, whole: &whole });
            }
        }
    }

    /// A part of the response: what is held back is kept, or will never go.
    fn respond(&mut self, input: Input<'_>) {
        let flow = self.enter(input);
        let stopped = self.seen.stopped;
        while let Some(effect) = self.exchange.next_effect() {
            assert!(self.enforces, "{effect:?} where nothing is changed");
            assert!(!stopped, "{effect:?} after the response was stopped");
            match effect {
                Effect::Refuse(refusal) => {
                    assert_eq!(
                        refusal.headers.iter().filter(|(n, _)| *n == "content-length").count(),
                        0
                    );
                    assert!(!leaks(&refusal.body), "a refusal repeats the token");
                    self.seen.stopped = true;
                }
                Effect::ResetResponse => self.seen.stopped = true,
                Effect::RemoveResponseHeader(_) | Effect::SetResponseFields { .. } => {}
                Effect::ReplaceResponseBody(_) => assert_eq!(flow, Flow::Continue),
                other => panic!("{other:?} of a response"),
            }
        }
        if flow == Flow::Hold {
            assert!(self.seen.stopped || self.exchange.keeps_response(), "held back for nothing");
        }
        assert!(self.enforces || flow == Flow::Continue, "held back, where nothing is changed");
    }

    fn enter(&mut self, input: Input<'_>) -> Flow {
        let mut world = World {
            now: self.now,
            keys: &mut self.keys,
            tokens: &mut self.tokens,
            signatures: &NoHost,
            properties: &NoProperties,
            holds: &Holds::default(),
            gate: &NoGate,
            audit: Standing::FRESH,
        };
        self.exchange.step(input, &mut world)
    }

    fn step(&mut self, input: Input<'_>) {
        let closing = matches!(input, Input::Closed { .. });
        let unread = self.enforces
            && self.exchange.reads_body()
            && !matches!(input, Input::RequestBody { whole: Some(_), .. });
        let flow = self.enter(input);
        while let Some(effect) = self.exchange.next_effect() {
            self.take(effect, closing);
        }
        let seen = &mut self.seen;
        let allowed = matches!(seen.decision, Some("allow" | "shadow_deny"));
        match flow {
            Flow::Continue => {
                assert!(allowed && !seen.refused && !self.closed, "forwarded undecided");
                assert!(!unread, "forwarded before the body that decides was read");
                seen.forwarded = true;
            }
            Flow::Hold => assert!(closing || self.closed || !allowed, "allowed, and held back"),
        }
        assert!(!seen.forwarded || !self.exchange.is_held(), "forwarded, and held");
    }

    fn take(&mut self, effect: Effect, closing: bool) {
        let seen = &mut self.seen;
        assert!(!self.closed, "{effect:?} after the end");
        match effect {
            Effect::Decided(decided) => {
                assert_eq!(seen.decision, None, "decided twice");
                assert!(self.enforces || decided.decision != "deny" || closing);
                assert!(!self.enforces || decided.decision != "shadow_deny");
                seen.decision = Some(decided.decision);
            }
            Effect::Refuse(refusal) => {
                assert!(self.enforces && !seen.refused && !seen.forwarded && !closing);
                assert!(!leaks(&refusal.body), "a refusal repeats the token");
                seen.refused = true;
            }
            Effect::Record(line) => {
                assert!(closing && seen.record.is_none(), "recorded twice, or before the end");
                assert!(
                    !line.contains('\n') && !leaks(line.as_bytes()),
                    "a record keeps the token"
                );
                seen.record = Some(serde_json::from_str(&line).expect("a record is JSON"));
            }
            Effect::RemoveRequestHeader(_) => assert!(!seen.refused && !seen.forwarded),
            Effect::DropRequestTrailers => assert!(seen.forwarded),
            Effect::Ask(_) | Effect::Abandon(_) => panic!("a question without randomness"),
            Effect::Note(_) => panic!("a record for a sink that no policy names"),
            Effect::Responded(_) => assert!(closing),
            other => panic!("{other:?} without a response"),
        }
    }
}

/// Whether a signature of a good token is in `bytes`.
fn leaks(bytes: &[u8]) -> bool {
    TOKENS.iter().filter_map(|token| token.rsplit('.').next()).any(|signature| {
        bytes.windows(signature.len()).any(|window| window == signature.as_bytes())
    })
}
