//! A file of tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use scopewarden_core::exchange::Known;
use scopewarden_core::http::{Headers, RequestHead};
use scopewarden_core::identity::{Principal, Proof};
use scopewarden_core::node::Node;
use scopewarden_core::policy::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use crate::exit::Failure;
use crate::source::Source;

/// Requests, and what one policy has to say of them.
#[derive(Debug)]
pub(super) struct File {
    /// As it was named.
    pub(super) name: String,
    /// The policy's file.
    pub(super) policy: String,
    callers: BTreeMap<String, Caller>,
    /// Each with its line, from 1.
    pub(super) cases: Vec<(usize, Case)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    policy: String,
    #[serde(default)]
    callers: BTreeMap<String, Caller>,
    cases: Vec<Value>,
}

/// Somebody, as proven.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Caller {
    issuer: Option<String>,
    subject: Option<String>,
    #[serde(default)]
    scopes: BTreeSet<String>,
    #[serde(default)]
    groups: BTreeSet<String>,
    #[serde(default)]
    claims: BTreeMap<String, String>,
}

/// One request and what must become of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What is shown.
    pub(super) name: String,
    /// Who calls; nobody when it is left out.
    caller: Option<String>,
    request: Request,
    pub(super) expect: Expect,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default = "authority")]
    authority: String,
    #[serde(default)]
    headers: BTreeMap<String, OneOrMore>,
    json: Option<Value>,
    body: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

fn get() -> String {
    "GET".to_owned()
}

fn authority() -> String {
    "gateway.test".to_owned()
}

/// What must become of it. What is left out is not compared.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// `allow`, `deny` or `hold`.
    pub(super) decision: Decision,
    pub(super) reason: Option<String>,
    pub(super) operation: Option<String>,
    pub(super) tier: Option<String>,
    pub(super) rule: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decision {
    Allow,
    Deny,
    Hold,
}

impl Decision {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Hold => "hold",
        }
    }
}

impl File {
    /// Reads a file.
    pub(super) fn read(name: &str) -> Result<Self, Failure> {
        let source = Source::open(name)?;
        if let Some(problem) = source.problems.first() {
            return Err(Failure::new(format!("`{name}`: {}", problem.message)));
        }
        let node = source.node().unwrap_or(Node::Null);
        let wrong = |place: String, why: String| {
            Failure::with_help(
                format!("`{name}` is not a file of tests: {place}{why}"),
                "docs/policy-tests.md says what one has",
            )
        };
        let document: Document = read(json(&node)).map_err(|why| wrong(String::new(), why))?;
        let list = source.tree.as_ref().and_then(|tree| tree.member("cases"));
        let mut cases = Vec::new();
        for (at, value) in document.cases.into_iter().enumerate() {
            let element = list.and_then(|list| list.value.element(at));
            let before = element.and_then(|element| source.text.get(..element.span.start));
            let line = before.map_or(1, |before| before.matches('\n').count().saturating_add(1));
            let case = read(value).map_err(|why| wrong(format!("line {line}: "), why))?;
            cases.push((line, case));
        }
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        let policy = folder.join(&document.policy).display().to_string();
        Ok(Self { name: name.to_owned(), policy, callers: document.callers, cases })
    }

    /// The request of a case.
    pub(super) fn request(&self, policy: &Policy, case: &Case) -> Result<Known, Failure> {
        let request = &case.request;
        let mut headers = Headers::new();
        for (name, values) in &request.headers {
            let values = match values {
                OneOrMore::One(value) => std::slice::from_ref(value),
                OneOrMore::More(values) => values,
            };
            values.iter().for_each(|value| headers.push(name.as_bytes(), value.as_bytes()));
        }
        if request.json.is_some() && !headers.has("content-type") {
            headers.push(b"content-type", b"application/json");
        }
        let body = match (&request.json, &request.body) {
            (Some(json), None) => Some(json.to_string().into_bytes()),
            (None, Some(text)) => Some(text.clone().into_bytes()),
            (None, None) => None,
            (Some(_), Some(_)) => {
                return Err(self.wrong(case, "has `json` and `body`, and a request has one"));
            }
        };
        let caller = match &case.caller {
            None => None,
            Some(name) => {
                let caller = self.callers.get(name);
                let caller = caller.ok_or_else(|| {
                    self.wrong(case, &format!("is called by `{name}`, who is not among `callers`"))
                })?;
                Some(principal(policy, name, caller))
            }
        };
        let head = RequestHead {
            method: request.method.clone().into_bytes(),
            scheme: b"https".to_vec(),
            authority: request.authority.clone().into_bytes(),
            target: request.path.clone().into_bytes(),
            headers,
        };
        Ok(Known { head, body, caller })
    }

    fn wrong(&self, case: &Case, what: &str) -> Failure {
        Failure::new(format!("`{}`: the case `{}` {what}", self.name, case.name))
    }
}

/// A caller as the policy's first source of identity would prove it.
fn principal(policy: &Policy, name: &str, caller: &Caller) -> Principal {
    let identity = &policy.identity;
    let issuer = identity.issuers.first().map(|issuer| issuer.issuer.as_str());
    let proof = if issuer.is_some() {
        Proof::Jwt { kid: None, algorithm: "none", token_id: None }
    } else if identity.jwt_authn.is_some() {
        Proof::JwtAuthn
    } else {
        Proof::Mtls
    };
    let subject = caller.subject.clone().unwrap_or_else(|| name.to_owned());
    let mut groups = caller.groups.clone();
    if proof == Proof::Mtls {
        groups.insert(subject.clone());
    }
    Principal {
        issuer: caller.issuer.as_deref().or(issuer).unwrap_or_default().to_owned(),
        subject,
        scopes: caller.scopes.clone(),
        groups,
        actors: Vec::new(),
        claims: caller.claims.clone(),
        proof,
        expires: None,
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|e| e.to_string())
}

/// The same tree, for serde.
fn json(node: &Node) -> Value {
    match node {
        Node::Null => Value::Null,
        Node::Bool(flag) => Value::Bool(*flag),
        // Whole numbers as such: bodies are judged by how a number is written.
        Node::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Value::from(*number as i64)
        }
        Node::Number(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Node::String(text) => Value::from(text.as_str()),
        Node::Array(items) => items.iter().map(json).collect(),
        Node::Object(members) => members.iter().map(|(n, v)| (n.clone(), json(v))).collect(),
    }
}
