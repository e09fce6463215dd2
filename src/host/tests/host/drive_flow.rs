//! How an exchange moves through a filter: order, holding, limits, ends.

use crate::drive::{filter, get, log, ok, proxy, settings};
use scopewarden_host::HeaderMap;
use scopewarden_host::drive::{Direction, Proxy, Settings, Violation};

const PAUSE: &str = "(i32.const 1)";

fn trailers() -> HeaderMap {
    HeaderMap::from([("t", "1")])
}

#[test]
fn what_a_filter_continues_goes_on_at_once() {
    let (mut proxy, id) = proxy(&[], settings());
    proxy.request_headers(id, get(), false);
    assert_eq!(proxy.exchange(id).upstream().head, Some(get()));
    proxy.request_body(id, b"abc", false);
    proxy.request_body(id, b"de", false);
    assert_eq!(proxy.exchange(id).upstream().chunks, [&b"abc"[..], b"de"]);
    proxy.request_trailers(id, trailers());
    let sent = proxy.exchange(id).upstream().clone();
    assert_eq!((sent.trailers, sent.ended), (Some(trailers()), true));

    proxy.response_headers(id, ok(), false);
    proxy.response_body(id, b"12", false);
    assert_eq!(proxy.exchange(id).downstream().body(), b"12");
    assert!(!proxy.exchange(id).is_over());
    proxy.response_body(id, b"", true);
    assert!(proxy.exchange(id).is_over() && proxy.exchange(id).downstream().ended);
    assert_eq!(log(&mut proxy), "H030 B030 B020 T010 h010 b020 b001 l000 d000 x000");
    assert_eq!(proxy.violations(), []);
    // Parts of what is over are dropped.
    proxy.response_body(id, b"late", true);
    proxy.request_body(id, b"late", true);
    assert_eq!(log(&mut proxy), "");
    assert!(proxy.take(id).is_some() && proxy.take(id).is_none());
}

#[test]
fn pause_accumulates_and_continue_releases_all() {
    let own = [
        ("request_headers", "(drop (call $poke (i32.const 0))) (i32.const 1)"),
        ("request_body", "(call $report (call $peek (i32.const 0))) (i32.eqz (local.get $end))"),
    ];
    let (mut proxy, id) = proxy(&own, settings());
    proxy.request_headers(id, get(), false);
    proxy.request_body(id, b"abc", false);
    proxy.request_body(id, b"de", false);
    assert_eq!(proxy.exchange(id).upstream().head, None);
    assert!(proxy.exchange(id).is_paused(Direction::Request) && !proxy.is_stuck(id));
    // The end of an HTTP/1 body is an empty piece.
    proxy.request_body(id, b"", true);
    assert_eq!(log(&mut proxy), "H030 B030 =0 B050 =0 B051 =0");
    let sent = proxy.exchange(id).upstream();
    assert_eq!(sent.head.as_ref().unwrap().get("x-name"), Some(&b"value"[..]));
    assert_eq!((sent.chunks.as_slice(), sent.ended), (&[b"abcde".to_vec()][..], true));
    assert_eq!(proxy.violations(), []);
}

#[test]
fn without_header_stop_iteration_the_body_waits_unseen() {
    let own = [
        ("request_headers", "(call $call) (i32.const 1)"),
        (
            "http_call_response",
            "(drop (call $effective (global.get $cx))) (drop (call $continue (i32.const 0)))",
        ),
    ];
    let (mut proxy, id) = proxy(&own, Settings { stop_on_headers: false, ..settings() });
    proxy.request_headers(id, get(), false);
    proxy.request_body(id, b"abc", false);
    proxy.request_body(id, b"de", true);
    assert_eq!(log(&mut proxy), "H030 =0");
    assert_eq!(proxy.exchange(id).upstream().head, None);
    let token = proxy.calls()[0].token;
    assert!(proxy.answer(token, Proxy::refused()));
    assert_eq!(log(&mut proxy), "a030 B051");
    assert_eq!(proxy.exchange(id).upstream().body(), b"abcde");
    assert!(proxy.exchange(id).upstream().ended);

    // Trailers wait behind the body.
    let id = proxy.open().unwrap();
    proxy.request_headers(id, get(), false);
    proxy.request_body(id, b"abc", false);
    proxy.request_trailers(id, trailers());
    let token = proxy.calls()[0].token;
    assert!(proxy.answer(token, Proxy::refused()));
    assert_eq!(log(&mut proxy), "H030 =0 a030 B030 T010");
}

#[test]
fn trailers_end_a_body_that_is_still_there_if_it_was_paused() {
    let show = ("request_trailers", "(call $show (i32.const 0)) (i32.const 0)");
    let (mut paused, id) = proxy(&[("request_body", PAUSE), show], settings());
    paused.request_headers(id, get(), false);
    paused.request_body(id, b"abc", false);
    paused.request_trailers(id, trailers());
    assert_eq!(log(&mut paused), "H030 B030 T010 abc");
    let sent = paused.exchange(id).upstream();
    assert_eq!((sent.body(), &sent.trailers), (b"abc".to_vec(), &Some(trailers())));
    assert!(sent.ended && paused.violations().is_empty());

    let (mut continued, id) = proxy(&[show], settings());
    continued.request_headers(id, get(), false);
    continued.request_body(id, b"abc", false);
    continued.request_trailers(id, trailers());
    assert_eq!(log(&mut continued), "H030 B030 T010 =1", "nothing to inspect any more");
    assert!(matches!(continued.violations(), [(Some(_), Violation::BodyNotAccessible(_))]));
}

