//! Policies, requests and a caller to measure with.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use scopewarden_core::approval::{Holds, NoGate};
use scopewarden_core::audit::Standing;
use scopewarden_core::exchange::{Exchange, Flow, Input, World};
use scopewarden_core::http::RequestHead;
use scopewarden_core::identity::{
    KeyRing, NoHost, NoProperties, Principal, Proof, TokenCache, Verified,
};
use scopewarden_core::node::Node;
use scopewarden_core::operation::{Method, canonicalize};
use scopewarden_core::policy::Policy;
use scopewarden_core::time::{UnixMicros, UnixMillis};
use serde_json::{Value, json};

type Failure = Box<dyn Error>;

const NOW: UnixMicros = UnixMicros(1_900_000_000_000_000);
/// As long as an RS256 access token is.
const TOKEN_BYTES: usize = 900;

/// Every pack, each on a mount of its own, and so many operations of one's own.
pub fn document(own: usize) -> Result<Node, Failure> {
    let own: Vec<Value> = (0..own)
        .map(|n| {
            json!({
                "id": format!("acme.thing{n}.rotate"), "method": "GET", "path": path(n, "{key}"),
                "scope": "bench:use", "tier": "write",
            })
        })
        .collect();
    let mut policy = json!({
        "policy": "bench",
        "identity": {"issuers": [{
            "issuer": "https://idp.test/",
            "audiences": ["agents"],
            "jwks": {"inline": {"keys": [{
                "kty": "OKP", "crv": "Ed25519", "kid": "bench", "alg": "EdDSA", "use": "sig",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }]}},
        }]},
        "surfaces": [
            {"use": "openai", "mount": "/v1"},
            {"use": "mcp", "mount": "/mcp", "server": "github"},
            {"use": "a2a", "mount": "/a2a"},
            {"use": "autogen-studio", "mount": "/api"},
            {"use": "autogen-studio-ui", "mount": "/studio"},
            {"use": "autogen-serve", "mount": "/serve"},
            {"use": "agent-framework", "mount": "/devui"},
            {"use": "autogen-grpc", "mount": "/"},
        ],
    });
    if let Value::Object(members) = &mut policy
        && !own.is_empty()
    {
        members.insert("operations".into(), own.into());
    }
    Ok(Node::from_json(policy.to_string().as_bytes())?)
}

fn path(n: usize, key: &str) -> String {
    format!("/acme/things/{n}/{key}/rotate")
}

fn compile(own: usize) -> Result<Policy, Failure> {
    Policy::compile(&document(own)?).map(|(policy, _)| policy).map_err(|found| {
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n").into()
    })
}

/// Requests for operations spread evenly over a catalogue.
pub struct Naming {
    policy: Policy,
    paths: Vec<String>,
}

impl Naming {
    pub fn among(operations: usize) -> Result<Self, Failure> {
        const PATHS: usize = 10;
        let step = operations.checked_div(PATHS).unwrap_or_default().max(1);
        let paths = (0..operations).step_by(step).map(|n| path(n, "7c2e")).collect();
        let naming = Self { policy: compile(operations)?, paths };
        if naming.paths.iter().all(|path| naming.finds(path)) {
            Ok(naming)
        } else {
            Err("not found".into())
        }
    }

    pub fn requests(&self) -> f64 {
        self.paths.iter().map(|_| 1.0).sum()
    }

    pub fn name_all(&self) {
        for path in &self.paths {
            black_box(self.finds(black_box(path)));
        }
    }

    fn finds(&self, path: &str) -> bool {
        canonicalize(path.as_bytes())
            .is_ok_and(|path| black_box(self.policy.matcher.find(Method::Get, &path)).is_some())
    }
}

/// A caller whose token was verified before.
pub struct Caller {
    policy: Arc<Policy>,
    keys: KeyRing,
    tokens: TokenCache,
    authorization: String,
}

impl Caller {
    pub fn new() -> Result<Self, Failure> {
        let policy = Arc::new(compile(0)?);
        let keys = KeyRing::new(&policy.identity.issuers);
        let mut tokens = TokenCache::default();
        let token = "t".repeat(TOKEN_BYTES);
        let scopes = ["openid", "profile", "autogen:model:read", "autogen:prompt"];
        let principal = Principal {
            issuer: "https://idp.test/".into(),
            subject: "alice".into(),
            scopes: scopes.into_iter().map(str::to_owned).collect(),
            groups: BTreeSet::new(),
            actors: Vec::new(),
            claims: BTreeMap::new(),
            proof: Proof::Jwt { kid: None, algorithm: "EdDSA", token_id: None },
            expires: Some(UnixMillis(NOW.millis().0.saturating_add(3_600_000))),
        };
        let key_version = keys.version(0, NOW.millis()).ok_or("the inline key is not usable")?;
        tokens.insert(
            token.as_bytes(),
            Verified { principal, issuer: 0, key_version },
            NOW.millis(),
        );
        Ok(Self { policy, keys, tokens, authorization: format!("Bearer {token}") })
    }

    /// One exchange, which has to be forwarded.
    pub fn allowed(
        &mut self,
        method: &str,
        target: &str,
        body: Option<&[u8]>,
    ) -> Result<(), Failure> {
        let mut fields: Vec<(&[u8], &[u8])> = vec![
            (b":method", method.as_bytes()),
            (b":scheme", b"http"),
            (b":authority", b"gateway.test"),
            (b":path", target.as_bytes()),
            (b"authorization", self.authorization.as_bytes()),
            (b"content-type", b"application/json"),
        ];
        let others = [
            "accept",
            "accept-encoding",
            "user-agent",
            "x-stainless-lang",
            "x-stainless-os",
            "x-stainless-arch",
        ];
        fields
            .extend(others.iter().map(|name| (name.as_bytes(), &b"something of usual length"[..])));
        let head = RequestHead::from_fields(&fields);
        let mut exchange = Exchange::new(Arc::clone(&self.policy), "0123456789abcdef-1".into());
        let mut world = World {
            now: NOW,
            keys: &mut self.keys,
            tokens: &mut self.tokens,
            signatures: &NoHost,
            properties: &NoProperties,
            holds: &Holds::default(),
            gate: &NoGate,
            audit: Standing::FRESH,
        };
        let mut flow = exchange.step(Input::RequestHead { head, end: body.is_none() }, &mut world);
        if let Some(body) = body {
            let whole = Input::RequestBody { received: body.len(), whole: Some(body) };
            flow = exchange.step(whole, &mut world);
        }
        while let Some(effect) = exchange.next_effect() {
            black_box(effect);
        }
        if flow == Flow::Continue {
            Ok(())
        } else {
            Err(format!("{method} {target} was refused").into())
        }
    }
}

/// A chat completion of about so many bytes: a long conversation with line breaks and quotes in it.
pub fn chat(size: usize) -> Result<Vec<u8>, Failure> {
    let turn = "The build failed again:\n\terror[E0308]: \"mismatched types\" in src/main.rs:42\n\
        I read the log, changed the signature and ran the tests; two are still red. What should be tried next? ";
    let message = json!({"role": "user", "content": turn.repeat(4)});
    let count = size.checked_div(message.to_string().len()).unwrap_or_default();
    let messages = vec![message; count];
    Ok(serde_json::to_vec(&json!({"model": "gpt-4o-mini", "stream": false, "messages": messages}))?)
}
