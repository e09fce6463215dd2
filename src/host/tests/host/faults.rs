//! A guest that fails, loops, hoards or lies ends its own VM and nothing else.

use crate::common::{FUEL, Notes, engine, guest, link, response, start};
use scopewarden_host::{
    CallError, Cause, ContextId, Deadline, Engine, Fault, HeaderMap, Limits, LoadError, MapType, Vm,
};

const TRAP: &str = "unreachable";
/// Never ends.
const LOOP: &str = "(loop $l (br $l)) unreachable";
/// Takes a page, again and again.
const HOARD: &str = "(loop $l (drop (memory.grow (i32.const 1))) (br $l)) unreachable";
/// Calls itself, again and again.
const RECURSE: &str = "(call $deep) unreachable";

/// A guest whose `name` runs `code`.
fn failing(name: &str, signature: &str, code: &str) -> Vec<u8> {
    guest(
        "",
        &format!(
            r#"(func $deep (call $deep) (call $deep))
               (func (export "{name}") {signature} {code})"#
        ),
    )
}

fn fault<T: std::fmt::Debug>(result: Result<T, CallError>) -> Fault {
    match result {
        Err(CallError::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

/// Calls the named callback.
fn call(vm: &mut Vm<Notes>, name: &str, root: ContextId, cx: ContextId) -> Result<(), CallError> {
    match name {
        "proxy_on_vm_start" => vm.vm_start(root, b"").map(drop),
        "proxy_on_configure" => vm.configure(root, b"").map(drop),
        "proxy_on_tick" => vm.tick(root),
        "proxy_on_queue_ready" => vm.queue_ready(root, 1),
        "proxy_on_request_headers" => vm.request_headers(cx, 1, false).map(drop),
        "proxy_on_request_body" => vm.request_body(cx, 1, false).map(drop),
        "proxy_on_request_trailers" => vm.request_trailers(cx, 1).map(drop),
        "proxy_on_response_headers" => vm.response_headers(cx, 1, false).map(drop),
        "proxy_on_response_body" => vm.response_body(cx, 1, false).map(drop),
        "proxy_on_response_trailers" => vm.response_trailers(cx, 1).map(drop),
        "proxy_on_done" => vm.done(cx).map(drop),
        "proxy_on_log" => vm.log(cx),
        "proxy_on_delete" => vm.delete(cx),
        other => panic!("{other}"),
    }
}

const CALLBACKS: [(&str, &str); 13] = [
    ("proxy_on_vm_start", "(param i32 i32) (result i32)"),
    ("proxy_on_configure", "(param i32 i32) (result i32)"),
    ("proxy_on_tick", "(param i32)"),
    ("proxy_on_queue_ready", "(param i32 i32)"),
    ("proxy_on_request_headers", "(param i32 i32 i32) (result i32)"),
    ("proxy_on_request_body", "(param i32 i32 i32) (result i32)"),
    ("proxy_on_request_trailers", "(param i32 i32) (result i32)"),
    ("proxy_on_response_headers", "(param i32 i32 i32) (result i32)"),
    ("proxy_on_response_body", "(param i32 i32 i32) (result i32)"),
    ("proxy_on_response_trailers", "(param i32 i32) (result i32)"),
    ("proxy_on_done", "(param i32) (result i32)"),
    ("proxy_on_log", "(param i32)"),
    ("proxy_on_delete", "(param i32)"),
];

#[test]
fn a_failure_in_any_callback_ends_the_vm() {
    let kinds = [
        (TRAP, Cause::Trap),
        (LOOP, Cause::Deadline),
        (HOARD, Cause::Memory),
        (RECURSE, Cause::Stack),
    ];
    for (name, signature) in CALLBACKS {
        for (code, cause) in kinds {
            let (mut vm, root, cx) = start(&failing(name, signature, code));
            let first = fault(call(&mut vm, name, root, cx));
            assert_eq!((first.callback, first.cause), (name, cause), "{first}");
            assert_eq!(vm.fault(), Some(&first));
            for (other, _) in CALLBACKS {
                assert_eq!(fault(call(&mut vm, other, root, cx)), first, "{name} then {other}");
            }
            assert_eq!(fault(vm.create_root()), first);
            assert_eq!(fault(vm.create_stream(root)), first);
        }
    }
}

#[test]
fn a_failure_at_start_says_where() {
    let start_error = |wasm: &[u8]| match Vm::new(&link(wasm).unwrap(), Notes::default()) {
        Err(LoadError::Start(fault)) => fault,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    };
    let initialize = start_error(&failing("_initialize", "", TRAP));
    assert_eq!((initialize.callback, initialize.cause), ("_initialize", Cause::Trap));
    let hoarding = start_error(&failing("_start", "", HOARD));
    assert_eq!((hoarding.callback, hoarding.cause), ("_start", Cause::Memory));
    let looping = start_error(&guest("", &format!("(func $f {LOOP}) (start $f)")));
    assert_eq!((looping.callback, looping.cause), ("instantiation", Cause::Deadline));
    let too_large = wat::parse_str(
        r#"(module (memory (export "memory") 17) (func (export "proxy_abi_version_0_2_1")))"#,
    );
    assert_eq!(start_error(&too_large.unwrap()).cause, Cause::Memory);
}

#[test]
fn a_table_has_its_limit_too() {
    let wasm = guest(
        "",
        r#"(table $t 1 funcref)
           (func (export "proxy_on_tick") (param i32)
             (drop (table.grow $t (ref.null func) (i32.const 200000))))"#,
    );
    let (mut vm, root, _) = start(&wasm);
    let fault = fault(vm.tick(root));
    assert_eq!(fault.cause, Cause::Memory);
    assert!(fault.detail.contains("a table of 200001"), "{fault}");
}

#[test]
fn a_deadline_in_epochs_needs_the_embedders_clock() {
    let limits =
        Limits { deadline: Deadline::Epoch { start: 100, callback: 2 }, ..Limits::default() };
    let engine = Engine::new(limits).unwrap();
    let wasm = failing("proxy_on_tick", "(param i32)", LOOP);
    let linked = engine.compile(&wasm).unwrap().link().unwrap();
    let mut vm = Vm::new(&linked, Notes::default()).unwrap();
    let root = vm.create_root().unwrap();
    let clock = engine.clone();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                std::thread::sleep(std::time::Duration::from_millis(1));
                clock.advance_epoch();
            }
        });
        assert_eq!(fault(vm.tick(root)).cause, Cause::Deadline);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn leaving_is_a_fault_with_its_code() {
    let wasm = guest(
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#,
        r#"(func (export "proxy_on_tick") (param i32) (call $exit (i32.const 7)))"#,
    );
    let (mut vm, root, _) = start(&wasm);
    let fault = fault(vm.tick(root));
    assert_eq!(fault.cause, Cause::Exit(7));
    assert_eq!(fault.to_string(), "`proxy_on_tick` called `proc_exit` with 7");
}

/// A guest's allocator runs inside of a host call; it must not be a way around any limit.
#[test]
fn a_hostile_allocator_is_contained() {
    let with_allocator = |code: &str| {
        let text = format!(
            r#"(module
              (import "env" "proxy_get_header_map_pairs"
                (func $pairs (param i32 i32 i32) (result i32)))
              (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
              (memory (export "memory") 1)
              (func (export "proxy_abi_version_0_2_1"))
              (func (export "malloc") (param $size i32) (result i32) {code})
              (func (export "proxy_on_context_create") (param i32 i32))
              (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (i32.store8 (i32.const 100)
                  (i32.add (i32.const 48) (call $pairs (i32.const 0) (i32.const 0) (i32.const 4))))
                (drop (call $log (i32.const 4) (i32.const 100) (i32.const 1)))
                (i32.const 0)))"#
        );
        let (mut vm, _, cx) = start(&wat::parse_str(text).unwrap());
        vm.host_mut().maps.insert(MapType::HttpRequestHeaders, HeaderMap::from([("a", "b")]));
        let result = vm.request_headers(cx, 1, true);
        (result, vm.host_mut().take())
    };
    for (code, status) in [
        // No memory, memory outside of the guest's, memory that ends outside of it.
        ("(i32.const 0)", "Error 6"),
        ("(i32.const 65536)", "Error 6"),
        ("(i32.const -1)", "Error 6"),
        ("(i32.sub (i32.const 65537) (local.get 0))", "Error 6"),
        ("(i32.sub (i32.const 65536) (local.get 0))", "Error 0"),
    ] {
        let (result, seen) = with_allocator(code);
        assert!(result.is_ok(), "{code}: {result:?}");
        assert_eq!(seen, [status], "{code}");
    }
    for (code, cause) in [
        (TRAP, Cause::Trap),
        (LOOP, Cause::Deadline),
        (HOARD, Cause::Memory),
        // Re-enters the host call that it serves.
        ("(call $pairs (i32.const 0) (i32.const 0) (i32.const 4))", Cause::Stack),
    ] {
        let (result, _) = with_allocator(code);
        let found = fault(result);
        assert_eq!((found.callback, found.cause), ("proxy_on_request_headers", cause), "{found}");
    }
}

#[test]
fn ids_and_tokens_are_not_reused_by_the_next_vm() {
    let engine = engine();
    let wasm = failing("proxy_on_request_headers", "(param i32 i32 i32) (result i32)", TRAP);
    let linked = engine.compile(&wasm).unwrap().link().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut last = None;
    for _ in 0..3 {
        let mut vm = Vm::new(&linked, Notes::default()).unwrap();
        let root = vm.create_root().unwrap();
        let cx = vm.create_stream(root).unwrap();
        assert!(seen.insert(root) && seen.insert(cx), "{root} {cx}");
        if let Some(old) = last.replace(cx) {
            assert_eq!(vm.log(old), Err(CallError::NoContext(old)));
            assert_eq!(vm.call_response(1, response("200", "")), Ok(false));
        }
        fault(vm.request_headers(cx, 0, true));
    }
}

#[test]
fn a_context_ends_with_its_deletion() {
    let (mut vm, root, cx) = start(&guest("", ""));
    assert!(vm.has_context(cx));
    assert_eq!(vm.create_stream(cx), Err(CallError::NoContext(cx)), "only a root has streams");
    assert_eq!(vm.done(cx), Ok(true));
    assert_eq!(vm.delete(cx), Ok(()));
    assert_eq!(vm.delete(cx), Err(CallError::NoContext(cx)));
    assert_eq!(vm.request_headers(cx, 0, true), Err(CallError::NoContext(cx)));
    assert_ne!(vm.create_stream(root).unwrap(), cx);
}

#[test]
fn the_deadline_is_per_entry() {
    let spend = "(local $n i32) (loop $l
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $n) (i32.const 50000))))";
    let (mut vm, root, _) = start(&failing("proxy_on_tick", "(param i32)", spend));
    assert!(matches!(FUEL, Deadline::Fuel { callback: 1_000_000, .. }));
    for _ in 0..20 {
        assert_eq!(vm.tick(root), Ok(()));
    }
}
