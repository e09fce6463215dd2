//! Local replies, calls, timers, faults and updates.

use crate::drive::{filter, get, log, ok, proxy, settings, start};
use scopewarden_host::drive::{Direction, Proxy, Settings, StartError};
use scopewarden_host::{CallResponse, Cause, HeaderMap};
use std::time::Duration;

const DENY: &str = "(call $deny) (i32.const 0)";
const RESUME: (&str, &str) = (
    "http_call_response",
    "(call $report (call $effective (global.get $cx))) (drop (call $continue (i32.const 0)))",
);
const CALL: (&str, &str) = ("request_headers", "(call $call) (i32.const 1)");

fn status(headers: Option<&HeaderMap>) -> String {
    let status = headers.and_then(|h| h.get(":status")).unwrap_or_default();
    String::from_utf8_lossy(status).into_owned()
}

#[test]
fn a_denied_request_never_reaches_the_upstream() {
    // Whatever the callback returns.
    for code in [DENY, "(call $deny) (i32.const 1)"] {
        let (mut proxy, id) = proxy(&[("request_headers", code)], settings());
        proxy.request_headers(id, get(), false);
        proxy.request_body(id, b"late", true);
        let exchange = proxy.exchange(id);
        assert_eq!(exchange.upstream(), &Default::default());
        assert_eq!(exchange.local_response().unwrap().details, b"rule");
        assert_eq!(status(exchange.downstream().head.as_ref()), "403");
        assert_eq!(exchange.downstream().body(), b"no");
        assert!(exchange.is_over() && !exchange.is_reset());
        assert_eq!(log(&mut proxy), "H030 =0 h030 b021 l000 d000 x000");
        assert_eq!(proxy.violations(), []);
    }
}

#[test]
fn a_reply_to_head_and_grpc_has_no_body() {
    let (mut proxy, id) = proxy(&[("request_headers", DENY)], settings());
    proxy.request_headers(id, HeaderMap::from([(":method", "HEAD")]), true);
    assert_eq!(status(proxy.exchange(id).downstream().head.as_ref()), "403");
    assert_eq!(proxy.exchange(id).downstream().body(), b"");

    let id = proxy.open().unwrap();
    let grpc = [(":method", "POST"), ("content-type", "application/grpc+proto")];
    proxy.request_headers(id, HeaderMap::from(grpc), false);
    let head = proxy.exchange(id).downstream().head.clone().unwrap();
    assert_eq!(status(Some(&head)), "200");
    assert_eq!(head.get("grpc-status"), Some(&b"7"[..]));
    assert_eq!(head.get("grpc-message"), Some(&b"no"[..]));
    assert!(proxy.exchange(id).downstream().ended);
    assert_eq!(proxy.violations(), []);
}

#[test]
fn a_response_is_replaced_while_its_head_is_held_and_cut_after() {
    let (mut held, id) =
        proxy(&[("response_headers", "(i32.const 1)"), ("response_body", DENY)], settings());
    held.request_headers(id, get(), true);
    held.response_headers(id, ok(), false);
    held.response_body(id, b"secret", false);
    let exchange = held.exchange(id);
    assert_eq!(status(exchange.downstream().head.as_ref()), "403");
    assert_eq!(exchange.downstream().body(), b"no");
    assert_eq!(log(&mut held), "H031 h010 b060 =0 l000 d000 x000");

    let (mut gone, id) = proxy(&[("response_body", DENY)], settings());
    gone.request_headers(id, get(), true);
    gone.response_headers(id, ok(), false);
    gone.response_body(id, b"secret", false);
    let exchange = gone.exchange(id);
    assert!(exchange.is_reset());
    assert_eq!(exchange.downstream().body(), b"");
}

#[test]
fn a_call_holds_a_request_until_its_answer() {
    let (mut proxy, id) = proxy(&[CALL, RESUME], settings());
    proxy.request_headers(id, get(), true);
    assert!(proxy.exchange(id).is_paused(Direction::Request) && !proxy.is_stuck(id));
    assert_eq!(proxy.calls()[0].call.upstream, b"known");
    let token = proxy.calls()[0].token;
    assert!(proxy.answer(token, CallResponse::default()));
    assert!(!proxy.answer(token, CallResponse::default()), "once only");
    assert!(proxy.exchange(id).upstream().ended);
    assert_eq!(log(&mut proxy), "H031 =0 a000 =0");
    assert_eq!(proxy.violations(), []);
}

#[test]
fn a_call_to_nowhere_is_refused_at_once() {
    let (mut proxy, id) = proxy(&[CALL, RESUME], Settings::default());
    proxy.request_headers(id, get(), true);
    assert_eq!(log(&mut proxy), "H031 =2");
    assert!(proxy.calls().is_empty() && proxy.is_stuck(id));
}

