//! Host calls about an exchange: what reaches the embedder, what comes back.

use crate::common::{FUEL, LOG, Notes, REPORT, guest, run, seen, start};
use scopewarden_host::{Action, BufferType, Engine, HeaderMap, Limits, MapType, Vm};

#[test]
fn headers_are_read_as_bytes() {
    let import = r#"(import "env" "proxy_get_header_map_value"
        (func $get (param i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
      (import "env" "proxy_get_header_map_size" (func $size (param i32 i32) (result i32)))"#;
    let map = || HeaderMap::from([("x", &b"\xff\r\n"[..]), ("x", b"2"), ("empty", b"")]);
    let fields = |notes: &mut Notes| {
        notes.maps.insert(MapType::HttpRequestHeaders, map());
    };
    let get = |map: i32, len: i32| {
        format!(
            "(call $report (call $get (i32.const {map}) (i32.const 64) (i32.const {len})
               (i32.const 16) (i32.const 20)))"
        )
    };
    assert_eq!(seen(import, "X", &get(0, 1), fields), ["Info =0", r"Info \xff\r\n"]);
    assert_eq!(seen(import, "empty", &get(0, 5), fields), ["Info =0", "Info "]);
    assert_eq!(seen(import, "y", &get(0, 1), fields), ["Info =1"]);
    assert_eq!(seen(import, "x", &get(1, 1), fields), ["Info =2"], "a map that is not there");
    assert_eq!(seen(import, "x", &get(6, 1), fields), ["Info =2"], "no answer is at hand");
    assert_eq!(seen(import, "x", &get(8, 1), fields), ["Info =2"], "not a map");
    let pairs = "(call $report (call $pairs (i32.const 0) (i32.const 16) (i32.const 20)))";
    let wire = map().encode().unwrap();
    let expected = format!("Info {}", wire.escape_ascii());
    assert_eq!(seen(import, "", pairs, fields), ["Info =0".to_owned(), expected]);
    let size = "(drop (call $size (i32.const 0) (i32.const 20)))
        (call $report (i32.ne (i32.load (i32.const 20)) (i32.const 45)))";
    assert_eq!(wire.len(), 45);
    assert_eq!(seen(import, "", size, fields)[0], "Info =0");
}

