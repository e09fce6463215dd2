//! Bodies of proven callers: when they are waited for, what they are refused for, and under which id.

use super::*;

const SPIFFE: &str = "spiffe://example.org/ops";

fn document() -> Value {
    json!({
        "policy": "p",
        "identity": {"mtls": {"trust_domains": ["example.org"]}},
        "roles": {"ops": {"groups": [SPIFFE], "scopes": ["run", "mcp:connect", "mcp:respond", "mcp:tool:call", "autogen:prompt", "autogen:response:write"]}},
        "surfaces": [{"use": "mcp", "mount": "/mcp"}, {"use": "openai", "mount": "/v1", "bind": {"user": "sub"}}],
        "operations": [
            {"id": "acme.run", "method": "POST", "path": "/run", "scope": "run", "tier": "write", "body": "json"},
            {"id": "acme.show", "method": "GET", "path": "/show", "scope": "run", "tier": "read"},
            {"id": "acme.admin", "method": "POST", "path": "/admin", "scope": "admin", "tier": "admin", "body": "json"},
        ],
        "rules": [
            {"operation": "acme.run", "body": {"/n": [1]}},
            {"operation": "acme.admin", "body": {"/n": [1]}},
            {"operation": "mcp.tools.call", "tools": {"mcp:tool:call": ["get_*"]}},
        ],
    })
}

/// A caller with the certificate of [`SPIFFE`], whose head is held.
fn held(method: &str, target: &str, headers: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::new(&document());
    bench.certificate = Some(SPIFFE);
    let (flow, effects) = bench.head(method, target, headers, false);
    assert_eq!((flow, effects.len()), (Flow::Hold, 0), "{target}");
    bench
}

fn whole(bench: &mut Bench, body: &str) -> (Flow, Vec<Effect>) {
    bench.step(Input::RequestBody { received: body.len(), whole: Some(body.as_bytes()) })
}

fn code(effects: &[Effect]) -> String {
    let (_, body) = refusal(effects);
    let code = body.get("reason").or(body["error"]["data"].get("reason"));
    let code = code.or(body["error"].get("code"));
    code.and_then(Value::as_str).unwrap_or_else(|| panic!("{body}")).to_owned()
}