#[test]
fn a_call_outlives_its_exchange() {
    let (mut proxy, id) = proxy(&[CALL, RESUME], settings());
    proxy.request_headers(id, get(), true);
    proxy.disconnect(id);
    let token = proxy.calls()[0].token;
    assert!(proxy.answer(token, Proxy::refused()));
    assert_eq!(log(&mut proxy), "H031 =0 l000 d000 x000 a030 =2", "its context is gone");
    assert_eq!(proxy.exchange(id).upstream().head, None);
}

#[test]
fn the_clock_brings_timers_and_timeouts_in_order() {
    let own = [
        CALL,
        RESUME,
        ("configure", "(drop (call $tick (i32.const 400))) (i32.const 1)"),
        ("tick", "(call $say (i32.const 116) (i32.const 0) (i32.const 0))"),
    ];
    let (mut proxy, id) = proxy(&own, settings());
    let start = proxy.now();
    proxy.advance(Duration::from_millis(399));
    assert_eq!(log(&mut proxy), "");
    proxy.request_headers(id, get(), true);
    assert!(!proxy.is_stuck(id));
    proxy.advance(Duration::from_millis(1000));
    assert_eq!(log(&mut proxy), "H031 =0 t000 t000 t000 a030 =0");
    assert_eq!(proxy.now(), start + Duration::from_millis(1399));
    assert!(proxy.exchange(id).upstream().ended);
}

#[test]
fn a_timer_resumes_in_the_name_of_an_exchange() {
    let own = [
        ("configure", "(drop (call $tick (i32.const 1000))) (i32.const 1)"),
        ("request_headers", "(i32.const 1)"),
        (
            "tick",
            "(drop (call $effective (global.get $cx))) (drop (call $continue (i32.const 0)))
             (drop (call $tick (i32.const 0)))",
        ),
    ];
    let (mut proxy, id) = proxy(&own, settings());
    proxy.request_headers(id, get(), true);
    proxy.advance(Duration::from_secs(5));
    assert!(proxy.exchange(id).upstream().ended);
    assert_eq!(proxy.violations(), [], "the timer was stopped after its first time");
}

/// Traps on a request without a body; holds others.
const FRAGILE: [(&str, &str); 1] =
    [("request_headers", "(if (local.get $end) (then unreachable)) (i32.const 1)")];

#[test]
fn after_a_fault_everything_is_refused() {
    let (mut proxy, held) = proxy(&FRAGILE, settings());
    proxy.request_headers(held, get(), false);
    let bad = proxy.open().unwrap();
    proxy.request_headers(bad, get(), true);
    assert_eq!(proxy.fault().unwrap().cause, Cause::Trap);
    assert_eq!(status(proxy.exchange(bad).downstream().head.as_ref()), "503");
    assert_eq!(proxy.exchange(bad).local_response().unwrap().details, b"wasm_fail_stream");
    assert!(proxy.exchange(bad).is_over() && proxy.is_stuck(held));
    assert_eq!(log(&mut proxy), "H030 H031", "no log of a dead VM's exchanges");
    // The held one is refused when it moves, new ones at once.
    proxy.request_body(held, b"x", true);
    let next = proxy.open().unwrap();
    proxy.request_headers(next, get(), false);
    for id in [held, next] {
        assert_eq!(status(proxy.exchange(id).downstream().head.as_ref()), "503");
        assert_eq!(proxy.exchange(id).upstream().head, None);
    }
}

#[test]
fn with_reload_the_next_exchange_gets_a_new_vm() {
    let (mut proxy, held) = proxy(&FRAGILE, Settings { reload: true, ..settings() });
    proxy.request_headers(held, get(), false);
    let bad = proxy.open().unwrap();
    proxy.request_headers(bad, get(), true);
    let next = proxy.open().unwrap();
    assert_eq!(proxy.fault(), None);
    proxy.request_headers(next, get(), false);
    assert!(proxy.exchange(next).is_paused(Direction::Request));
    assert_eq!(log(&mut proxy), "H030 H031 c000 H030");
    // The exchange of the old VM is not the new VM's.
    proxy.request_body(held, b"x", true);
    assert_eq!(status(proxy.exchange(held).downstream().head.as_ref()), "503");
    assert_eq!(log(&mut proxy), "");
}

#[test]
fn a_fault_in_the_response_is_a_503_or_a_cut() {
    let own = [("response_body", "unreachable"), ("response_headers", "(i32.const 1)")];
    let (mut held, id) = proxy(&own, settings());
    held.request_headers(id, get(), true);
    held.response_headers(id, ok(), false);
    held.response_body(id, b"secret", true);
    assert_eq!(status(held.exchange(id).downstream().head.as_ref()), "503");
    assert_eq!(held.exchange(id).downstream().body(), b"");

    let (mut gone, id) = proxy(&own[..1], settings());
    gone.request_headers(id, get(), true);
    gone.response_headers(id, ok(), false);
    gone.response_body(id, b"secret", true);
    assert!(gone.exchange(id).is_reset());
    assert_eq!(gone.exchange(id).downstream().body(), b"");
}

