//! Host calls about everything around an exchange.

use crate::common::{LOG, Notes, REPORT, guest, response, seen, start};
use scopewarden_host::{Action, BufferType, HeaderMap, MapType, Status};

/// `$dispatch` makes a call with the five bytes at 64 as its body, and puts the token at 24.
const CALLER: &str = r#"
    (data (i32.const 128) "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\01\00\00\00")
    (data (i32.const 148) "\0a\00\00\00\01\00\00\00:method\00GET\00:path\00/\00:authority\00a\00")
    (func $dispatch (param $upstream i32) (param $size i32) (param $headers i32) (result i32)
      (call $http (local.get $upstream) (local.get $size)
        (i32.const 128) (local.get $headers) (i32.const 64) (i32.const 5)
        (i32.const 0) (i32.const 0) (i32.const 1500) (i32.const 24)))"#;
const HTTP: &str = r#"(import "env" "proxy_http_call"
    (func $http (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;

#[test]
fn an_http_call_and_its_answer() {
    let wasm = guest(
        &format!(
            r#"{LOG} {HTTP}
            (import "env" "proxy_get_buffer_bytes"
              (func $get (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_header_map_value"
              (func $header (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))"#
        ),
        &format!(
            r#"{REPORT} {CALLER} (data (i32.const 64) "known") (data (i32.const 72) ":status")
            (global $cx (mut i32) (i32.const 0))
            (func (export "proxy_on_request_headers") (param $cx i32) (param i32 i32) (result i32)
              (global.set $cx (local.get $cx))
              (call $report (call $dispatch (i32.const 64) (i32.const 4) (i32.const 61)))
              (call $report (call $dispatch (i32.const 64) (i32.const 5) (i32.const 60)))
              (call $report (call $dispatch (i32.const 64) (i32.const 5) (i32.const 0)))
              (call $report (call $dispatch (i32.const 64) (i32.const 5) (i32.const 61)))
              (i32.const 1))
            (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
              (i32.store8 (i32.const 90) (i32.add (i32.const 48) (local.get 2)))
              (i32.store8 (i32.const 91) (i32.add (i32.const 48) (local.get 3)))
              (i32.store8 (i32.const 92) (i32.add (i32.const 48) (local.get 4)))
              (drop (call $log (i32.const 2) (i32.const 90) (i32.const 3)))
              (call $report (call $header (i32.const 6) (i32.const 72) (i32.const 7)
                (i32.const 16) (i32.const 20)))
              (call $report (call $get (i32.const 4) (i32.const 0) (i32.const 99)
                (i32.const 16) (i32.const 20)))
              (call $report (call $effective (i32.const 12345)))
              (drop (call $effective (global.get $cx)))
              (drop (call $continue (i32.const 0))))"#
        ),
    );
    let (mut vm, root, cx) = start(&wasm);
    assert_eq!(vm.request_headers(cx, 3, true), Ok(Action::Pause));
    let log = vm.host_mut().take();
    assert_eq!(log[..3], ["Info =2", "Info =2", "Info =2"], "upstream, headers, no headers");
    assert_eq!(log[3], "Info =0");
    let (token, call) = vm.host_mut().calls.remove(0);
    assert_eq!(call.upstream, b"known");
    assert_eq!(call.headers.get(":method"), Some(&b"GET"[..]));
    assert_eq!((call.body.as_slice(), call.timeout.as_millis()), (&b"known"[..], 1500));
    assert_eq!(vm.call_owner(token), Some(root));

    assert_eq!(vm.call_response(token, response("204", "hi")), Ok(true));
    assert_eq!(
        vm.host_mut().take(),
        ["Info 120", "Info =0", "Info 204", "Info =0", "Info hi", "Info =2", "resume HttpRequest"]
    );
    assert_eq!(vm.call_response(token, response("204", "again")), Ok(false));
    assert_eq!(vm.call_owner(token), None);
    assert_eq!(vm.host_mut().take(), Vec::<String>::new());
}

#[test]
fn calls_without_an_answer_are_capped() {
    let wasm = guest(
        HTTP,
        &format!(
            r#"{CALLER} (data (i32.const 64) "known")
            (func (export "proxy_on_tick") (param i32)
              (loop $l (br_if $l (i32.eqz
                (call $dispatch (i32.const 64) (i32.const 5) (i32.const 61))))))"#
        ),
    );
    let (mut vm, root, _) = start(&wasm);
    assert_eq!(vm.tick(root), Ok(()));
    assert_eq!(vm.host().calls.len(), 1024);
}

#[test]
fn configuration_is_there_in_its_callback_only() {
    let wasm = guest(
        &format!(
            r#"{LOG} (import "env" "proxy_get_buffer_bytes"
            (func $get (param i32 i32 i32 i32 i32) (result i32)))"#
        ),
        &format!(
            r#"{REPORT}
            (func $read (param $kind i32) (param $size i32)
              (call $report (call $get (local.get $kind) (i32.const 0) (local.get $size)
                (i32.const 16) (i32.const 20))))
            (func (export "proxy_on_vm_start") (param i32) (param $size i32) (result i32)
              (call $read (i32.const 6) (local.get $size))
              (call $read (i32.const 7) (local.get $size))
              (i32.const 1))
            (func (export "proxy_on_configure") (param i32) (param $size i32) (result i32)
              (call $read (i32.const 7) (local.get $size))
              (i32.eq (local.get $size) (i32.const 4)))"#
        ),
    );
    let (mut vm, root, _) = start(&wasm);
    assert_eq!(vm.vm_start(root, b"vm"), Ok(true));
    assert_eq!(vm.configure(root, b"good"), Ok(true));
    assert_eq!(vm.configure(root, b"bad"), Ok(false));
    assert_eq!(
        vm.host_mut().take(),
        ["Info =0", "Info vm", "Info =1", "Info =0", "Info good", "Info =0", "Info bad"]
    );
}

#[test]
fn metrics() {
    let import = r#"
      (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
      (import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))
      (import "env" "proxy_get_metric" (func $metric (param i32 i32) (result i32)))"#;
    let code = "(drop (call $define (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 24)))
      (drop (call $increment (i32.load (i32.const 24)) (i64.const 5)))
      (call $report (call $increment (i32.load (i32.const 24)) (i64.const -1)))
      (call $report (call $define (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 28)))
      (call $report (call $define (i32.const 3) (i32.const 64) (i32.const 1) (i32.const 28)))
      (call $report (call $record (i32.const 99) (i64.const 1)))
      (drop (call $metric (i32.load (i32.const 24)) (i32.const 32)))
      (call $report (i64.ne (i64.load (i32.const 32)) (i64.const 5)))";
    assert_eq!(
        seen(import, "m", code, |_| ()),
        ["Info =2", "Info =2", "Info =2", "Info =1", "Info =0", "Info "]
    );
}

#[test]
fn shared_data_and_queues() {
    let import = r#"
      (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
      (import "env" "proxy_resolve_shared_queue"
        (func $resolve (param i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_enqueue_shared_queue" (func $push (param i32 i32 i32) (result i32)))
      (import "env" "proxy_dequeue_shared_queue" (func $pop (param i32 i32 i32) (result i32)))"#;
    let data = "(call $report (call $get (i32.const 64) (i32.const 1) (i32.const 16) (i32.const 20)
        (i32.const 24)))
      (drop (call $set (i32.const 64) (i32.const 1) (i32.const 65) (i32.const 3) (i32.const 0)))
      (call $report (call $get (i32.const 64) (i32.const 1) (i32.const 16) (i32.const 20)
        (i32.const 24)))
      (call $report (call $set (i32.const 64) (i32.const 1) (i32.const 65) (i32.const 3)
        (i32.add (i32.const 1) (i32.load (i32.const 24)))))";
    assert_eq!(seen(import, "kval", data, |_| ()), ["Info =1", "Info =0", "Info val", "Info =8"]);
    let queue = "(call $report (call $pop (i32.const 1) (i32.const 16) (i32.const 20)))
      (drop (call $register (i32.const 64) (i32.const 1) (i32.const 24)))
      (call $report (call $pop (i32.load (i32.const 24)) (i32.const 16) (i32.const 20)))
      (drop (call $resolve (i32.const 65) (i32.const 2) (i32.const 64) (i32.const 1)
        (i32.const 28)))
      (drop (call $push (i32.load (i32.const 28)) (i32.const 65) (i32.const 2)))
      (call $report (call $pop (i32.load (i32.const 24)) (i32.const 16) (i32.const 20)))";
    assert_eq!(seen(import, "qvm", queue, |_| ()), ["Info =1", "Info =7", "Info =0", "Info vm"]);
}

#[test]
fn every_pointer_is_checked() {
    let import = r#"
      (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
      (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
      (import "env" "proxy_get_log_level" (func $level (param i32) (result i32)))
      (import "env" "proxy_call_foreign_function"
        (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_send_local_response"
        (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))"#;
    let prepare = |notes: &mut Notes| {
        notes.maps.insert(MapType::HttpRequestHeaders, HeaderMap::from([("a", "1")]));
        notes.buffers.insert(BufferType::HttpRequestBody, b"body".to_vec());
        notes.environment.push(("A".to_owned(), "b".to_owned()));
    };
    let outside = Status::InvalidMemoryAccess.code();
    for (call, status) in [
        ("(call $log (i32.const 2) (i32.const 65535) (i32.const 2))", outside),
        ("(call $log (i32.const 2) (i32.const -1) (i32.const -1))", outside),
        ("(call $log (i32.const 9) (i32.const 0) (i32.const 0))", 2),
        ("(call $pairs (i32.const 0) (i32.const 65533) (i32.const 0))", outside),
        ("(call $pairs (i32.const 0) (i32.const 0) (i32.const -4))", outside),
        (
            "(call $buffer (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 65536)
              (i32.const 0))",
            outside,
        ),
        ("(call $time (i32.const 65529))", outside),
        ("(call $time (i32.const 65528))", 0),
        ("(call $level (i32.const 65533))", outside),
        (
            "(call $foreign (i32.const 64) (i32.const 7) (i32.const 65536) (i32.const 1)
              (i32.const 0) (i32.const 4))",
            outside,
        ),
        (
            "(call $send (i32.const 403) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0)
              (i32.const 0) (i32.const 0) (i32.const -1))",
            outside,
        ),
    ] {
        let log = seen(import, "reverse", &format!("(call $report {call})"), prepare);
        assert_eq!(log[0], format!("Info ={status}"), "{call}");
    }
    // WASI has its own numbers: 8 is EBADF, 21 EFAULT, 28 EINVAL.
    for (call, errno) in [
        ("(call $random (i32.const 65535) (i32.const 2))", 21),
        ("(call $environ (i32.const 65533) (i32.const 0))", 21),
        ("(call $environ (i32.const 0) (i32.const 65533))", 21),
        ("(call $write (i32.const 1) (i32.const 65535) (i32.const 1) (i32.const 0))", 21),
        ("(call $write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0))", 28),
        ("(call $write (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0))", 8),
    ] {
        let code = format!("(call $report (i32.ne (i32.const {errno}) {call}))");
        assert_eq!(seen(import, "", &code, prepare)[0], "Info =0", "{call}");
    }
}

#[test]
fn time_ticks_and_grpc() {
    let import = r#"
      (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
      (import "env" "proxy_get_status" (func $status (param i32 i32 i32) (result i32)))
      (import "env" "proxy_grpc_close" (func $grpc (param i32) (result i32)))
      (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))"#;
    let code = "(drop (call $tick (i32.const 250)))
      (drop (call $log (i32.const 1) (i32.const 64) (i32.const 3)))
      (drop (call $time (i32.const 32)))
      (call $report (i64.ne (i64.load (i32.const 32)) (i64.const 1795507200000000123)))
      (call $report (call $status (i32.const 24) (i32.const 16) (i32.const 20)))
      (call $report (call $grpc (i32.const 1)))";
    assert_eq!(
        seen(import, "too fine for the log", code, |_| ()),
        ["tick every 250ms", "Info =0", "Info ", "Info =0", "Info ", "Info =1"]
    );
}

#[test]
fn printing_is_logged_by_line() {
    let wasm = guest(
        r#"(import "wasi_snapshot_preview1" "fd_write"
             (func $write (param i32 i32 i32 i32) (result i32)))"#,
        r#"(data (i32.const 64) "one\ntwo three")
           (func (export "proxy_on_tick") (param i32)
             (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8))
             (i32.store (i32.const 8) (i32.const 72)) (i32.store (i32.const 12) (i32.const 5))
             (drop (call $write (i32.const 2) (i32.const 0) (i32.const 2) (i32.const 24)))
             (if (i32.eq (i32.load (i32.const 24)) (i32.const 13)) (then unreachable)))"#,
    );
    let (mut vm, root, _) = start(&wasm);
    assert!(vm.tick(root).is_err());
    assert_eq!(vm.host_mut().take(), ["Error one", "Error two three"], "also when it dies");
}

#[test]
fn the_rest_of_wasi() {
    let imports = r#"(import "wasi_snapshot_preview1" "clock_time_get"
        (func $clock (param i32 i64 i32) (result i32)))
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_sizes_get"
        (func $sizes (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_prestat_get" (func $pre (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))"#;
    let code = "(drop (call $clock (i32.const 1) (i64.const 0) (i32.const 32)))
      (call $report (i64.ne (i64.load (i32.const 32)) (i64.const 77)))
      (call $report (i32.ne (i32.const 28) (call $clock (i32.const 3) (i64.const 0) (i32.const 32))))
      (drop (call $random (i32.const 32) (i32.const 4)))
      (call $report (i32.ne (i32.load (i32.const 32)) (i32.const 0x04040404)))
      (call $report (i32.ne (i32.const 8) (call $pre (i32.const 3) (i32.const 32))))
      (drop (call $stat (i32.const 1) (i32.const 32)))
      (call $report (i32.ne (i32.load8_u (i32.const 32)) (i32.const 2)))
      (drop (call $sizes (i32.const 32) (i32.const 20)))
      (drop (call $environ (i32.const 40) (i32.const 1000)))
      (i32.store (i32.const 16) (i32.load (i32.const 40)))
      (call $report (i32.ne (i32.load (i32.const 32)) (i32.const 2)))";
    let log = seen(imports, "", code, |notes| {
        notes.environment =
            vec![("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())];
    });
    let checks = log.iter().filter(|line| line.starts_with("Info =")).collect::<Vec<_>>();
    assert_eq!(checks, ["Info =0"; 6]);
    assert_eq!(log.last().unwrap(), r"Info A=1\x00B=2\x00");
}