#[test]
fn headers_are_written() {
    let import = r#"
      (import "env" "proxy_add_header_map_value"
        (func $add (param i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_replace_header_map_value"
        (func $replace (param i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
      (import "env" "proxy_set_header_map_pairs" (func $set (param i32 i32 i32) (result i32)))"#;
    let prepare = |notes: &mut Notes| {
        notes.maps.insert(MapType::HttpRequestHeaders, HeaderMap::from([("a", "1"), ("b", "2")]));
    };
    let after = |data: &str, code: &str| {
        let mut vm = run(import, data, code, prepare);
        (vm.host_mut().take(), vm.host_mut().maps.remove(&MapType::HttpRequestHeaders).unwrap())
    };
    // The name is at 64, the value at 65.
    let field = |call: &str, map: i32| {
        format!(
            "(call $report (call ${call} (i32.const {map}) (i32.const 64) (i32.const 1)
               (i32.const 65) (i32.const 1)))"
        )
    };
    let (log, map) = after("B9", &field("add", 0));
    assert_eq!((log[0].as_str(), map.all("b").count()), ("Info =0", 2));
    let (log, map) = after("B9", &field("replace", 0));
    assert_eq!(log[0], "Info =0");
    assert_eq!(map, HeaderMap::from([("a", "1"), ("b", "9")]));
    assert_eq!(after("B9", &field("add", 2)).0, ["Info =2"]);
    let remove = "(call $report (call $remove (i32.const 0) (i32.const 64) (i32.const 1)))";
    assert_eq!(after("B", remove).1, HeaderMap::from([("a", "1")]));
    assert_eq!(after("Z", remove).1.len(), 2);
    let set = "(call $report (call $set (i32.const 0) (i32.const 64) (i32.const 17)))";
    let one = r"\01\00\00\00\01\00\00\00\01\00\00\00N\00v\00";
    let (log, map) = after(one, set);
    assert_eq!((log[0].as_str(), map.len()), ("Info =2", 2), "one byte too many");
    let (log, map) = after(one, &set.replace("17", "16"));
    assert_eq!((log[0].as_str(), map), ("Info =0", HeaderMap::from([("n", "v")])));
}

#[test]
fn buffers_are_read_and_written_as_in_envoy() {
    let import = r#"
      (import "env" "proxy_get_buffer_bytes" (func $get (param i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_get_buffer_status" (func $size (param i32 i32 i32) (result i32)))
      (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))"#;
    let prepare = |notes: &mut Notes| {
        notes.buffers.insert(BufferType::HttpRequestBody, b"0123456789".to_vec());
    };
    let get = |buffer: i32, start: i32, len: i32| {
        let code = format!(
            "(call $report (call $get (i32.const {buffer}) (i32.const {start}) (i32.const {len})
               (i32.const 16) (i32.const 20)))"
        );
        seen(import, "", &code, prepare)
    };
    assert_eq!(get(0, 0, 10), ["Info =0", "Info 0123456789"]);
    assert_eq!(get(0, 8, 100), ["Info =0", "Info 89"]);
    assert_eq!(get(0, 10, 1), ["Info =0", "Info "]);
    assert_eq!(get(0, 11, 1), ["Info =0", "Info "]);
    assert_eq!(get(0, -1, 2), ["Info =2"], "the end overflows");
    assert_eq!(get(1, 0, 1), ["Info =1"], "no such buffer now");
    assert_eq!(get(7, 0, 1), ["Info =1"], "configuration is only there in its callback");
    assert_eq!(get(9, 0, 1), ["Info =2"], "not a buffer");
    let size = "(drop (call $size (i32.const 0) (i32.const 24) (i32.const 28)))
        (call $report (i32.ne (i32.load (i32.const 24)) (i32.const 10)))";
    assert_eq!(seen(import, "", size, prepare)[0], "Info =0");

    let set = |buffer: i32, start: i32, len: i32| {
        let code = format!(
            "(call $report (call $set (i32.const {buffer}) (i32.const {start}) (i32.const {len})
               (i32.const 64) (i32.const 3)))"
        );
        let mut vm = run(import, "new", &code, prepare);
        let log = vm.host_mut().take().remove(0);
        let body = vm.host_mut().buffers.remove(&BufferType::HttpRequestBody).unwrap();
        (log, String::from_utf8(body).unwrap())
    };
    let ok = |body: &str| ("Info =0".to_owned(), body.to_owned());
    let refused = ("Info =2".to_owned(), "0123456789".to_owned());
    assert_eq!(set(0, 0, 10), ok("new"));
    assert_eq!(set(0, 0, -1), ok("new"));
    assert_eq!(set(0, 0, 4), ok("new456789"));
    assert_eq!(set(0, 0, 0), ok("new0123456789"));
    assert_eq!(set(0, 10, 0), ok("0123456789new"));
    assert_eq!(set(0, 99, 5), ok("0123456789new"));
    assert_eq!(set(0, 5, 5), refused, "in the middle");
    assert_eq!(set(1, 0, 0), refused);
    assert_eq!(set(4, 0, 0), refused, "an answer is read-only");
    assert_eq!(set(7, 0, 0), refused);
}

#[test]
fn what_the_host_keeps_is_capped() {
    let wasm = guest(
        r#"(import "env" "proxy_set_buffer_bytes"
             (func $set (param i32 i32 i32 i32 i32) (result i32)))
           (import "env" "proxy_add_header_map_value"
             (func $add (param i32 i32 i32 i32 i32) (result i32)))"#,
        r#"(func (export "proxy_on_request_body") (param i32) (param $name i32) (param $value i32)
               (result i32)
             (loop $l (br_if $l (i32.eqz (call $set (i32.const 0) (i32.const -1) (i32.const 0)
               (i32.const 0) (i32.const 60000)))))
             (loop $l (br_if $l (i32.eqz (call $add (i32.const 0) (i32.const 0) (i32.const 1)
               (i32.const 0) (local.get $name)))))
             (i32.const 0))"#,
    );
    let limits = Limits {
        host_bytes: 1_000_000,
        memory_bytes: 1 << 20,
        deadline: FUEL,
        ..Limits::default()
    };
    let linked = Engine::new(limits).unwrap().compile(&wasm).unwrap().link().unwrap();
    let mut vm = Vm::new(&linked, Notes::default()).unwrap();
    let root = vm.create_root().unwrap();
    let cx = vm.create_stream(root).unwrap();
    // The guest adds fields whose values have the size that the callback was given.
    for (size, fields) in [(60_000, 16), (0, 10_000)] {
        vm.host_mut().buffers.insert(BufferType::HttpRequestBody, Vec::new());
        vm.host_mut().maps.insert(MapType::HttpRequestHeaders, HeaderMap::new());
        assert_eq!(vm.request_body(cx, size, true), Ok(Action::Continue));
        assert_eq!(vm.host().buffers[&BufferType::HttpRequestBody].len(), 960_000);
        assert_eq!(vm.host().maps[&MapType::HttpRequestHeaders].len(), fields);
    }
}

