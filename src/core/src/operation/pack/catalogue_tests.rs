//! What holds for the built-in packs: complete, reachable, free of contradiction, reviewed.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Matcher, Overlap, Segment, canonicalize};
use super::*;

fn packs() -> Vec<Pack> {
    BUILTIN_NAMES
        .iter()
        .map(|name| {
            Pack::parse(builtin::text(name).unwrap())
                .unwrap_or_else(|errors| panic!("{name}: {errors:#?}"))
        })
        .collect()
}

fn pack(name: &str) -> Pack {
    Pack::builtin(name).unwrap()
}

/// The pack's entries that a method and a path name, without variants.
fn matcher(pack: &Pack) -> Matcher<&Entry> {
    let plain = pack.entries.iter().filter(|entry| entry.when.is_none());
    plain
        .filter_map(|entry| match &entry.target {
            Target::Http(method, template) => Some((*method, template.clone(), entry)),
            Target::Rpc(_) | Target::RpcResponse => None,
        })
        .collect()
}

/// `GET /models/{model}` for every HTTP entry of the pack.
fn http_targets(pack: &Pack) -> BTreeSet<String> {
    let http = |entry: &&Entry| matches!(entry.target, Target::Http(..));
    pack.entries.iter().filter(http).map(|entry| entry.target.to_string()).collect()
}

fn rpc_targets(pack: &Pack) -> BTreeSet<&str> {
    pack.entries
        .iter()
        .filter_map(|entry| match &entry.target {
            Target::Rpc(method) => Some(method.as_str()),
            Target::Http(..) | Target::RpcResponse => None,
        })
        .collect()
}

/// `METHOD PATH` of every operation a fixture lists.
fn fixture(text: &str) -> BTreeSet<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let targets: BTreeSet<String> = lines
        .iter()
        .map(|line| {
            let mut columns = line.split('\t');
            format!("{} {}", columns.next().unwrap(), columns.next().unwrap())
        })
        .collect();
    assert_eq!(targets.len(), lines.len(), "a fixture names an operation twice");
    targets
}

/// Asserts that the pack has every operation of the fixture, and besides it only `extras`.
#[track_caller]
fn complete(name: &str, text: &str, operations: usize, extras: &[&str]) {
    let (listed, present) = (fixture(text), http_targets(&pack(name)));
    assert_eq!(listed.len(), operations);
    let missing: Vec<_> = listed.difference(&present).collect();
    assert!(missing.is_empty(), "{name} lacks {missing:#?}");
    let more: BTreeSet<&str> = present.difference(&listed).map(String::as_str).collect();
    assert_eq!(more, extras.iter().copied().collect(), "{name} beyond its description");
}

#[test]
fn openai_has_all_281_operations() {
    let text = include_str!("../../../packs/fixtures/openai.tsv");
    let extras = include_str!("../../../packs/fixtures/openai-extras.txt");
    complete(
        "openai",
        text,
        281,
        &extras.lines().filter(|l| !l.starts_with('#')).collect::<Vec<_>>(),
    );
}

#[test]
fn autogen_studio_has_all_29_operations() {
    let text = include_str!("../../../packs/fixtures/autogen-studio.tsv");
    complete(
        "autogen-studio",
        text,
        29,
        &[
            "WS /ws/runs/{run_id:int}",
            "POST /mcp/ws/connect",
            "WS /mcp/ws/{session_id}",
            "GET /mcp/ws/status/{session_id}",
            "GET /openapi.json",
            "GET /docs",
            "GET /docs/oauth2-redirect",
            "GET /redoc",
        ],
    );
}

#[test]
fn agent_framework_has_all_21_operations() {
    let text = include_str!("../../../packs/fixtures/agent-framework.tsv");
    let extras = ["GET /", "GET /agentframework.svg", "GET /assets/{path...}"];
    complete("agent-framework", text, 21, &extras);
}

#[test]
fn autogen_grpc_has_the_methods_of_agent_rpc() {
    let methods = [
        "OpenChannel",
        "OpenControlChannel",
        "RegisterAgent",
        "AddSubscription",
        "RemoveSubscription",
        "GetSubscriptions",
    ];
    let expected = methods.iter().map(|m| format!("POST /agents.AgentRpc/{m}")).collect();
    assert_eq!(http_targets(&pack("autogen-grpc")), expected);
}

