use super::*;

fn parse(body: &str) -> Result<Pack, Vec<String>> {
    Pack::parse(&format!("@pack demo\n@protocol rest\n{body}"))
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn fails(body: &str, expected: &[&str]) {
    assert_eq!(parse(body).map(|p| p.entries.len()).unwrap_err(), expected, "{body}");
}

fn fact(name: FactName, pointer: &str) -> Fact {
    Fact { name, source: Source::Body(Pointer::parse(pointer).unwrap()) }
}

#[test]
fn reads_every_column_and_attribute() {
    let pack = parse(
        "# comment\n\
         @jsonrpc POST /rpc\n\
         \n\
         POST /runs/{id} runs.start infer demo:run model=/model stream=/stream over=runs.get\n\
         GET  /runs/{id} runs.get   read  public   agent={id}\n\
         WS   /live      live       infer demo:run model=?model\n\
         RPC  tools/call tools.call execute demo:call\n\
         \x20 tool=/params/name\n\
         # a comment between\n\
         \t arguments=/params/arguments\n\
         RPC  <response> respond write demo:respond\n\
         PUT  /blob      blob       write demo:blob body=multipart\n",
    )
    .unwrap();
    assert_eq!((pack.name.as_str(), pack.protocol), ("demo", Protocol::Rest));
    assert_eq!(pack.jsonrpc, [(Method::Post, Template::parse("/rpc").unwrap())]);
    let [start, get, live, call, respond, blob] = &pack.entries[..] else { panic!("{pack:?}") };

    assert_eq!(start.target.to_string(), "POST /runs/{id}");
    assert_eq!((start.tier, start.line, start.body), (Tier::Infer, 6, BodyKind::Json));
    assert_eq!(start.access.scope(), Some("demo:run"));
    assert_eq!(start.facts, [fact(FactName::Model, "/model"), fact(FactName::Stream, "/stream")]);
    assert_eq!((&start.over[..], &start.when), (&["runs.get".to_owned()][..], &None));
    assert_eq!(pack.full_id(start), "demo.runs.start");

    assert_eq!((&get.access, get.body), (&Access::Public, BodyKind::None));
    assert_eq!(get.facts[0].source, Source::Path("id".to_owned()));
    assert_eq!(live.target, Target::Http(Method::WebSocket, Template::parse("/live").unwrap()));
    assert_eq!(live.facts[0].source, Source::Query("model".to_owned()));
    assert_eq!((call.facts.len(), call.line, call.body), (2, 9, BodyKind::Json));
    assert_eq!((&respond.target, respond.body), (&Target::RpcResponse, BodyKind::Json));
    assert_eq!(blob.body, BodyKind::Multipart);
}

#[test]
fn a_variant_reads_the_body_of_its_base_and_keeps_its_facts() {
    let pack = parse("POST /r r.create infer demo:a\n").unwrap();
    assert_eq!(pack.entries[0].body, BodyKind::Opaque);

    let pack = parse(
        "POST /r r.create infer demo:a stream=/stream\n\
         POST /r r.approve execute demo:b when=/id when=/input/*/type:approval\n",
    )
    .unwrap();
    let [base, by_id, by_type] = &pack.entries[..] else { panic!("{pack:?}") };
    assert_eq!(
        (base.body, by_id.body, by_type.body),
        (BodyKind::Json, BodyKind::Json, BodyKind::Json)
    );
    assert_eq!(by_id.facts, [fact(FactName::Stream, "/stream")]);
    let when = |pointer, equals: Option<&str>| {
        Some(Condition {
            pointer: Pointer::parse(pointer).unwrap(),
            equals: equals.map(str::to_owned),
        })
    };
    assert_eq!(by_id.when, when("/id", None));
    assert_eq!(by_type.when, when("/input/*/type", Some("approval")));
    assert_eq!((by_id.line, by_type.line), (4, 4));

    let opaque = parse("POST /r a write demo:a\nPOST /r b write demo:b when=/id\n").unwrap();
    assert_eq!(opaque.entries[0].body, BodyKind::Json, "the body decides, so it is read for both");
}

#[test]
fn every_mistake_is_told_with_its_line() {
    fails("GET /a a read", &["line 3: a line is `VERB TARGET ID TIER SCOPE` and then attributes"]);
    fails(
        "  agent=/a\nGET /a a read public",
        &[
            "there is no `@protocol` line",
            "line 2: `@protocol rest agent=/a` is not a directive; there are one `@pack NAME`, one \
             `@protocol NAME`, and `@jsonrpc METHOD PATH`",
        ],
    );
    fails(
        "get /a a read public",
        &["line 3: unknown verb `get`; use `RPC`, `WS` or an HTTP method in upper case"],
    );
    fails("GET a a read public", &["line 3: path `a` does not start with `/`"]);
    fails("GET /a A read public", &["line 3: `A` is not an id; write it like `models.delete`"]);
    fails("GET /a a. read public", &["line 3: `a.` is not an id; write it like `models.delete`"]);
    fails("GET /a a raed public", &["line 3: unknown tier `raed`"]);
    fails("GET /a a read a\"b", &["line 3: `a\"b` is not a scope"]);
    fails("GET /a a read public x", &["line 3: `x` is not an attribute; write `name=value`"]);
    fails("GET /a a read public moedl=/m", &["line 3: unknown attribute `moedl`"]);
    fails(
        "GET /a a read public model=m",
        &["line 3: `m` is not a JSON pointer; it starts with `/`, such as `/model`"],
    );
    fails("GET /a a read public model={m}", &["line 3: the path has no parameter `m`"]);
    fails("GET /a a read public model=?", &["line 3: `?` needs the name of a query parameter"]);
    fails("GET /a a read public model=/m model=/n", &["line 3: `model` is given twice"]);
    fails("PUT /a a write s body=json body=none", &["line 3: `body` is given twice"]);
    fails(
        "PUT /a a write s body=xml",
        &["line 3: unknown body `xml`; use `json`, `multipart`, `opaque` or `none`"],
    );
    fails(
        "PUT /a a write s body=opaque model=/m",
        &["line 3: `a` reads its body, which therefore is `json`"],
    );
    fails("RPC a<b a read s", &["line 3: `a<b` is not a JSON-RPC method"]);
    fails("RPC a a read s", &["line 3: there is no `@jsonrpc` line to receive it"]);
    fails("GET /a a read public over=b", &["line 3: there is no `b` for `over` to name"]);
    fails(
        "@jsonrpc POST /x\nPOST /x a read s",
        &["line 4: `POST /x` is named by its JSON-RPC method"],
    );
    fails(
        "@jsonrpc FETCH /x",
        &["line 3: unknown verb `FETCH`; use `RPC`, `WS` or an HTTP method in upper case"],
    );
}

#[test]
fn lines_must_agree_with_each_other() {
    fails(
        "GET /a/{x} a read s\nGET /a/{y}/ b read s",
        &["line 4: `GET /a/{y}/` is on line 3 already"],
    );
    fails("GET /a a read s\nGET /b a read t", &["line 4: `a` has another tier or scope on line 3"]);
    fails(
        "GET /a a read s\nGET /b a write s",
        &["line 4: `a` has another tier or scope on line 3"],
    );
    fails(
        "GET /a a read s when=/id",
        &["line 3: `a` is a variant, and there is no entry for `GET /a` above it"],
    );
    fails(
        "POST /a a write s\nPOST /a a write s when=/id",
        &["line 4: variant `a` needs an id of its own"],
    );
    fails(
        "POST /a a write s\nPOST /a b write t when=/id when=/id",
        &["line 4: `POST /a` is on line 4 already"],
    );
    fails(
        "POST /a a write s\nPOST /a b write t when=/id\nPOST /a c write u when=/x",
        &[
            "line 5: another variant of `POST /a` is on line 4; only one is taken, so all have one id",
        ],
    );
    fails(
        "POST /a a write s body=multipart\nPOST /a b write t when=/id",
        &["line 4: the body of `a` is not JSON, so it has no variants"],
    );
    assert!(parse("GET /a a read s\nGET /b a read s").is_ok(), "aliases of one operation");
}

#[test]
fn the_head_is_needed_once() {
    let errors = Pack::parse("").unwrap_err();
    let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["there is no `@pack` line", "there is no `@protocol` line"]);
    for twice in ["@pack other", "@protocol mcp", "@pack Bad", "@nothing x", "@pack"] {
        assert_eq!(parse(twice).unwrap_err().len(), 1, "{twice}");
    }
    assert!(parse("@protocol klingon").is_err());
}

#[test]
fn all_mistakes_are_told_at_once() {
    let errors = parse("GET /a a raed public\nGET b b read public\nGET /c c read public over=z")
        .unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:?}");
}