#[test]
fn a_local_response_arrives_whole() {
    let import = r#"(import "env" "proxy_send_local_response"
        (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;
    let code = |grpc: i32, headers: i32| {
        format!(
            "(call $report (call $send (i32.const 403) (i32.const 64) (i32.const 2)
              (i32.const 66) (i32.const 3) (i32.const 69) (i32.const {headers})
              (i32.const {grpc})))"
        )
    };
    let data = r"okno!\01\00\00\00\01\00\00\00\01\00\00\00N\00v\00";
    let mut vm = run(import, data, &code(-1, 16), |_| ());
    let sent = vm.host_mut().responses.remove(0);
    assert_eq!((sent.status, sent.grpc_status), (403, None));
    assert_eq!((sent.details.as_slice(), sent.body.as_slice()), (&b"ok"[..], &b"no!"[..]));
    assert_eq!(sent.headers, HeaderMap::from([("n", "v")]));
    let vm = run(import, data, &code(7, 0), |_| ());
    assert_eq!(vm.host().responses[0].grpc_status, Some(7));
    let mut vm = run(import, data, &code(7, 15), |_| ());
    assert!(vm.host().responses.is_empty(), "malformed headers");
    assert_eq!(vm.host_mut().take(), ["Info =2"]);
}

#[test]
fn properties_and_foreign_functions() {
    let import = r#"
      (import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_call_foreign_function"
        (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))"#;
    let code =
        "(call $report (call $get (i32.const 64) (i32.const 3) (i32.const 16) (i32.const 20)))
      (drop (call $set (i32.const 64) (i32.const 3) (i32.const 67) (i32.const 7)))
      (call $report (call $get (i32.const 64) (i32.const 3) (i32.const 16) (i32.const 20)))
      (call $report (call $foreign (i32.const 67) (i32.const 7) (i32.const 64) (i32.const 3)
        (i32.const 16) (i32.const 20)))
      (call $report (call $foreign (i32.const 64) (i32.const 3) (i32.const 64) (i32.const 3)
        (i32.const 16) (i32.const 20)))";
    assert_eq!(
        seen(import, r"a\00breverse", code, |_| ()),
        ["Info =1", "Info =0", "Info reverse", "Info =0", r"Info b\x00a", "Info =1"]
    );
}

#[test]
fn flow_is_passed_on() {
    let import = r#"
      (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
      (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))"#;
    let code = "(drop (call $continue (i32.const 0)))
      (drop (call $continue (i32.const 1)))
      (drop (call $close (i32.const 1)))
      (call $report (call $continue (i32.const 4)))";
    assert_eq!(
        seen(import, "", code, |_| ()),
        ["resume HttpRequest", "resume HttpResponse", "close HttpResponse", "Info =2"]
    );
}

#[test]
fn a_context_may_ask_for_time_to_end() {
    let wasm = guest(
        &format!(r#"{LOG} (import "env" "proxy_done" (func $done (result i32)))"#),
        &format!(
            r#"{REPORT}
            (func (export "proxy_on_done") (param i32) (result i32) (i32.const 0))
            (func (export "proxy_on_tick") (param i32) (call $report (call $done)))"#
        ),
    );
    let (mut vm, root, _) = start(&wasm);
    vm.tick(root).unwrap();
    assert_eq!(vm.host_mut().take(), ["Info =1"], "nobody has asked");
    assert_eq!(vm.done(root), Ok(false));
    vm.tick(root).unwrap();
    assert_eq!(vm.host_mut().take()[..2], ["done", "Info =0"]);
    assert_eq!(vm.delete(root), Ok(()));
}
