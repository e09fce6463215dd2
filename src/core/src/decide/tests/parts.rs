//! Each part of a rule, met and not met.

use serde_json::Value;

use super::*;
use crate::policy::{Endpoint, Plan};

/// What one call says.
#[derive(Clone, Copy)]
struct Request<'a> {
    operation: &'a str,
    scopes: &'a [&'a str],
    headers: &'a [(&'a str, &'a str)],
    query: &'a str,
    body: &'a str,
}

fn policy_with(more: Value) -> Policy {
    let mut document = json!({
        "policy": "p",
        "identity": {"mtls": {"trust_domains": ["example.org"]}},
        "surfaces": [{"use": "mcp", "mount": "/mcp"}, {"use": "openai", "mount": "/v1", "bind": {"user": "sub"}}],
        "operations": [{"id": "acme.run", "method": "POST", "path": "/run", "scope": "run", "tier": "write", "body": "json"}],
    });
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    let document = Node::from_json(document.to_string().as_bytes()).unwrap();
    Policy::compile(&document).unwrap_or_else(|findings| panic!("{findings:#?}")).0
}

fn plan<'p>(policy: &'p Policy, operation: &str) -> &'p Plan {
    let is = |id: usize| policy.operations[id].id == operation;
    let found = policy.endpoints.iter().find_map(|endpoint| match endpoint {
        Endpoint::Plain { base, plan, .. } if is(*base) => Some(plan),
        Endpoint::JsonRpc { methods, plan, .. } if methods.values().any(|m| is(m.base)) => {
            Some(plan)
        }
        _ => None,
    });
    found.unwrap()
}

/// The refusal, or `None` for an allow.
fn judge(policy: &Policy, request: Request<'_>) -> Option<Denial> {
    let operation = policy.operations.iter().find(|o| o.id == request.operation).unwrap();
    let headers: Headers = request.headers.iter().copied().collect();
    let query = Query::parse(request.query.as_bytes()).unwrap();
    let facts = body::read(request.body.as_bytes(), plan(policy, request.operation)).unwrap();
    let principal = principal(request.scopes, &[]);
    let call = Call {
        operation,
        principal: Some(&principal),
        headers: &headers,
        query: Ok(&query),
        params: &[],
        facts: &facts,
    };
    match decide(policy, &call).decision {
        Decision::Allow => None,
        Decision::Deny(denial) => Some(denial),
        Decision::Hold(approval) => panic!("{approval:?}"),
    }
}

fn reason(denial: Option<Denial>) -> Option<Reason> {
    denial.map(|d| d.reason)
}

#[test]
fn every_condition_has_to_hold() {
    let policy = policy_with(json!({"rules": [{
        "operation": "acme.run",
        "headers": {"x-environment": ["staging", "test-*"]},
        "query": {"reason": ["ticket-*"]},
        "body": {"/n": [1, 2], "/file": ["file-*"], "/dry": [true], "/labels/*": ["a", "b"]},
    }]}));
    let body = r#"{"n":2,"file":"file-1","dry":true,"labels":["a","b"]}"#;
    let good = Request {
        operation: "acme.run",
        scopes: &["run"],
        headers: &[("x-environment", "staging")],
        query: "reason=ticket-7",
        body,
    };
    assert_eq!(judge(&policy, good), None);
    assert_eq!(judge(&policy, Request { headers: &[("x-environment", "test-1")], ..good }), None);

    let headers: [(&[(&str, &str)], Reason); 3] = [
        (&[], Reason::ConditionFailed),
        (&[("x-environment", "production")], Reason::ConditionFailed),
        (&[("x-environment", "staging"), ("x-environment", "test-1")], Reason::HeaderAmbiguous),
    ];
    for (headers, expected) in headers {
        assert_eq!(reason(judge(&policy, Request { headers, ..good })), Some(expected));
    }
    for (query, expected) in [
        ("", Reason::ConditionFailed),
        ("reason=", Reason::ConditionFailed),
        ("reason=ticket-7&reason=ticket-8", Reason::QueryRepeated),
    ] {
        assert_eq!(reason(judge(&policy, Request { query, ..good })), Some(expected), "{query}");
    }
    for (from, to) in [
        ("\"n\":2", "\"n\":3"),
        ("\"n\":2", "\"n\":\"2\""),
        ("\"n\":2", "\"n\":2.0"),
        ("\"n\":2,", ""),
        ("file-1", "passwd"),
        ("\"file-1\"", "1"),
        ("true", "false"),
        ("true", "\"true\""),
        ("[\"a\",\"b\"]", "[\"a\",\"c\"]"),
        ("[\"a\",\"b\"]", "[]"),
    ] {
        let body = body.replacen(from, to, 1);
        let denial = judge(&policy, Request { body: &body, ..good });
        assert_eq!(reason(denial), Some(Reason::ConditionFailed), "{body}");
    }
}

