//! A refusal in the caller's own protocol, so that an unchanged client raises the right error and does not retry.
//!
//! | protocol | answer |
//! |---|---|
//! | `openai` | the status, the OpenAI error object, `x-should-retry` |
//! | `mcp`, `a2a` on a JSON-RPC endpoint | HTTP 200 and a JSON-RPC error of the same id: MCP clients hang on other statuses |
//! | `grpc` | trailers-only, `grpc-status` and `grpc-message` |
//! | `rest`, and everything else | `application/problem+json` (RFC 9457) |
//!
//! Every 401 and every missing scope carries `WWW-Authenticate` (RFC 6750), and every refusal `x-scopewarden-decision`.

use serde_json::{Value, json};

use crate::body::RpcId;
use crate::decide::Denial;
use crate::operation::Protocol;
use crate::reason::Reason;

/// The header that tells decision, reason code and record id.
pub const DECISION_HEADER: &str = "x-scopewarden-decision";

/// What the proxy answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Header fields; values hold visible ASCII only.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The gRPC status for a gRPC caller.
    pub grpc_status: Option<u32>,
    /// `scopewarden_` and the reason code: the proxy's response code details.
    pub details: String,
}

/// Where and how the refusal is spoken.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The surface's protocol; [`Protocol::Rest`] when the path led to none.
    pub protocol: Protocol,
    /// Set when the request was for a JSON-RPC endpoint: the id to answer under, when it is known.
    pub rpc: Option<Option<&'a RpcId>>,
    /// The operation, when it was named.
    pub operation: Option<&'a str>,
    /// The policy's name: the `realm`.
    pub realm: &'a str,
    /// The record id.
    pub record: &'a str,
}

/// Speaks a denial.
pub fn speak(denial: &Denial, context: &Context<'_>) -> Refusal {
    let code = denial.reason.code();
    let mut refusal = Refusal {
        status: denial.reason.status(),
        headers: vec![(
            DECISION_HEADER,
            format!("deny; reason={code}; record={}", ascii(context.record)),
        )],
        body: Vec::new(),
        grpc_status: None,
        details: format!("scopewarden_{code}"),
    };
    let body = match (context.protocol, context.rpc) {
        (_, Some(id)) => {
            refusal.status = 200;
            refusal.headers.push(("content-type", "application/json".into()));
            rpc_error(denial, context, id)
        }
        (Protocol::Grpc, None) => {
            refusal.grpc_status = Some(grpc_status(refusal.status));
            refusal.body = denial.message.clone().into_bytes();
            return refusal;
        }
        (Protocol::OpenAi, None) => {
            refusal.headers.push(("content-type", "application/json".into()));
            let retry = denial.retry_after_s.is_some();
            refusal.headers.push(("x-should-retry", retry.to_string()));
            openai_error(denial, refusal.status)
        }
        (_, None) => {
            refusal.headers.push(("content-type", "application/problem+json".into()));
            problem(denial, context, refusal.status)
        }
    };
    if refusal.status != 200
        && let Some(challenge) = challenge(denial, context)
    {
        refusal.headers.push(("www-authenticate", challenge));
    }
    if refusal.status != 200
        && let Some(seconds) = denial.retry_after_s
    {
        refusal.headers.push(("retry-after", seconds.to_string()));
    }
    if refusal.status == 405 {
        refusal.headers.push(("allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".into()));
    }
    refusal.body = body.to_string().into_bytes();
    refusal
}

/// RFC 6750 section 3: no error code when no token was sent, `insufficient_scope` with the scopes that would do.
fn challenge(denial: &Denial, context: &Context<'_>) -> Option<String> {
    let realm = quoted(context.realm);
    match denial.reason {
        Reason::TokenMissing | Reason::IdentityMissing => Some(format!("Bearer realm={realm}")),
        Reason::AuthorizationAmbiguous => Some(format!(
            "Bearer realm={realm}, error=\"invalid_request\", error_description={}",
            quoted(&denial.message)
        )),
        reason if reason.status() == 401 => Some(format!(
            "Bearer realm={realm}, error=\"invalid_token\", error_description={}",
            quoted(&denial.message)
        )),
        _ if !denial.scopes_wanted.is_empty() => Some(format!(
            "Bearer realm={realm}, error=\"insufficient_scope\", scope={}",
            quoted(&denial.scopes_wanted.join(" "))
        )),
        _ => None,
    }
}

fn openai_error(denial: &Denial, status: u16) -> Value {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    json!({"error": {"message": denial.message, "type": kind, "param": null, "code": denial.reason.code()}})
}

fn rpc_error(denial: &Denial, context: &Context<'_>, id: Option<&RpcId>) -> Value {
    let code = match (denial.reason, denial.reason.status()) {
        (Reason::JsonMalformed | Reason::JsonNotUtf8, _) => -32700,
        (Reason::JsonRpcInvalid | Reason::JsonRpcBatch, _) => -32600,
        (Reason::McpHeaderMismatch, _) => -32020,
        (_, 401) => -32001,
        (_, 403) => -32003,
        (_, 500..) => -32603,
        _ => -32600,
    };
    json!({
        "jsonrpc": "2.0",
        "id": id.map(Value::from),
        "error": {"code": code, "message": denial.message, "data": extensions(denial, context)},
    })
}

