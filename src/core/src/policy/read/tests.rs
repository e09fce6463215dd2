//! What a policy compiles to. Findings are tested by the fixtures, one file for each.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kinds;
use crate::identity::{Algorithm, KeySource};
use crate::node::Node;
use crate::operation::{BUILTIN_NAMES, BodyKind, Method, Tier, canonicalize};
use crate::policy::{
    Admit, Binding, Condition, Endpoint, FactSource, Mode, Operation, PointerId, Policy, RpcMethod,
    SCHEMA,
};
use crate::redact::builtin;

/// Compiles `sections` on top of an identity.
fn compile(sections: Value) -> Policy {
    let mut document = json!({
        "policy": "test",
        "identity": {"issuers": [{
            "issuer": "https://idp.example/",
            "audiences": ["agents"],
            "groups_claim": "groups",
            "jwks": {"cluster": "idp", "url": "https://idp.example/keys?v=1"},
        }]},
    });
    document.as_object_mut().unwrap().extend(sections.as_object().unwrap().clone());
    let node = Node::from_json(document.to_string().as_bytes()).unwrap();
    match Policy::compile(&node) {
        Ok((policy, _)) => policy,
        Err(findings) => panic!("{findings:#?}"),
    }
}

fn endpoint<'p>(policy: &'p Policy, method: Method, path: &str) -> &'p Endpoint {
    let path = canonicalize(path.as_bytes()).unwrap();
    let (id, _) = policy.matcher.find(method, &path).unwrap_or_else(|| panic!("{method} {path}"));
    &policy.endpoints[*id]
}

fn operation<'p>(policy: &'p Policy, id: &str) -> &'p Operation {
    policy.operations.iter().find(|o| o.id == id).unwrap_or_else(|| panic!("{id}"))
}

fn pointer(policy: &Policy, id: PointerId) -> String {
    policy.pointers[id].to_string()
}

#[test]
fn defaults_are_strict() {
    let policy = compile(json!({"surfaces": [{"use": "mcp", "mount": "/mcp"}]}));
    assert_eq!(policy.mode, Mode::Enforce);
    assert!(!policy.forward_authorization);
    assert_eq!(policy.max_body_bytes, 4 * 1024 * 1024);
    assert_eq!(policy.identity.clock_skew_ms, 30_000);
    let issuer = &policy.identity.issuers[0];
    assert_eq!(issuer.scope_claim.as_str(), "scope");
    assert!(issuer.algorithms.contains(Algorithm::Es256));
    let KeySource::Remote(keys) = &issuer.keys else { panic!() };
    assert_eq!((keys.refresh_ms, keys.timeout_ms), (300_000, 5000));
    assert_eq!(
        (keys.scheme.as_str(), keys.authority.as_str(), keys.path.as_str()),
        ("https", "idp.example", "/keys?v=1")
    );
    assert!(!policy.surfaces[0].challenge);
}

#[test]
fn roles_turn_groups_into_scopes() {
    let policy = compile(json!({
        "surfaces": [{"use": "mcp", "mount": "/mcp"}],
        "roles": {
            "user": {"groups": ["eng", "ops"], "scopes": ["mcp:tool:list"]},
            "operator": {"groups": ["ops"], "scopes": ["mcp:tool:call", "mcp:tool:list"]},
        },
    }));
    let scopes = |group: &str| policy.group_scopes[group].iter().cloned().collect::<Vec<_>>();
    assert_eq!(scopes("eng"), ["mcp:tool:list"]);
    assert_eq!(scopes("ops"), ["mcp:tool:call", "mcp:tool:list"]);
}