#[test]
fn mcp_has_every_method_a_client_sends() {
    /// Requests and notifications of a version that the version before it did not have.
    const ADDED: [(&str, &[&str]); 4] = [
        (
            "2024-11-05",
            &[
                "initialize",
                "ping",
                "completion/complete",
                "logging/setLevel",
                "prompts/get",
                "prompts/list",
                "resources/list",
                "resources/read",
                "resources/subscribe",
                "resources/templates/list",
                "resources/unsubscribe",
                "tools/call",
                "tools/list",
                "notifications/cancelled",
                "notifications/initialized",
                "notifications/progress",
                "notifications/roots/list_changed",
            ],
        ),
        (
            "2025-11-25",
            &[
                "tasks/get",
                "tasks/list",
                "tasks/result",
                "tasks/cancel",
                "notifications/tasks/status",
            ],
        ),
        ("2026-07-28", &["server/discover", "subscriptions/listen"]),
        ("2026-07-28, tasks extension", &["tasks/update"]),
    ];
    let mcp = pack("mcp");
    let expected: BTreeSet<&str> =
        ADDED.iter().flat_map(|(_, methods)| *methods).copied().collect();
    assert_eq!(rpc_targets(&mcp), expected);
    assert!(mcp.entries.iter().any(|entry| entry.target == Target::RpcResponse));
    assert_eq!(http_targets(&mcp), ["DELETE /", "GET /"].map(str::to_owned).into());
    assert_eq!(mcp.jsonrpc.len(), 1);
}

#[test]
fn a2a_has_the_methods_of_both_versions() {
    let expected = [
        "SendMessage",
        "SendStreamingMessage",
        "GetTask",
        "ListTasks",
        "CancelTask",
        "SubscribeToTask",
        "CreateTaskPushNotificationConfig",
        "GetTaskPushNotificationConfig",
        "ListTaskPushNotificationConfigs",
        "DeleteTaskPushNotificationConfig",
        "GetExtendedAgentCard",
        "message/send",
        "message/stream",
        "tasks/get",
        "tasks/list",
        "tasks/cancel",
        "tasks/resubscribe",
        "tasks/pushNotificationConfig/set",
        "tasks/pushNotificationConfig/get",
        "tasks/pushNotificationConfig/list",
        "tasks/pushNotificationConfig/delete",
        "agent/getAuthenticatedExtendedCard",
    ];
    let a2a = pack("a2a");
    assert_eq!(rpc_targets(&a2a), expected.into());

    let matcher = matcher(&a2a);
    for (method, path, id) in [
        (Method::Post, "/message:send", "messages.send"),
        (Method::Post, "/v1/message:stream", "messages.stream"),
        (Method::Get, "/v1/card", "card.extended"),
        (Method::Get, "/acme/extendedAgentCard", "card.extended"),
        (Method::Get, "/tasks", "tasks.list"),
        (Method::Get, "/tasks/t-1", "tasks.retrieve"),
        (Method::Post, "/tasks/t-1:cancel", "tasks.cancel"),
        (Method::Get, "/tasks/t-1:subscribe", "tasks.subscribe"),
        (Method::Post, "/acme/tasks/t-1:subscribe", "tasks.subscribe"),
        (Method::Post, "/v1/tasks/t-1/pushNotificationConfigs", "push.create"),
        (Method::Delete, "/tasks/t-1/pushNotificationConfigs/c", "push.delete"),
        (Method::Get, "/.well-known/agent-card.json", "card.retrieve"),
    ] {
        assert_eq!(
            find(&matcher, method, path).map(|e| e.id.as_str()),
            Some(id),
            "{method} {path}"
        );
    }
    // The name of a task cannot turn a read into a cancel, nor the other way round.
    assert_eq!(find(&matcher, Method::Post, "/tasks/t-1"), None);
}

fn find<'m>(matcher: &Matcher<&'m Entry>, method: Method, path: &str) -> Option<&'m Entry> {
    matcher.find(method, &canonicalize(path.as_bytes()).unwrap()).map(|(entry, _)| *entry)
}

#[test]
fn every_entry_is_reached_by_its_own_path() {
    for pack in packs() {
        let matcher = matcher(&pack);
        for route in matcher.routes() {
            let path = example(&route.template);
            let found = find(&matcher, route.method, &path);
            assert_eq!(found, Some(route.value), "{}: {} {path}", pack.name, route.method);
        }
    }
}