#[test]
fn a_body_is_replaced_while_it_is_held() {
    let own = [
        ("request_headers", PAUSE),
        (
            "request_body",
            "(if (local.get $end) (then (call $report (call $write (i32.const 0) (i32.const 0)
               (local.get $n) (i32.const 64) (i32.const 5)))))
             (i32.eqz (local.get $end))",
        ),
    ];
    let (mut proxy, id) = proxy(&own, settings());
    let mut headers = get();
    headers.add("content-length", "3");
    proxy.request_headers(id, headers, false);
    proxy.request_body(id, b"abc", true);
    assert_eq!(proxy.exchange(id).upstream().body(), b"known");
    let [(Some(found), Violation::ContentLength { direction, declared, sent })] =
        proxy.violations()
    else {
        panic!("{:?}", proxy.violations())
    };
    assert_eq!((*found, *direction), (id, Direction::Request));
    assert_eq!((declared.as_slice(), *sent), (&b"3"[..], 5));
}

#[test]
fn headers_are_out_of_reach_once_they_have_gone() {
    let own = [
        (
            "request_body",
            "(call $report (call $peek (i32.const 0))) (call $report (call $poke (i32.const 0)))
             (i32.const 0)",
        ),
        ("response_headers", "(call $report (call $peek (i32.const 0))) (i32.const 0)"),
        (
            "log",
            "(call $report (call $peek (i32.const 0))) (call $report (call $poke (i32.const 0)))",
        ),
    ];
    let (mut proxy, id) = proxy(&own, settings());
    proxy.request_headers(id, get(), false);
    proxy.request_body(id, b"a", true);
    proxy.response_headers(id, ok(), true);
    assert_eq!(log(&mut proxy), "H030 B011 =2 =2 h011 =2 l000 =0 =2 d000 x000");
    let map = scopewarden_host::MapType::HttpRequestHeaders;
    let found: Vec<_> = proxy.violations().iter().map(|(_, violation)| violation.clone()).collect();
    let gone = Violation::HeadersNotAccessible(map);
    assert_eq!(found, [gone.clone(), gone.clone(), gone, Violation::HeadersNotWritable(map)]);
}

#[test]
fn resuming_is_for_what_is_paused_and_from_elsewhere() {
    let resume = "(drop (call $continue (i32.const 0)))";
    let own = [("response_headers", format!("{resume} (i32.const 0)"))];
    let own = own.each_ref().map(|(name, code)| (*name, code.as_str()));
    let (mut twice, id) = proxy(&own, settings());
    twice.request_headers(id, get(), true);
    twice.response_headers(id, ok(), true);
    let request = Direction::Request;
    assert_eq!(twice.violations(), [(Some(id), Violation::ResumeWhileNotPaused(request))]);

    let own = [("request_headers", format!("{resume} (i32.const 1)"))];
    let own = own.each_ref().map(|(name, code)| (*name, code.as_str()));
    let (mut inside, id) = proxy(&own, settings());
    inside.request_headers(id, get(), true);
    assert_eq!(inside.violations(), [(Some(id), Violation::ResumeInsideCallback(request))]);
    assert!(inside.is_stuck(id));
}

#[test]
fn behind_a_watermark_each_piece_is_shown_once() {
    let (mut proxy, id) =
        proxy(&[("request_headers", PAUSE), ("request_body", "(i32.const 2)")], settings());
    proxy.request_headers(id, get(), false);
    proxy.request_body(id, b"abc", false);
    proxy.request_body(id, b"de", true);
    assert_eq!(proxy.exchange(id).upstream().head, None);
    assert_eq!(log(&mut proxy), "H030 B030 B021");
}

#[test]
fn waiting_for_a_body_that_is_not_there_is_stuck() {
    let (mut proxy, id) = proxy(&[("request_headers", PAUSE)], settings());
    proxy.request_headers(id, get(), true);
    assert!(proxy.is_stuck(id));
    proxy.disconnect(id);
    assert!(!proxy.is_stuck(id) && proxy.exchange(id).is_over());
    assert_eq!(proxy.exchange(id).upstream().head, None);
    assert_eq!(log(&mut proxy), "H031 l000 d000 x000");
}

#[test]
fn a_client_may_leave_before_it_has_said_anything() {
    let (mut proxy, id) = proxy(&[], settings());
    proxy.disconnect(id);
    assert_eq!(log(&mut proxy), "l000 d000 x000");
}