#[test]
fn json_rpc_methods_share_one_endpoint_and_one_plan() {
    let policy = compile(json!({
        "surfaces": [{"use": "mcp", "mount": ["/mcp", "/tools"], "scope_prefix": "acme", "server": "github"}],
        "rules": [{
            "operation": "mcp.tools.call",
            "tools": {"acme:read": ["get_*"], "acme:write": ["create_issue"]},
            "arguments": {"create_issue": {"/repo/name": ["acme-*", 7.0, true]}},
        }],
    }));
    let Endpoint::JsonRpc { methods, response, plan, .. } =
        endpoint(&policy, Method::Post, "/tools")
    else {
        panic!()
    };
    assert!(std::ptr::eq(
        endpoint(&policy, Method::Post, "/mcp"),
        endpoint(&policy, Method::Post, "/tools")
    ));
    let call = &policy.operations[methods["tools/call"].base];
    assert_eq!(call.id, "mcp.tools.call");
    assert_eq!(call.scopes.as_deref(), Some(&["acme:tool:call".to_owned()][..]));
    assert_eq!(call.tier, Tier::Execute);
    assert!(response.is_some());
    assert!(!plan.is_empty());

    let rule = &policy.rules[call.rules[0]];
    assert_eq!(rule.id, "rules[0]");
    let argument = &rule.arguments[0];
    assert_eq!(pointer(&policy, argument.pointer), "/params/arguments/repo/name");
    assert_eq!(argument.written, "/repo/name");
    assert_eq!(argument.admits[1..], [Admit::Integer(7), Admit::Bool(true)]);
    assert_eq!(rule.tools.as_ref().unwrap()[0].scope, "acme:read");
    assert_eq!(policy.surfaces[0].mounts, ["/mcp", "/tools"]);
}

#[test]
fn own_operations_read_what_they_name() {
    let policy = compile(json!({
        "operations": [
            {"id": "acme.run", "method": "POST", "path": "/run/{agent}", "scope": "acme:run", "tier": "execute",
             "agent": "{agent}", "model": "/model", "task": "?task"},
            {"id": "acme.health", "method": "GET", "path": "/health", "public": true, "tier": "read"},
            {"id": "acme.upload", "method": "PUT", "path": "/files/{path...}", "scope": "acme:write", "tier": "write"},
        ],
    }));
    let run = operation(&policy, "acme.run");
    let Some((_, FactSource::Body(model))) = run.facts.iter().find(|(n, _)| n == "model") else {
        panic!()
    };
    assert_eq!(pointer(&policy, *model), "/model");
    assert!(run.facts.contains(&("agent".to_owned(), FactSource::Path("agent".to_owned()))));
    assert!(run.facts.contains(&("task".to_owned(), FactSource::Query("task".to_owned()))));
    assert_eq!(run.body, BodyKind::Json);
    assert_eq!(operation(&policy, "acme.health").scopes, None);
    assert_eq!(operation(&policy, "acme.upload").body, BodyKind::Opaque);
    assert!(std::ptr::eq(
        endpoint(&policy, Method::Head, "/health"),
        endpoint(&policy, Method::Get, "/health")
    ));
    let upload = canonicalize(b"/files/a").unwrap();
    assert!(policy.matcher.find(Method::Head, &upload).is_none());
    let Endpoint::Plain { plan, .. } = endpoint(&policy, Method::Put, "/files/a") else { panic!() };
    assert!(plan.is_empty());
}

#[test]
fn a_surface_that_binds_reads_every_json_body() {
    let policy = compile(json!({
        "surfaces": [
            {"use": "autogen-studio", "mount": "/api", "bind": {"user_id": "claims.email"}},
            {"use": "openai", "mount": "/v1", "bind": {"user": "sub"}},
        ],
    }));
    let Endpoint::Plain { base, variants, plan, body_required } =
        endpoint(&policy, Method::Post, "/api/teams")
    else {
        panic!()
    };
    assert!(!plan.is_empty() && *body_required);
    let create = &policy.operations[*base];
    assert_eq!(create.scopes.as_deref(), Some(&["autogen:team:write".to_owned()][..]));
    assert_eq!(pointer(&policy, create.bindings[0].body.unwrap()), "/user_id");
    assert!(!create.bindings[0].required);
    let overwrite = &policy.operations[variants[0].operation];
    assert_eq!(overwrite.id, "autogen-studio.teams.overwrite");
    assert_eq!(
        overwrite.scopes.as_ref().unwrap(),
        &["autogen:team:write", "autogen:team:overwrite"]
    );
    assert_eq!(overwrite.bindings, create.bindings);

    // A body that only the binding would look into may be absent.
    let Endpoint::Plain { base, plan, body_required, .. } =
        endpoint(&policy, Method::Post, "/v1/responses/r/cancel")
    else {
        panic!()
    };
    assert!(!plan.is_empty() && !body_required);
    assert_eq!(policy.operations[*base].body, BodyKind::Json);
    let upload = operation(&policy, "openai.files.create");
    assert_eq!((upload.body, upload.bindings[0].body), (BodyKind::Multipart, None));
}