/// A path the template matches, with values that no literal uses.
fn example(template: &Template) -> String {
    let path: String = template
        .segments()
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => format!("/{text}"),
            Segment::Verb { verb, .. } => format!("/x-1:{verb}"),
            Segment::Int(_) => "/7".to_owned(),
            Segment::Param(_) => "/x-1".to_owned(),
            Segment::Tail(_) => "/x-1/x-2".to_owned(),
        })
        .collect();
    if path.is_empty() { "/".to_owned() } else { path }
}

#[test]
fn overlaps_agree_or_are_reviewed() {
    for pack in packs() {
        let matcher = matcher(&pack);
        let overlaps = matcher.overlaps();
        assert!(overlaps.iter().all(|o| !o.duplicate), "{}", pack.name);
        let differs = |o: &&Overlap<'_, &Entry>| {
            let (a, b) = (o.winner.value, o.loser.value);
            (a.tier, &a.access) != (b.tier, &b.access)
        };
        let differing: BTreeSet<(&str, &str)> = overlaps
            .iter()
            .filter(differs)
            .map(|o| (o.winner.value.id.as_str(), o.loser.value.id.as_str()))
            .collect();
        let reviewed: BTreeSet<(&str, &str)> = pack
            .entries
            .iter()
            .flat_map(|entry| entry.over.iter().map(|over| (entry.id.as_str(), over.as_str())))
            .collect();
        assert_eq!(differing, reviewed, "{}: overlaps, and those marked `over`", pack.name);
    }
}

#[test]
fn scopes_are_words_joined_by_colons() {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b == b'_' || b.is_ascii_lowercase());
    let families = ["autogen", "mcp", "a2a", "af"];
    for (name, entry) in entries() {
        if let Some(scope) = entry.access.scope() {
            let mut words = scope.split(':');
            assert!(words.next().is_some_and(|w| families.contains(&w)), "{name}: {scope}");
            assert!(scope.contains(':') && words.all(word), "{name}: {scope}");
        }
    }
}

fn entries() -> Vec<(String, Entry)> {
    packs()
        .into_iter()
        .flat_map(|pack| {
            let full = |entry: Entry| (format!("{}.{}", pack.name, entry.id), entry);
            pack.entries.clone().into_iter().map(full).collect::<Vec<_>>()
        })
        .collect()
}