#[test]
fn a_request_over_the_limit_is_refused_by_the_proxy() {
    let own = [("request_headers", PAUSE), ("request_body", PAUSE)];
    let (mut proxy, id) = proxy(&own, Settings { request_limit: 4, ..settings() });
    proxy.request_headers(id, get(), false);
    proxy.request_body(id, b"abcd", false);
    assert_eq!(proxy.exchange(id).local_response(), None);
    proxy.request_body(id, b"e", false);
    // No further body callback; the proxy's own answer passes the response callbacks.
    assert_eq!(log(&mut proxy), "H030 B040 h030 b171 l000 d000 x000");
    let exchange = proxy.exchange(id);
    assert_eq!(exchange.local_response().unwrap().details, b"request_payload_too_large");
    assert_eq!(exchange.downstream().head.as_ref().unwrap().get(":status"), Some(&b"413"[..]));
    assert_eq!(exchange.upstream().head, None);

    let id = proxy.open().unwrap();
    proxy.request_headers(id, get(), false);
    proxy.request_body(id, b"abcde", false);
    assert_eq!(proxy.exchange(id).local_response().unwrap().status, 413, "in the first piece");
}

#[test]
fn a_response_over_the_limit_is_a_500_or_a_cut() {
    let limit = || Settings { response_limit: 4, ..settings() };
    let (mut held, id) = proxy(&[("response_headers", PAUSE), ("response_body", PAUSE)], limit());
    held.request_headers(id, get(), true);
    held.response_headers(id, ok(), false);
    held.response_body(id, b"abcde", false);
    let exchange = held.exchange(id);
    assert_eq!(exchange.downstream().head.as_ref().unwrap().get(":status"), Some(&b"500"[..]));
    assert!(exchange.downstream().ended && !exchange.is_reset());
    assert_eq!(log(&mut held), "H031 h010 b050 l000 d000 x000", "no callbacks for the 500");

    let (mut gone, id) = proxy(&[("response_body", PAUSE)], limit());
    gone.request_headers(id, get(), true);
    gone.response_headers(id, ok(), false);
    gone.response_body(id, b"abcde", false);
    let exchange = gone.exchange(id);
    assert!(exchange.is_reset() && exchange.is_over() && !exchange.downstream().ended);
    assert_eq!(exchange.downstream().body(), b"");
}

#[test]
fn closing_a_stream_cuts_it() {
    let own = [("response_body", "(drop (call $close (i32.const 1))) (i32.const 0)")];
    let (mut proxy, id) = proxy(&own, settings());
    proxy.request_headers(id, get(), true);
    proxy.response_headers(id, ok(), false);
    proxy.response_body(id, b"secret", false);
    let exchange = proxy.exchange(id);
    assert!(exchange.is_reset() && exchange.is_over());
    assert_eq!(exchange.downstream().body(), b"");
}

#[test]
fn a_field_that_splits_the_message_is_seen() {
    // The filter writes `value`; here that has a line break in it.
    let own = [(
        "response_headers",
        "(i32.store8 (i32.const 83) (i32.const 10)) (drop (call $poke (i32.const 2)))
         (i32.const 0)",
    )];
    let (mut proxy, id) = proxy(&own, settings());
    proxy.request_headers(id, get(), true);
    proxy.response_headers(id, ok(), true);
    let injection =
        Violation::HeaderInjection { direction: Direction::Response, name: b"x-name".to_vec() };
    assert_eq!(proxy.violations(), [(Some(id), injection)]);
}

/// A filter that pauses by chance, and lets go at the end, changes nothing on its way.
#[test]
fn no_pattern_of_pauses_loses_or_doubles_a_byte() {
    let chance = "(drop (call $random (i32.const 300) (i32.const 1)))
        (i32.and (i32.const 1) (i32.load8_u (i32.const 300)))";
    let unless_end =
        format!("(if (result i32) (local.get $end) (then (i32.const 0)) (else {chance}))");
    let names = ["request_headers", "request_body", "response_headers", "response_body"];
    let linked = filter(&names.map(|name| (name, unless_end.as_str())));
    for seed in 0..200 {
        let settings = Settings { seed, ..settings() };
        let mut proxy = Proxy::start(&linked, settings, b"").unwrap();
        let id = proxy.open().unwrap();
        let by_trailers = seed % 2 == 0;
        proxy.request_headers(id, get(), false);
        for piece in [&b"ab"[..], b"", b"c"] {
            proxy.request_body(id, piece, false);
        }
        if by_trailers {
            proxy.request_trailers(id, trailers());
        } else {
            proxy.request_body(id, b"de", true);
        }
        let body = if by_trailers { &b"abc"[..] } else { b"abcde" };
        let sent = proxy.exchange(id).upstream().clone();
        assert_eq!((sent.head, sent.ended), (Some(get()), true), "seed {seed}");
        assert_eq!(sent.trailers.is_some(), by_trailers);
        assert_eq!(sent.chunks.concat(), body, "seed {seed}");

        proxy.response_headers(id, ok(), false);
        proxy.response_body(id, b"123", false);
        proxy.response_body(id, b"45", true);
        let exchange = proxy.exchange(id);
        assert_eq!(exchange.downstream().body(), b"12345", "seed {seed}");
        assert!(exchange.is_over() && proxy.violations().is_empty(), "seed {seed}");
    }
}
