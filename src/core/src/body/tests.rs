use super::*;
use crate::operation::Pointer;

fn plan(pointers: &[&str]) -> Plan {
    let mut plan = Plan::default();
    for (id, text) in pointers.iter().enumerate() {
        plan.add(id, &Pointer::parse(text).unwrap());
    }
    plan
}

fn reason(body: &[u8], pointers: &[&str]) -> Reason {
    read(body, &plan(pointers)).unwrap_err().reason
}

#[test]
fn facts_are_read_where_the_plan_looks() {
    let facts = read(
        br#"{"model":"gpt-4o","stream":true,"n":2,"x":{"model":"no"},"input":[{"type":"a"},{"type":"b"}],"big":18446744073709551615}"#,
        &plan(&["/model", "/stream", "/n", "/input/*/type", "/input", "/absent", "/big"]),
    )
    .unwrap();
    assert_eq!(facts.one(0), Some(&Fact::Text("gpt-4o".into())));
    assert_eq!(facts.one(1), Some(&Fact::Bool(true)));
    assert_eq!(facts.one(2), Some(&Fact::Integer(2)));
    assert_eq!(facts.all(3).count(), 2);
    assert_eq!(facts.one(3), None, "two values are not one");
    assert_eq!(facts.one(4), Some(&Fact::Other));
    assert_eq!(facts.one(5), None);
    assert_eq!(facts.one(6), Some(&Fact::Other), "beyond i64");
}

