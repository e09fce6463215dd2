//! The shape of a suite.

use std::collections::BTreeMap;

use scopewarden_core::http::{Headers, RequestHead};
use scopewarden_core::node::Node;
use serde::Deserialize;
use serde_json::Value;

use super::token::TokenSpec;
use super::unescape;

/// A file of cases under one policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The policy: a document, or the path of one relative to the suite's folder.
    pub policy: Node,
    /// Tokens by the name that cases use.
    #[serde(default)]
    pub tokens: BTreeMap<String, TokenSpec>,
    /// Tags of every case.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One request and what must become of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is shown, starting with a catalogue id where there is one.
    pub name: String,
    /// `envoy`: also run through a real Envoy. `envoy-first`, `normalised`: what that Envoy makes of it, explained in
    /// tests/e2e/test_scenarios.py.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The request.
    pub request: Request,
    /// What must become of it.
    pub expect: Expect,
}

/// A request. Strings of `method`, `path`, headers and `body` may hold the escapes of [`unescape`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// The request target.
    pub path: String,
    /// The scheme.
    #[serde(default = "http")]
    pub scheme: String,
    /// The authority.
    #[serde(default = "authority")]
    pub authority: String,
    /// A token of the suite, sent as `Authorization: Bearer`.
    pub token: Option<String>,
    /// Further header fields, in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// How many header fields `x-0: v`, `x-1: v` and so on follow.
    #[serde(default)]
    pub extra_headers: usize,
    /// A JSON body; sets `content-type: application/json` unless a header does.
    pub json: Option<Value>,
    /// Any other body.
    pub body: Option<String>,
    /// Whether request trailers follow the body.
    #[serde(default)]
    pub trailers: Vec<(String, String)>,
    /// Host properties, path segments joined by `|`; values may hold the same escapes.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

fn get() -> String {
    "GET".to_owned()
}

fn http() -> String {
    "http".to_owned()
}

fn authority() -> String {
    "gateway.test".to_owned()
}

impl Request {
    /// The head, with the token's text where one is used.
    ///
    /// # Errors
    /// A sentence about a bad escape.
    pub fn head(&self, token: Option<&str>) -> Result<RequestHead, String> {
        let mut headers = Headers::new();
        if let Some(token) = token {
            headers.push(b"authorization", format!("Bearer {token}").as_bytes());
        }
        for (name, value) in &self.headers {
            headers.push(&unescape(name)?, &unescape(value)?);
        }
        for number in 0..self.extra_headers {
            headers.push(format!("x-{number}").as_bytes(), b"v");
        }
        if self.json.is_some() && !headers.has("content-type") {
            headers.push(b"content-type", b"application/json");
        }
        Ok(RequestHead {
            method: unescape(&self.method)?,
            scheme: unescape(&self.scheme)?,
            authority: unescape(&self.authority)?,
            target: unescape(&self.path)?,
            headers,
        })
    }

    /// Host properties as bytes.
    ///
    /// # Errors
    /// A sentence about a bad escape.
    pub fn properties(&self) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let bytes = |(path, value): (&String, &String)| Ok((path.clone(), unescape(value)?));
        self.properties.iter().map(bytes).collect()
    }

    /// The body's bytes; `None` when there is no body.
    ///
    /// # Errors
    /// A sentence about a bad escape.
    pub fn body(&self) -> Result<Option<Vec<u8>>, String> {
        match (&self.json, &self.body) {
            (Some(json), None) => Ok(Some(json.to_string().into_bytes())),
            (None, Some(text)) => unescape(text).map(Some),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err("a request has `json` or `body`, not both".to_owned()),
        }
    }
}

/// What must become of a request. What is left out is not compared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// `allow`, `deny`, `shadow_deny`.
    pub decision: String,
    /// The reason code; `ok` for an allow.
    pub reason: Option<String>,
    /// The status of the refusal.
    pub status: Option<u16>,
    /// The operation's full name.
    pub operation: Option<String>,
    /// Header fields of the refusal: name and a part of the value.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// A part of the refusal's body.
    pub body: Option<String>,
    /// Request headers that do not go on, exactly these.
    pub removed: Option<Vec<String>>,
    /// Members of the record, by JSON pointer.
    #[serde(default)]
    pub record: BTreeMap<String, Value>,
}