#[test]
fn a_body_that_decides_is_waited_for() {
    let mut bench = held("POST", "/run", &[JSON]);
    assert!(bench.exchange.reads_body() && !bench.exchange.waits_for_keys());
    let (flow, effects) = bench.step(Input::RequestBody { received: 3, whole: None });
    assert_eq!((flow, effects.len()), (Flow::Hold, 0));
    assert_eq!(whole(&mut bench, r#"{"n":1}"#).0, Flow::Continue);
    assert!(!bench.exchange.is_held() && !bench.exchange.reads_body());

    let (flow, effects) = whole(&mut held("POST", "/run", &[JSON]), r#"{"n":2}"#);
    assert_eq!((flow, code(&effects)), (Flow::Hold, "condition_failed".into()));
    for (body, expected) in
        [("", "body_missing"), ("{", "json_malformed"), (r#"{"n":1,"n":1}"#, "json_duplicate_key")]
    {
        let (_, effects) = whole(&mut held("POST", "/run", &[JSON]), body);
        assert_eq!(code(&effects), expected, "{body}");
    }
}

#[test]
fn the_largest_body_is_read_and_no_larger_one() {
    let cap = Bench::new(&document()).exchange.policy.max_body_bytes;
    let mut bench = held("POST", "/run", &[JSON]);
    let (flow, effects) = bench.step(Input::RequestBody { received: cap, whole: None });
    assert_eq!((flow, effects.len()), (Flow::Hold, 0));
    let (_, effects) = bench.step(Input::RequestBody { received: cap + 1, whole: None });
    assert_eq!(code(&effects), "body_too_large");
}

#[test]
fn where_there_is_no_body_an_empty_one_ends_the_wait() {
    let mut bench = held("GET", "/show", &[]);
    assert!(!bench.exchange.reads_body(), "nothing has to be handed in");
    assert_eq!(bench.step(Input::RequestBody { received: 0, whole: None }).0, Flow::Hold);
    assert_eq!(whole(&mut bench, "").0, Flow::Continue);

    let (flow, effects) =
        held("GET", "/show", &[]).step(Input::RequestBody { received: 1, whole: None });
    assert_eq!((flow, code(&effects)), (Flow::Hold, "body_unexpected".into()));
}

#[test]
fn a_body_that_may_be_absent_is_read_when_it_is_there() {
    let judge = |body: &str| {
        let (flow, effects) = whole(&mut held("POST", "/v1/responses/r/cancel", &[JSON]), body);
        (flow == Flow::Hold).then(|| code(&effects))
    };
    for body in ["", "{}", &json!({"user": SPIFFE}).to_string()] {
        assert_eq!(judge(body), None, "{body}");
    }
    assert_eq!(judge(r#"{"user":"bob"}"#).as_deref(), Some("parameter_not_bound"));
    assert_eq!(judge("{").as_deref(), Some("json_malformed"));
}

#[test]
fn a_caller_without_the_scope_is_refused_before_the_body() {
    let mut bench = Bench::new(&document());
    bench.certificate = Some(SPIFFE);
    let (_, effects) = bench.head("POST", "/admin", &[JSON], false);
    assert_eq!(code(&effects), "scope_missing");
    let record = bench.record(Some(403));
    assert_eq!(record["operation"], "acme.admin");
    assert_eq!(
        record["scopes_held"],
        json!([
            "autogen:prompt",
            "autogen:response:write",
            "mcp:connect",
            "mcp:respond",
            "mcp:tool:call",
            "run"
        ])
    );
}

#[test]
fn json_rpc_is_refused_under_its_id() {
    let call = |name: &str| {
        json!({"jsonrpc": "2.0", "id": "a-7", "method": "tools/call", "params": {"name": name}})
            .to_string()
    };
    let mut bench = held("POST", "/mcp", &[JSON]);
    assert_eq!(whole(&mut bench, &call("get_issue")).0, Flow::Continue);
    assert!(bench.record(Some(200)).get("scopes_held").is_none(), "nothing was missing");

    let mut bench = held("POST", "/mcp", &[JSON]);
    let (_, effects) = whole(&mut bench, &call("delete_repo"));
    assert_eq!(
        (refusal(&effects).1["id"].clone(), code(&effects)),
        (json!("a-7"), "tool_not_allowed".into())
    );
    assert!(bench.record(Some(200)).get("scopes_held").is_some());

    // Refused while it was read: the id was met.
    let (_, effects) =
        whole(&mut held("POST", "/mcp", &[JSON]), r#"{"jsonrpc":"2.0","id":8,"method":7}"#);
    assert_eq!(
        (refusal(&effects).1["id"].clone(), code(&effects)),
        (json!(8), "jsonrpc_invalid".into())
    );

    let (_, effects) = whole(&mut held("POST", "/mcp", &[JSON]), "");
    assert_eq!(code(&effects), "body_missing");
    let (_, effects) = whole(
        &mut held("POST", "/mcp", &[JSON]),
        r#"{"jsonrpc":"2.0","id":9,"method":"admin/reset"}"#,
    );
    assert_eq!(code(&effects), "operation_unknown");

    // What has no id is refused in JSON-RPC too, under none.
    let (_, effects) =
        whole(&mut held("POST", "/mcp", &[JSON]), r#"{"jsonrpc":"2.0","method":"admin/reset"}"#);
    let (status, body) = refusal(&effects);
    assert_eq!((status, body.get("id")), (200, Some(&Value::Null)));
    assert_eq!(body["error"]["data"]["reason"], "operation_unknown");
}

#[test]
fn trailers_refuse_what_is_held() {
    let (flow, effects) =
        held("POST", "/run", &[JSON]).step(Input::RequestTrailers { whole: br#"{"n":1}"# });
    assert_eq!((flow, code(&effects)), (Flow::Hold, "trailers_present".into()));
    let call = br#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#;
    let (_, effects) = held("POST", "/mcp", &[JSON]).step(Input::RequestTrailers { whole: call });
    assert_eq!(
        (refusal(&effects).1["id"].clone(), code(&effects)),
        (json!(3), "trailers_present".into())
    );
}

#[test]
fn the_body_selects_the_stricter_operation() {
    let judge = |body: &str| {
        let mut bench = held("POST", "/v1/responses", &[JSON]);
        let (flow, _) = whole(&mut bench, body);
        (flow, bench.record(None)["operation"].as_str().unwrap().to_owned())
    };
    let base = (Flow::Continue, "openai.responses.create".to_owned());
    let stricter = (Flow::Hold, "openai.responses.create_with_tools".to_owned());
    assert_eq!(judge(r#"{"model":"m","tools":[{"type":"function"}]}"#), base);
    assert_eq!(judge(r#"{"model":"m","tools":[{"type":null}]}"#), base);
    for kind in [r#""code_interpreter""#, r#"["code_interpreter"]"#] {
        let body = format!(r#"{{"model":"m","tools":[{{"type":"function"}},{{"type":{kind}}}]}}"#);
        assert_eq!(judge(&body), stricter, "{body}");
    }
}

#[test]
fn headers_of_mcp_say_what_the_body_says() {
    let judge = |headers: &[(&str, &str)], body: &str| {
        let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
        let (flow, effects) = whole(&mut held("POST", "/mcp", &headers), body);
        (flow == Flow::Hold).then(|| code(&effects))
    };
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_issue"}}"#;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let agree: [(&[(&str, &str)], &str); 5] = [
        (&[], call),
        (&[("mcp-method", "tools/call")], call),
        (&[("mcp-method", "tools/call"), ("mcp-name", "get_issue")], call),
        (&[("mcp-name", "=?base64?Z2V0X2lzc3Vl?=")], call),
        (&[], answer),
    ];
    for (headers, body) in agree {
        assert_eq!(judge(headers, body), None, "{headers:?} {body}");
    }
    let differ: [(&[(&str, &str)], &str); 8] = [
        (&[("mcp-method", "ping")], call),
        (&[("mcp-method", "tools/call"), ("mcp-method", "tools/call")], call),
        (&[("mcp-name", "get_other")], call),
        (&[("mcp-name", "get_issue"), ("mcp-name", "get_issue")], call),
        (&[("mcp-name", "=?base64?Z2V0?=")], call),
        (&[("mcp-name", "=?base64?!?=")], call),
        (&[("mcp-name", "get_issue")], ping),
        (&[("mcp-method", "ping")], answer),
    ];
    for (headers, body) in differ {
        assert_eq!(
            judge(headers, body).as_deref(),
            Some("mcp_header_mismatch"),
            "{headers:?} {body}"
        );
    }
}