#[test]
fn what_is_said_of_an_operation_is_said_of_its_variants() {
    let policy = compile(json!({
        "surfaces": [{"use": "autogen-studio", "mount": "/api"}],
        "rules": [
            {"operation": "autogen-studio.sessions.create", "scope": "acme:session", "require": ["acme:more"]},
            {"operation": "autogen-studio.teams.overwrite", "scope": "acme:overwrite"},
        ],
        "approvals": {"require": [{"operation": "autogen-studio.sessions.create", "scope": "approve"}]},
    }));
    let variants = |path: &str| {
        let Endpoint::Plain { variants, .. } = endpoint(&policy, Method::Post, path) else {
            panic!()
        };
        variants.iter().map(|v| &policy.operations[v.operation]).collect::<Vec<_>>()
    };
    let session = variants("/api/sessions/")[0];
    assert_eq!(session.scopes.as_ref().unwrap(), &["acme:session", "autogen:session:overwrite"]);
    assert_eq!(policy.rules[session.rules[0]].require, ["acme:more"]);
    assert!(session.approval.is_some());
    let team = variants("/api/teams/")[0];
    assert_eq!(team.scopes.as_ref().unwrap(), &["autogen:team:write", "acme:overwrite"]);
}

#[test]
fn json_rpc_variants_belong_to_their_method() {
    let policy = compile(json!({"surfaces": [{"use": "a2a", "mount": "/agent"}]}));
    let Endpoint::JsonRpc { methods, .. } = endpoint(&policy, Method::Post, "/agent") else {
        panic!()
    };
    for method in ["SendMessage", "message/send"] {
        let RpcMethod { base, variants } = &methods[method];
        assert_eq!(policy.operations[*base].id, "a2a.messages.send");
        assert!(!variants.is_empty(), "{method}");
        for variant in variants {
            let operation = &policy.operations[variant.operation];
            assert_eq!(operation.scopes.as_ref().unwrap(), &["a2a:message:send", "a2a:push:write"]);
            assert_eq!(operation.tier, Tier::Admin);
        }
    }
    assert!(methods["GetTask"].variants.is_empty());
}

#[test]
fn every_pack_compiles_alone_and_every_operation_is_reached() {
    for pack in BUILTIN_NAMES {
        let policy = compile(json!({"surfaces": [{"use": pack, "mount": "/x"}]}));
        let mut reached = BTreeSet::new();
        for endpoint in &policy.endpoints {
            match endpoint {
                Endpoint::Plain { base, variants, .. } => {
                    reached.insert(*base);
                    reached.extend(variants.iter().map(|v| v.operation));
                }
                Endpoint::JsonRpc { methods, response, .. } => {
                    for method in methods.values() {
                        reached.insert(method.base);
                        reached.extend(method.variants.iter().map(|v| v.operation));
                    }
                    reached.extend(*response);
                }
            }
        }
        assert_eq!(reached.len(), policy.operations.len(), "{pack}");
        let routed: BTreeSet<usize> = policy.matcher.routes().iter().map(|r| r.value).collect();
        assert_eq!(routed.len(), policy.endpoints.len(), "{pack}");
    }
}

#[test]
fn a_rule_that_binds_reads_the_body() {
    let policy = compile(json!({
        "operations": [
            {"id": "acme.put", "method": "PUT", "path": "/things", "scope": "acme:write", "tier": "write"},
            {"id": "acme.get", "method": "GET", "path": "/things", "scope": "acme:read", "tier": "read"},
        ],
        "rules": [{"id": "mine", "operation": "acme.*", "bind": {"user_id": "claims.email"}, "mode": "shadow"}],
    }));
    let binding = |id: &str| {
        let rules = &operation(&policy, id).rules;
        assert_eq!(rules.len(), 1);
        let rule = &policy.rules[rules[0]];
        assert_eq!((rule.id.as_str(), rule.mode), ("mine", Mode::Shadow));
        rule.bindings[0].clone()
    };
    let Binding { parameter, body, claim, required } = binding("acme.put");
    assert_eq!((parameter.as_str(), claim.as_str(), required), ("user_id", "email", true));
    assert_eq!(pointer(&policy, body.unwrap()), "/user_id");
    assert_eq!(binding("acme.get").body, None);
    assert_eq!(operation(&policy, "acme.put").body, BodyKind::Json);
    assert_eq!(policy.identity.issuers[0].claims[0].as_str(), "email");
}