/// What a method does not tell about an operation, each one looked at.
#[test]
fn tiers_that_the_method_does_not_suggest_are_listed() {
    let reviewed: BTreeSet<&str> = [
        // A `GET` that does more than read.
        "autogen-studio.auth.callback",
        "autogen-serve.predict",
        // A `POST` that only reads.
        "openai.fine_tuning.graders.validate",
        "openai.vector_stores.search",
        "a2a.tasks.subscribe",
        "autogen-grpc.subscriptions.list",
        // A `POST` that deletes.
        "autogen-grpc.subscriptions.remove",
        "autogen-studio.teams.overwrite",
        "autogen-studio.sessions.overwrite",
        "autogen-studio.gallery.overwrite",
        // The end of one's own session.
        "mcp.session.delete",
    ]
    .into();
    let surprising: BTreeSet<String> = entries()
        .into_iter()
        .filter(|(_, entry)| {
            let Target::Http(method, _) = &entry.target else { return false };
            !match method {
                Method::Get | Method::Head | Method::Options => entry.tier == Tier::Read,
                Method::Delete => entry.tier >= Tier::Destroy,
                Method::WebSocket => entry.tier >= Tier::Infer,
                _ => matches!(entry.tier, Tier::Infer | Tier::Write | Tier::Execute | Tier::Admin),
            }
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(surprising.iter().map(String::as_str).collect::<BTreeSet<_>>(), reviewed);
}

#[test]
fn scopes_say_what_tiers_say() {
    for (name, entry) in entries() {
        let scope = entry.access.scope().unwrap_or("public:read");
        let verb = scope.rsplit(':').next().unwrap();
        let fits = match verb {
            "read" | "list" | "get" => entry.tier == Tier::Read,
            "delete" | "overwrite" => entry.tier >= Tier::Destroy,
            "create" | "mint" | "rotate" | "assign" | "archive" => entry.tier == Tier::Admin,
            "write" => matches!(entry.tier, Tier::Write | Tier::Execute | Tier::Admin),
            _ => true,
        };
        assert!(fits, "{name}: {} {scope}", entry.tier);
        if verb == "execute" {
            assert_eq!(entry.tier, Tier::Execute, "{name}");
        }
    }
}

#[test]
fn only_harmless_reads_are_public() {
    let public: BTreeSet<String> = entries()
        .into_iter()
        .filter(|(_, entry)| entry.access == Access::Public)
        .map(|(name, entry)| {
            assert_eq!(entry.tier, Tier::Read, "{name}");
            name
        })
        .collect();
    let expected = [
        "a2a.card.retrieve",
        "agent-framework.health",
        "agent-framework.ui.asset",
        "agent-framework.ui.page",
        "autogen-studio.auth.login_url",
        "autogen-studio.auth.type",
        "autogen-studio.health",
        "autogen-studio.version",
    ];
    assert_eq!(public.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn what_mints_credentials_or_hands_them_over_is_admin() {
    let tiers: BTreeMap<String, Tier> = entries().into_iter().map(|(n, e)| (n, e.tier)).collect();
    for name in [
        "openai.models.delete",
        "openai.fine_tuning.checkpoints.permissions.create",
        "openai.fine_tuning.checkpoints.permissions.delete",
        "openai.realtime.client_secrets.create",
        "openai.realtime.sessions.create",
        "openai.realtime.transcription_sessions.create",
        "openai.realtime.translations.client_secrets.create",
        "openai.chatkit.sessions.create",
        "openai.organization.admin_api_keys.create",
        "openai.organization.admin_api_keys.delete",
        "openai.organization.projects.api_keys.delete",
        "openai.organization.projects.service_accounts.create",
        "openai.organization.projects.service_accounts.api_keys.create",
        "openai.organization.certificates.activate",
        "openai.organization.invites.create",
        "openai.litellm.keys.create",
        "openai.litellm.keys.rotate",
        "openai.litellm.models.delete",
        "autogen-studio.settings.update",
        "autogen-studio.mcp.connect",
        "a2a.push.create",
        "a2a.messages.send_with_push",
        "autogen-grpc.control.open",
    ] {
        assert_eq!(tiers.get(name), Some(&Tier::Admin), "{name}");
    }
    let admin = |(name, tier): &(&String, &Tier)| {
        name.starts_with("openai.organization.") && **tier != Tier::Read && **tier != Tier::Admin
    };
    let below: Vec<&str> = tiers.iter().filter(admin).map(|(name, _)| name.as_str()).collect();
    assert!(below.iter().all(|name| name.contains(".spend_alerts.")), "{below:?}");
}

#[test]
fn variants_are_found_beside_their_base() {
    let variants: BTreeSet<String> = entries()
        .into_iter()
        .filter(|(_, entry)| entry.when.is_some())
        .map(|(name, entry)| format!("{name} {}", entry.target))
        .collect();
    for expected in [
        "agent-framework.approvals.decide POST /v1/responses",
        "autogen-studio.teams.overwrite POST /teams/",
        "autogen-studio.sessions.overwrite PUT /sessions/{session_id:int}",
        "autogen-studio.settings.overwrite PUT /settings/",
        "openai.responses.create_with_tools POST /responses",
        "a2a.messages.send_with_push RPC message/send",
        "a2a.messages.send_with_push POST /{tenant}/message:stream",
    ] {
        assert!(variants.contains(expected), "{expected}");
    }
}

#[test]
fn the_model_is_read_from_where_the_server_takes_it() {
    let openai = pack("openai");
    let matcher = matcher(&openai);
    let model = |method, path| {
        find(&matcher, method, path)
            .and_then(|e| e.facts.iter().find(|f| f.name == FactName::Model).cloned())
            .map(|fact| fact.source)
    };
    let body = Some(Source::Body(Pointer::parse("/model").unwrap()));
    assert_eq!(model(Method::Post, "/chat/completions"), body);
    let deployment = Some(Source::Path("deployment".to_owned()));
    assert_eq!(model(Method::Post, "/deployments/gpt/chat/completions"), deployment);
    let parameter = Some(Source::Path("model".to_owned()));
    assert_eq!(model(Method::Delete, "/models/ft:gpt-4o:acme::id"), parameter);
    assert_eq!(model(Method::WebSocket, "/realtime"), Some(Source::Query("model".to_owned())));
}