#[test]
fn arguments_are_judged_for_the_tools_that_the_rule_names() {
    let policy = policy_with(json!({"rules": [{
        "operation": "mcp.tools.call",
        "arguments": {"create_*": {"/repo": ["acme/*"], "/draft": [true]}},
    }]}));
    let judge = |params: &str| {
        let body = format!(r#"{{"method":"tools/call","params":{params}}}"#);
        let scopes = &["mcp:tool:call"];
        let request =
            Request { operation: "mcp.tools.call", scopes, headers: &[], query: "", body: &body };
        reason(judge(&policy, request))
    };
    assert_eq!(
        judge(r#"{"name":"create_issue","arguments":{"repo":"acme/a","draft":true}}"#),
        None
    );
    assert_eq!(judge(r#"{"name":"get_issue","arguments":{"repo":"other/a"}}"#), None);
    for params in [
        r#"{"name":"create_issue","arguments":{"repo":"other/a","draft":true}}"#,
        r#"{"name":"create_issue","arguments":{"repo":"acme/a","draft":false}}"#,
        r#"{"name":"create_issue","arguments":{"repo":"acme/a"}}"#,
        r#"{"name":"create_issue"}"#,
    ] {
        assert_eq!(judge(params), Some(Reason::ArgumentNotAllowed), "{params}");
    }
    assert_eq!(judge(r#"{"name":7}"#), Some(Reason::FieldInvalid));
}

#[test]
fn a_bound_member_of_the_body_equals_the_claim() {
    let policy = policy_with(json!({}));
    let judge = |query: &str, body: &str| {
        let request = Request {
            operation: "openai.embeddings.create",
            scopes: &["autogen:embedding"],
            headers: &[],
            query,
            body,
        };
        reason(judge(&policy, request))
    };
    assert_eq!(judge("", "{}"), None, "a surface's parameter may be absent");
    assert_eq!(judge("user=s", r#"{"user":"s"}"#), None);
    for (query, body) in [
        ("", r#"{"user":"t"}"#),
        ("", r#"{"user":7}"#),
        ("", r#"{"user":null}"#),
        ("user=t", r#"{"user":"s"}"#),
        ("user=s", r#"{"user":"t"}"#),
    ] {
        assert_eq!(judge(query, body), Some(Reason::ParameterNotBound), "{query} {body}");
    }
}

#[test]
fn refusals_name_what_would_be_needed() {
    let policy = policy_with(json!({"rules": [{
        "operation": "acme.run",
        "require": ["one", "two"],
    }, {
        "operation": "openai.embeddings.create",
        "models": {"small": ["text-*"], "large": ["text-large"], "other": ["gpt"]},
    }]}));
    let request =
        Request { operation: "acme.run", scopes: &["run"], headers: &[], query: "", body: "{}" };
    let both = judge(&policy, request).unwrap();
    assert!(both.message.contains("needs the scopes `one` and `two`"), "{}", both.message);
    let second = judge(&policy, Request { scopes: &["run", "one"], ..request }).unwrap();
    assert!(second.message.contains("needs the scope `two`"), "{}", second.message);

    let model = |name: &str| {
        let body = json!({"model": name}).to_string();
        let request = Request {
            operation: "openai.embeddings.create",
            scopes: &["autogen:embedding"],
            body: &body,
            ..request
        };
        judge(&policy, request).unwrap()
    };
    let denial = model("text-large");
    assert!(denial.message.ends_with("needs the scope `large` or `small`"), "{}", denial.message);
    assert_eq!(denial.scopes_wanted, ["large", "small"]);
    for (name, shown) in [
        ("é".repeat(80), format!("`{}`", "é".repeat(80))),
        ("é".repeat(81), format!("`{}…`", "é".repeat(80))),
        ("\n".repeat(81), format!("`{}…`", "\u{fffd}".repeat(80))),
    ] {
        let message = model(&name).message;
        assert!(message.ends_with(&shown), "{message}");
    }
}