#[test]
fn conditions_and_scopes_of_rules() {
    let policy = compile(json!({
        "operations": [
            {"id": "acme.a", "method": "POST", "path": "/a", "scope": "acme:a", "tier": "write", "body": "json"},
            {"id": "acme.b", "method": "POST", "path": "/b", "public": true, "tier": "write", "body": "json"},
        ],
        "rules": [
            {"operation": ["acme.a", "acme.b"], "scope": "acme:new", "require": ["acme:more"]},
            {"operation": "acme.a", "headers": {"X-Env": ["prod"]}, "query": {"v": ["1", "2"]}, "body": {"/n/*/x": [3]}},
        ],
    }));
    for id in ["acme.a", "acme.b"] {
        let operation = operation(&policy, id);
        assert_eq!(operation.scopes.as_deref(), Some(&["acme:new".to_owned()][..]));
        assert_eq!(policy.rules[operation.rules[0]].require, ["acme:more"]);
    }
    let conditions = &policy.rules[operation(&policy, "acme.a").rules[1]].conditions;
    let [
        Condition::Header { name, .. },
        Condition::Query { admits, .. },
        Condition::Body { pointer: id, .. },
    ] = &conditions[..]
    else {
        panic!("{conditions:?}")
    };
    assert_eq!(name, "x-env");
    assert_eq!(admits.len(), 2);
    assert_eq!(pointer(&policy, *id), "/n/*/x");
}

#[test]
fn the_approval_with_most_approvers_counts() {
    let policy = compile(json!({
        "surfaces": [{"use": "autogen-grpc", "mount": "/"}],
        "approvals": {"require": [
            {"tier": ["admin", "destroy"], "approvers": 1, "scope": "approve"},
            {"operation": "autogen-grpc.control.open", "approvers": 2.0, "scope": "approve", "hold": "0s", "ttl": "1h"},
        ]},
    }));
    let approval = |id: &str| {
        operation(&policy, id).approval.as_ref().map(|a| (a.approvers, a.hold_ms, a.ttl_ms))
    };
    assert_eq!(approval("autogen-grpc.control.open"), Some((2, 0, 3_600_000)));
    assert_eq!(approval("autogen-grpc.subscriptions.remove"), Some((1, 30_000, 600_000)));
    assert_eq!(approval("autogen-grpc.channel.open"), None);
}

/// The names of the members that the schema gives an object, or of an `enum`'s values.
fn names(schema: &Value, at: &str) -> BTreeSet<String> {
    match schema.pointer(at) {
        Some(Value::Object(members)) => members.keys().cloned().collect(),
        Some(Value::Array(items)) => items.iter().map(|v| v.as_str().unwrap().to_owned()).collect(),
        _ => panic!("{at}"),
    }
}

#[test]
fn the_schema_knows_the_same_names() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let closed = schema["$defs"].as_object().unwrap().iter();
    let closed = closed.filter(|(_, d)| d["additionalProperties"] == json!(false));
    let closed: BTreeSet<&str> = closed.map(|(name, _)| name.as_str()).collect();
    assert_eq!(closed, kinds::ALL.iter().map(|(name, _)| *name).collect());
    for (name, kind) in kinds::ALL {
        let keys: BTreeSet<String> = kind.keys.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(names(&schema, &format!("/$defs/{name}/properties")), keys, "{name}");
    }
    let detectors = builtin().map(|about| about.name);
    let known = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    for (at, expected) in [
        ("/$defs/surface/properties/use/enum", BUILTIN_NAMES.to_vec()),
        ("/$defs/tier/enum", Tier::ALL.map(Tier::as_str).to_vec()),
        ("/$defs/operation/properties/method/enum", Method::ALL.map(Method::as_str).to_vec()),
        (
            "/$defs/issuer/properties/algorithms/items/enum",
            Algorithm::ALL.map(Algorithm::name).to_vec(),
        ),
        (
            "/$defs/detectorName/enum",
            ["secrets", "personal", "pii"].into_iter().chain(detectors).collect(),
        ),
    ] {
        assert_eq!(names(&schema, at), known(expected), "{at}");
    }
}