fn problem(denial: &Denial, context: &Context<'_>, status: u16) -> Value {
    let mut problem = json!({
        "type": format!("urn:scopewarden:reason:{}", denial.reason.code()),
        "title": denial.reason.meaning().trim(),
        "status": status,
        "detail": denial.message,
    });
    if let (Value::Object(problem), Value::Object(extra)) =
        (&mut problem, extensions(denial, context))
    {
        problem.extend(extra);
    }
    problem
}

fn extensions(denial: &Denial, context: &Context<'_>) -> Value {
    let mut data = json!({"reason": denial.reason.code(), "record": context.record});
    if let Value::Object(data) = &mut data {
        if let Some(operation) = context.operation {
            data.insert("operation".into(), operation.into());
        }
        if let Some(approval) = &denial.approval {
            data.insert("approval".into(), approval.as_str().into());
        }
        if !denial.scopes_wanted.is_empty() {
            data.insert("scopes_wanted".into(), denial.scopes_wanted.clone().into());
        }
    }
    data
}

/// The gRPC status of an HTTP status, as gRPC's own mapping has it where one exists.
const fn grpc_status(status: u16) -> u32 {
    match status {
        401 => 16,
        403 | 405 => 7,
        413 => 8,
        400..=499 => 3,
        _ => 14,
    }
}

/// Visible ASCII and spaces only: what a header value may hold.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// A quoted-string (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", ascii(text).replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(protocol: Protocol) -> Context<'static> {
        Context {
            protocol,
            rpc: None,
            operation: Some("openai.models.delete"),
            realm: "prod",
            record: "ab-1",
        }
    }

    fn denial() -> Denial {
        let mut denial = Denial::new(
            Reason::ScopeMissing,
            "`openai.models.delete` needs the scope `autogen:model:delete`",
        );
        denial.scopes_wanted = vec!["autogen:model:delete".into()];
        denial
    }

    fn header<'a>(refusal: &'a Refusal, name: &str) -> Option<&'a str> {
        refusal.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    #[test]
    fn openai_clients_raise_permission_denied_and_do_not_retry() {
        let refusal = speak(&denial(), &context(Protocol::OpenAi));
        assert_eq!(refusal.status, 403);
        assert_eq!(header(&refusal, "x-should-retry"), Some("false"));
        assert_eq!(
            header(&refusal, "www-authenticate"),
            Some(
                "Bearer realm=\"prod\", error=\"insufficient_scope\", scope=\"autogen:model:delete\""
            )
        );
        assert_eq!(
            header(&refusal, DECISION_HEADER),
            Some("deny; reason=scope_missing; record=ab-1")
        );
        let body: Value = serde_json::from_slice(&refusal.body).unwrap();
        assert_eq!(body["error"]["code"], "scope_missing");
        assert_eq!(body["error"]["type"], "permission_error");
    }

    #[test]
    fn json_rpc_answers_200_under_the_same_id() {
        let id = RpcId::Text("7\"".into());
        let mut context = context(Protocol::Mcp);
        context.rpc = Some(Some(&id));
        let refusal = speak(&denial(), &context);
        assert_eq!(refusal.status, 200);
        assert_eq!(header(&refusal, "www-authenticate"), None);
        let body: Value = serde_json::from_slice(&refusal.body).unwrap();
        assert_eq!(body["id"], "7\"");
        assert_eq!(body["error"]["code"], -32003);
        assert_eq!(body["error"]["data"]["scopes_wanted"][0], "autogen:model:delete");
    }

    #[test]
    fn grpc_gets_a_status_and_rest_a_problem() {
        assert_eq!(speak(&denial(), &context(Protocol::Grpc)).grpc_status, Some(7));
        let refusal = speak(&denial(), &context(Protocol::Rest));
        let body: Value = serde_json::from_slice(&refusal.body).unwrap();
        assert_eq!(header(&refusal, "content-type"), Some("application/problem+json"));
        assert_eq!(body["type"], "urn:scopewarden:reason:scope_missing");
        assert_eq!(body["status"], 403);
        assert_eq!(body["operation"], "openai.models.delete");
    }

    #[test]
    fn a_missing_token_gets_a_bare_challenge() {
        let refusal =
            speak(&Denial::new(Reason::TokenMissing, "no token"), &context(Protocol::OpenAi));
        assert_eq!(header(&refusal, "www-authenticate"), Some("Bearer realm=\"prod\""));
        assert_eq!(refusal.status, 401);
    }

    #[test]
    fn header_values_cannot_be_split() {
        let denial = Denial::new(Reason::TokenMalformed, "a\r\nx-evil: \"1\"\\ é");
        let refusal = speak(&denial, &context(Protocol::Rest));
        for (_, value) in &refusal.headers {
            assert!(value.bytes().all(|b| (0x20..0x7f).contains(&b)), "{value}");
        }
        assert!(
            header(&refusal, "www-authenticate").unwrap().contains("a??x-evil: \\\"1\\\"\\\\ ?")
        );
    }
}
