//! Guests and helpers for the tests of `drive`.

use crate::common::engine;
use scopewarden_host::drive::{ExchangeId, Proxy, Settings, StartError, World};
use scopewarden_host::{HeaderMap, Linked};

/// Imports of every filter here.
const IMPORTS: &str = r#"
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_get_header_map_value"
      (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_replace_header_map_value"
      (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_buffer_bytes" (func $body (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_buffer_bytes" (func $write (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_send_local_response"
      (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
    (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
    (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
    (import "env" "proxy_http_call"
      (func $http (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_done" (func $done (result i32)))
    (import "env" "proxy_set_property" (func $property (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
    (import "env" "proxy_enqueue_shared_queue" (func $push (param i32 i32 i32) (result i32)))
    (import "env" "proxy_call_foreign_function"
      (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))"#;

/// What filters here have in common: `$say` logs a letter, a size below 100 and a flag; `$report`
/// logs a status; `$deny` answers 403 `no` with details `rule`; `$call` makes a call to cluster
/// `known` with a timeout of a second; `$cx` is the last exchange.
const LIBRARY: &str = r#"
    (global $cx (mut i32) (i32.const 0))
    (data (i32.const 64) "known" "no" "rule" "x-name" "value")
    (data (i32.const 128) "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\01\00\00\00")
    (data (i32.const 148) "\0a\00\00\00\01\00\00\00:method\00GET\00:path\00/\00:authority\00a\00")
    (func $say (param $letter i32) (param $size i32) (param $flag i32)
      (i32.store8 (i32.const 0) (local.get $letter))
      (i32.store8 (i32.const 1)
        (i32.add (i32.const 48) (i32.div_u (local.get $size) (i32.const 10))))
      (i32.store8 (i32.const 2)
        (i32.add (i32.const 48) (i32.rem_u (local.get $size) (i32.const 10))))
      (i32.store8 (i32.const 3) (i32.add (i32.const 48) (local.get $flag)))
      (drop (call $log (i32.const 2) (i32.const 0) (i32.const 4))))
    (func $report (param $status i32)
      (i32.store8 (i32.const 0) (i32.const 61))
      (i32.store8 (i32.const 1) (i32.add (i32.const 48) (local.get $status)))
      (drop (call $log (i32.const 2) (i32.const 0) (i32.const 2))))
    (func $deny
      (call $report (call $send (i32.const 403) (i32.const 71) (i32.const 4) (i32.const 69)
        (i32.const 2) (i32.const 0) (i32.const 0) (i32.const -1))))
    (func $call
      (call $report (call $http (i32.const 64) (i32.const 5) (i32.const 128) (i32.const 61)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000)
        (i32.const 24))))
    ;; The status of reading `x-name` of a header map.
    (func $peek (param $map i32) (result i32)
      (call $get (local.get $map) (i32.const 75) (i32.const 6) (i32.const 16) (i32.const 20)))
    ;; The status of setting `x-name: value` in a header map.
    (func $poke (param $map i32) (result i32)
      (call $set (local.get $map) (i32.const 75) (i32.const 6) (i32.const 81) (i32.const 5)))
    ;; Logs a body, or the status of reading it.
    (func $show (param $buffer i32) (local $status i32)
      (local.set $status (call $body (local.get $buffer) (i32.const 0) (i32.const -1)
        (i32.const 16) (i32.const 20)))
      (if (local.get $status)
        (then (call $report (local.get $status)))
        (else (drop (call $log (i32.const 2) (i32.load (i32.const 16))
          (i32.load (i32.const 20)))))))"#;

/// Callbacks, the letter they log, and their parameters.
const CALLBACKS: [(&str, char, &str); 11] = [
    ("proxy_on_request_headers", 'H', "(param $id i32) (param $n i32) (param $end i32)"),
    ("proxy_on_request_body", 'B', "(param $id i32) (param $n i32) (param $end i32)"),
    ("proxy_on_request_trailers", 'T', "(param $id i32) (param $n i32)"),
    ("proxy_on_response_headers", 'h', "(param $id i32) (param $n i32) (param $end i32)"),
    ("proxy_on_response_body", 'b', "(param $id i32) (param $n i32) (param $end i32)"),
    ("proxy_on_response_trailers", 't', "(param $id i32) (param $n i32)"),
    ("proxy_on_log", 'l', "(param $id i32)"),
    ("proxy_on_done", 'd', "(param $id i32)"),
    ("proxy_on_delete", 'x', "(param $id i32)"),
    ("proxy_on_configure", 'c', "(param $id i32) (param $n i32)"),
    ("proxy_on_http_call_response", 'a', "(param i32 i32) (param $n i32) (param i32 i32)"),
];

/// A filter that logs every callback and lets everything pass, but for the callbacks given:
/// their code runs after the log, and ends with the action where there is one.
pub fn filter(own: &[(&str, &str)]) -> Linked<World> {
    let mut body = LIBRARY.to_owned();
    for (name, letter, parameters) in CALLBACKS {
        let short = name.trim_start_matches("proxy_on_");
        let code = own.iter().find(|(own, _)| *own == short).map(|(_, code)| *code);
        let (result, default) = match short {
            "log" | "delete" | "http_call_response" => ("", ""),
            "done" | "configure" => ("(result i32)", "(i32.const 1)"),
            _ => ("(result i32)", "(i32.const 0)"),
        };
        let size = if parameters.contains("$n") { "(local.get $n)" } else { "(i32.const 0)" };
        let end = if parameters.contains("$end") { "(local.get $end)" } else { "(i32.const 0)" };
        let keep = if short == "request_headers" { "(global.set $cx (local.get $id))" } else { "" };
        body.push_str(&format!(
            r#"(func (export "{name}") {parameters} {result}
                (call $say (i32.const {letter}) {size} {end}) {keep} {code})"#,
            letter = u32::from(letter),
            code = code.unwrap_or(default),
        ));
    }
    for (name, code) in own {
        if matches!(*name, "tick" | "queue_ready") {
            let more = if *name == "tick" { "" } else { "(param i32)" };
            body.push_str(&format!(
                r#"(func (export "proxy_on_{name}") (param i32) {more} {code})"#
            ));
        }
    }
    engine().compile(&crate::common::guest(IMPORTS, &body)).unwrap().link().unwrap()
}

pub fn settings() -> Settings {
    Settings { clusters: vec!["known".to_owned()], ..Settings::default() }
}

/// A proxy with such a filter, and one exchange in it.
pub fn proxy(own: &[(&str, &str)], settings: Settings) -> (Proxy, ExchangeId) {
    let mut proxy = start(own, settings).unwrap();
    proxy.take_log();
    let id = proxy.open().unwrap();
    (proxy, id)
}

pub fn start(own: &[(&str, &str)], settings: Settings) -> Result<Proxy, StartError> {
    Proxy::start(&filter(own), settings, b"")
}

/// What was logged, joined by spaces.
pub fn log(proxy: &mut Proxy) -> String {
    let lines: Vec<String> = proxy.take_log().into_iter().map(|line| line.text).collect();
    lines.join(" ")
}

pub fn get() -> HeaderMap {
    HeaderMap::from([(":method", "GET"), (":path", "/"), ("x-name", "1")])
}

pub fn ok() -> HeaderMap {
    HeaderMap::from([(":status", "200")])
}