#[test]
fn an_update_keeps_open_exchanges_and_ends_the_old_root_after_them() {
    // Refuses a configuration of three bytes; roots take their time to end.
    let own = [
        ("configure", "(i32.ne (local.get $n) (i32.const 3))"),
        ("done", "(i32.eq (local.get $id) (global.get $cx))"),
        ("response_headers", "(i32.const 0)"),
    ];
    let (mut proxy, open) = proxy(&own, settings());
    proxy.request_headers(open, get(), true);
    let refused = proxy.reconfigure(b"bad");
    assert!(matches!(&refused, Err(StartError::Refused(log)) if !log.is_empty()), "{refused:?}");
    assert_eq!(log(&mut proxy), "H031 c030 x000");
    proxy.reconfigure(b"good").unwrap();
    assert_eq!(log(&mut proxy), "c040");
    proxy.response_headers(open, ok(), true);
    assert_eq!(log(&mut proxy), "h011 l000 d000 x000 d000", "the exchange, then its root");
    let next = proxy.open().unwrap();
    proxy.request_headers(next, get(), true);
    assert_eq!(log(&mut proxy), "H031");
}

#[test]
fn a_root_that_takes_its_time_is_deleted_when_it_is_done() {
    let own = [
        ("configure", "(drop (call $tick (i32.const 100))) (i32.const 1)"),
        ("done", "(i32.const 0)"),
        ("tick", "(call $report (call $done))"),
    ];
    let mut proxy = start(&own, settings()).unwrap();
    proxy.reconfigure(b"").unwrap();
    assert_eq!(log(&mut proxy), "c000 c000 d000");
    proxy.advance(Duration::from_millis(250));
    assert_eq!(log(&mut proxy), "=0 x000 =1 =1", "the old root once, the new one twice");
}

#[test]
fn a_filter_that_refuses_its_configuration_does_not_start() {
    let own = [("configure", "(i32.const 0)")];
    let refused = match start(&own, settings()) {
        Err(StartError::Refused(log)) => log,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    };
    assert_eq!(refused[0].text, "c000");
    let trapped = start(&[("configure", "unreachable")], settings()).err().unwrap();
    assert!(matches!(&trapped, StartError::Fault(fault) if fault.cause == Cause::Trap));
}

#[test]
fn workers_share_data_and_log_lines_know_their_exchange() {
    let own = [
        (
            "configure",
            "(drop (call $register (i32.const 64) (i32.const 5) (i32.const 28))) (i32.const 1)",
        ),
        (
            "request_headers",
            "(call $report (call $push (i32.load (i32.const 28)) (i32.const 64) (i32.const 1))) (i32.const 0)",
        ),
        ("queue_ready", "(call $say (i32.const 113) (i32.const 0) (i32.const 0))"),
    ];
    let linked = filter(&own);
    let shared = scopewarden_host::shared::Store::default();
    let worker = || {
        let settings = Settings { shared: shared.clone(), ..settings() };
        Proxy::start(&linked, settings, b"").unwrap()
    };
    let (mut first, mut second) = (worker(), worker());
    let id = first.open().unwrap();
    log(&mut first);
    log(&mut second);
    first.request_headers(id, get(), true);
    let lines = first.take_log();
    assert!(lines.iter().all(|line| line.exchange == Some(id)), "{lines:?}");
    assert_eq!(log(&mut second), "", "an item wakes its consumer in the same worker only");
    assert_eq!(shared.resolve_queue(b"", b"known"), Ok(1));
    assert_eq!(shared.dequeue(1), Ok(b"k".to_vec()));
}

#[test]
fn properties_functions_queues_and_random_bytes() {
    let own = [
        (
            "configure",
            "(drop (call $register (i32.const 64) (i32.const 5) (i32.const 28))) (i32.const 1)",
        ),
        ("queue_ready", "(call $say (i32.const 113) (i32.const 0) (i32.const 0))"),
        (
            "request_headers",
            r#"(drop (call $property (i32.const 75) (i32.const 6) (i32.const 81) (i32.const 5)))
               (call $report (call $foreign (i32.const 64) (i32.const 5) (i32.const 81) (i32.const 5)
                 (i32.const 16) (i32.const 20)))
               (drop (call $log (i32.const 2) (i32.load (i32.const 16)) (i32.load (i32.const 20))))
               (drop (call $push (i32.load (i32.const 28)) (i32.const 64) (i32.const 1)))
               (drop (call $random (i32.const 300) (i32.const 11)))
               (drop (call $log (i32.const 2) (i32.const 300) (i32.const 11)))
               (i32.const 0)"#,
        ),
    ];
    let run = |seed| {
        let mut settings = Settings { seed, ..settings() };
        settings.foreign.insert("known".to_owned(), Box::new(|argument| Ok(argument.to_vec())));
        let (mut proxy, id) = proxy(&own, settings);
        proxy.request_headers(id, get(), true);
        assert_eq!(proxy.exchange(id).property("x-name"), Some(&b"value"[..]));
        log(&mut proxy)
    };
    let first = run(1);
    assert!(first.starts_with("H031 =0 value ") && first.ends_with(" q000"), "{first}");
    assert_eq!(run(1), first);
    assert_ne!(run(2), first);
}
