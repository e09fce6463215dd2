//! The architecture, asserted: which crate may know which, what the module imports, how large things are.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use scopewarden_host::{Engine, Limits};
use scopewarden_tests::{files, module, root};

/// What each crate may depend on, of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("scopewarden-core", &[]),
    ("scopewarden-filter", &["scopewarden-core"]),
    ("scopewarden-host", &[]),
    ("scopewarden-testkit", &["scopewarden-core"]),
    ("scopewarden-service", &["scopewarden-core"]),
    // Shares nothing with what writes the log: a mistake of the one is not repeated by the other.
    ("scopewarden-verify", &[]),
    (
        "scopewarden-cli",
        &["scopewarden-core", "scopewarden-service", "scopewarden-testkit", "scopewarden-verify"],
    ),
    (
        "scopewarden-tests",
        &["scopewarden-cli", "scopewarden-core", "scopewarden-host", "scopewarden-testkit"],
    ),
    ("wasm-test", &[]),
];

/// Everything the module may ask of a host. Files, sockets and clocks of its own are not among it.
const IMPORTS: &[&str] = &[
    "env.proxy_add_header_map_value",
    "env.proxy_call_foreign_function",
    "env.proxy_close_stream",
    "env.proxy_continue_stream",
    "env.proxy_define_metric",
    "env.proxy_done",
    "env.proxy_get_buffer_bytes",
    "env.proxy_get_current_time_nanoseconds",
    "env.proxy_get_header_map_pairs",
    "env.proxy_get_log_level",
    "env.proxy_get_property",
    "env.proxy_get_shared_data",
    "env.proxy_http_call",
    "env.proxy_increment_metric",
    "env.proxy_log",
    "env.proxy_record_metric",
    "env.proxy_remove_header_map_value",
    "env.proxy_send_local_response",
    "env.proxy_set_buffer_bytes",
    "env.proxy_set_effective_context",
    "env.proxy_set_header_map_pairs",
    "env.proxy_set_shared_data",
    "env.proxy_set_tick_period_milliseconds",
    "wasi_snapshot_preview1.environ_get",
    "wasi_snapshot_preview1.environ_sizes_get",
    "wasi_snapshot_preview1.fd_write",
    "wasi_snapshot_preview1.proc_exit",
    "wasi_snapshot_preview1.random_get",
];

/// Everything that a host may enter the module by. Without one of the callbacks of a request its bytes would pass unjudged;
/// one that is too many is entered for every exchange.
const EXPORTS: &[&str] = &[
    "_initialize",
    "memory",
    "proxy_abi_version_0_2_1",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_done",
    "proxy_on_http_call_response",
    "proxy_on_log",
    "proxy_on_memory_allocate",
    "proxy_on_request_body",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_response_body",
    "proxy_on_response_headers",
    "proxy_on_response_trailers",
    "proxy_on_tick",
];

/// Largest module, in KiB.
const MODULE_KIB: u64 = 1200;
/// Longest source file, in lines.
const FILE_LINES: usize = 600;

#[test]
fn arrows_point_one_way() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let ours = package["dependencies"].as_array().unwrap().iter();
        let ours =
            ours.filter_map(|d| d["name"].as_str()).filter(|n| n.starts_with("scopewarden-"));
        found.insert(
            package["name"].as_str().unwrap().to_owned(),
            ours.map(str::to_owned).collect(),
        );
    }
    let known: BTreeSet<_> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        found.keys().cloned().collect::<BTreeSet<_>>(),
        known,
        "name a new crate here, with its arrows"
    );
    for (name, allowed) in ARROWS {
        for dependency in &found[*name] {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} may not depend on {dependency}"
            );
        }
    }
}

#[test]
fn the_module_asks_and_offers_only_what_it_needs() {
    let wasm = std::fs::read(module().unwrap()).unwrap();
    let engine = Engine::new(Limits::default()).unwrap();
    let compiled = engine.compile(&wasm).unwrap();
    assert_names("imports", compiled.imports().collect(), IMPORTS);
    assert_names("exports", compiled.exports().map(str::to_owned).collect(), EXPORTS);
}

fn assert_names(what: &str, found: BTreeSet<String>, known: &[&str]) {
    let known: BTreeSet<String> = known.iter().map(|s| (*s).to_owned()).collect();
    let unknown: Vec<_> = found.difference(&known).collect();
    assert!(unknown.is_empty(), "new {what}: {unknown:?}");
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(gone.is_empty(), "{what} that are no longer there: {gone:?}");
}

#[test]
fn the_module_is_small() {
    let kib = std::fs::metadata(module().unwrap()).unwrap().len() / 1024;
    println!("scopewarden.wasm: {kib} KiB");
    assert!(kib <= MODULE_KIB, "{kib} KiB");
}

#[test]
fn files_have_one_idea() {
    let sources = ["src", "tests"].into_iter().flat_map(|folder| {
        ["rs", "py"].into_iter().flat_map(move |extension| files(&root().join(folder), extension))
    });
    let long: Vec<String> = sources
        .filter_map(|path| {
            let lines = std::fs::read_to_string(&path).unwrap_or_default().lines().count();
            (lines > FILE_LINES).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}