#[test]
fn escapes_are_decoded_in_names_and_values() {
    let facts = read(br#"{"mod\u0065l":"\u0067pt"}"#, &plan(&["/model"])).unwrap();
    assert_eq!(facts.one(0), Some(&Fact::Text("gpt".into())));
}

#[test]
fn b1_duplicate_members_refuse_at_every_depth() {
    assert_eq!(reason(br#"{"model":"a","model":"b"}"#, &["/model"]), Reason::JsonDuplicateKey);
    assert_eq!(reason(br#"{"model":"a","mod\u0065l":"b"}"#, &["/model"]), Reason::JsonDuplicateKey);
    assert_eq!(reason(br#"{"x":[{"y":{"k":1,"k":2}}]}"#, &[]), Reason::JsonDuplicateKey);
    let many: String = (0..100).map(|n| format!("\"k{n}\":0,")).collect();
    assert_eq!(reason(format!("{{{many}\"k7\":1}}").as_bytes(), &[]), Reason::JsonDuplicateKey);
    assert!(
        read(br#"{"a":{"k":1},"b":{"k":1},"k":1}"#, &plan(&[])).is_ok(),
        "siblings may share names"
    );
}

#[test]
fn b2_other_spellings_of_read_members_refuse() {
    for body in [
        r#"{"model":"a","Model":"b"}"#,
        r#"{"MODEL":"b"}"#,
        "{\"\u{212a}ey\":1}",
        "{\"u\u{17f}er\":1}",
    ] {
        assert_eq!(
            reason(body.as_bytes(), &["/model", "/key", "/user"]),
            Reason::JsonAmbiguousKey,
            "{body}"
        );
    }
    assert!(read(br#"{"Other":1,"other":2}"#, &plan(&["/model"])).is_ok());
}

#[test]
fn b3_only_utf8_without_a_mark() {
    let utf16: Vec<u8> = "{\"model\":\"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [&b"\xef\xbb\xbf{}"[..], &utf16, b"{\"a\":\"\xff\"}", b"{\"\xc0\xaf\":1}"] {
        assert_eq!(reason(body, &["/model"]), Reason::JsonNotUtf8, "{body:?}");
    }
}

#[test]
fn b3_a_nul_byte_is_nowhere_in_json() {
    let body = br#"{"model":"x", "n":[1,-2.5e3,true,null,"\n"]}"#;
    assert!(read(body, &plan(&["/model"])).is_ok());
    for at in 0..=body.len() {
        let mut with_nul = body.to_vec();
        with_nul.insert(at, 0);
        assert_eq!(reason(&with_nul, &["/model"]), Reason::JsonNotUtf8, "at {at}");
    }
}

#[test]
fn b8_to_b12_only_json() {
    for body in [
        "",
        "{",
        "{}x",
        "{} {}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":NaN}",
        "{\"a\":1e400}",
        "{\"a\":\"\\ud800\"}",
        "//c\n{}",
        "{\"a\":\"\n\"}",
        "{\"a\":01}",
        "{\"a\":Infinity}",
    ] {
        assert_eq!(reason(body.as_bytes(), &[]), Reason::JsonMalformed, "{body}");
    }
    for body in ["[]", "null", "1", "\"s\""] {
        assert_eq!(reason(body.as_bytes(), &[]), Reason::FieldInvalid, "{body}");
    }
}

#[test]
fn b11_depth_is_bounded() {
    let nest = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(read(nest(limits::MAX_JSON_DEPTH - 1).as_bytes(), &plan(&[])).is_ok());
    assert_eq!(reason(nest(limits::MAX_JSON_DEPTH).as_bytes(), &[]), Reason::JsonTooComplex);
    assert_eq!(reason("[".repeat(100_000).as_bytes(), &[]), Reason::JsonTooComplex);
}

#[test]
fn too_many_values_and_members_refuse() {
    let values: String = std::iter::repeat_n("{\"t\":1},", limits::MAX_FACT_VALUES + 1).collect();
    let body = format!("{{\"x\":[{}{{}}]}}", values);
    assert_eq!(reason(body.as_bytes(), &["/x/*/t"]), Reason::JsonTooComplex);
    let members: String = (0..=limits::MAX_JSON_MEMBERS).map(|n| format!("\"{n}\":0,")).collect();
    assert_eq!(reason(format!("{{{members}\"z\":0}}").as_bytes(), &[]), Reason::JsonTooComplex);
}

#[test]
fn a_value_too_many_refuses_wherever_it_is() {
    let body = |n: usize| {
        let values = vec!["1"; n].join(",");
        format!("{{\"x\":[{values}],\"model\":\"m\",\"user\":\"bob\"}}")
    };
    let pointers = ["/x/*", "/model", "/user"];
    let facts = read(body(limits::MAX_FACT_VALUES - 2).as_bytes(), &plan(&pointers)).unwrap();
    assert_eq!(facts.one(2), Some(&Fact::Text("bob".into())));
    let one_more = body(limits::MAX_FACT_VALUES - 1);
    assert_eq!(reason(one_more.as_bytes(), &pointers), Reason::JsonTooComplex);
}

#[test]
fn b14_envelopes() {
    let ok = |body: &str| read_rpc(body.as_bytes(), &plan(&["/params/name"])).unwrap();
    let (facts, envelope) =
        ok(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"rm"}}"#);
    assert_eq!(envelope, Envelope::Request { method: "tools/call".into(), id: RpcId::Integer(7) });
    assert_eq!(facts.one(0), Some(&Fact::Text("rm".into())));
    assert_eq!(
        ok(r#"{"jsonrpc":"2.0","method":"x"}"#).1,
        Envelope::Notification { method: "x".into() }
    );
    assert_eq!(ok(r#"{"jsonrpc":"2.0","id":"a","result":{}}"#).1, Envelope::Response);

    let bad = |body: &str| read_rpc(body.as_bytes(), &plan(&["/params/name"])).unwrap_err().reason;
    for body in [
        r#"{"id":1,"method":"x"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#,
        r#"{"jsonrpc":"2.0","id":[1],"method":"x"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
    ] {
        assert_eq!(bad(body), Reason::JsonRpcInvalid, "{body}");
    }
    assert_eq!(bad(r#"[{"jsonrpc":"2.0","id":1,"method":"x"}]"#), Reason::JsonRpcBatch);
    assert_eq!(
        bad(r#"{"jsonrpc":"2.0","id":1,"method":"x","Method":"y"}"#),
        Reason::JsonAmbiguousKey
    );
    assert_eq!(
        bad(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"Name":"y"}}"#),
        Reason::JsonAmbiguousKey
    );
}

#[test]
fn only_the_top_of_a_message_is_its_envelope() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"method":"rm","Method":1,"id":2,"error":{}}}"#;
    let (_, envelope) = read_rpc(body.as_bytes(), &plan(&[])).unwrap();
    assert_eq!(envelope, Envelope::Request { method: "ping".into(), id: RpcId::Integer(1) });
}

#[test]
fn refusals_of_a_message_say_which_member_is_wrong() {
    for (body, expected) in [
        (r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, "`jsonrpc` is not \"2.0\""),
        (r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#, "`id` is neither a string nor an integer"),
        (r#"{"jsonrpc":"2.0","id":1,"method":["x"]}"#, "`method` is not a string"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":null,"result":{}}"#,
            "neither a request, a notification nor a response",
        ),
    ] {
        assert_eq!(read_rpc(body.as_bytes(), &plan(&[])).unwrap_err().detail, expected, "{body}");
    }
}

#[test]
fn the_id_is_found_whatever_else_is_wrong() {
    assert_eq!(rpc_id(br#"{"id":7}"#), Some(RpcId::Integer(7)));
    assert_eq!(rpc_id(br#"{"method":7,"id":"x"}"#), Some(RpcId::Text("x".into())));
    for body in [r#"{"id":null}"#, r#"{"id":[7]}"#, r#"{"id":7"#, r#"[{"id":7}]"#, "{}"] {
        assert_eq!(rpc_id(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn content_types() {
    let check = |ct: &str| check_content(Some(ct.as_bytes()), None);
    for ok in [
        "application/json",
        "APPLICATION/JSON; charset=UTF-8",
        "application/vnd.api+json",
        "application/geo+json; a=b",
    ] {
        assert_eq!(check(ok), Ok(()), "{ok}");
    }
    for bad in [
        "text/plain",
        "application/json; charset=utf-16",
        "text/json",
        "text/x+json",
        "application/xml",
        "multipart/form-data",
        "application/json; charset=utf-8; charset=utf-16",
    ] {
        assert_eq!(check(bad), Err(Reason::ContentType), "{bad}");
    }
    for joined in [
        "application/json,text/plain",
        "application/json; x=1, text/plain",
        "application/json; charset=utf-8,application/json",
    ] {
        assert_eq!(check(joined), Err(Reason::HeaderAmbiguous), "{joined}");
    }
    assert_eq!(check_content(None, None), Err(Reason::ContentType));
    assert_eq!(check_content(Some(b"application/json"), Some(b"gzip")), Err(Reason::BodyEncoded));
    assert_eq!(check_content(Some(b"application/json"), Some(b"identity")), Ok(()));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body: Vec<u8>) {
        let _ = read(&body, &plan(&["/model", "/a/*/b"]));
        let _ = read_rpc(&body, &plan(&["/params/name"]));
        let _ = rpc_id(&body);
    }
}
