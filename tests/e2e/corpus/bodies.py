"""B: bodies that the gateway reads in one way and the application in another."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator

from .case import Case
from .oracle import FULL

SMALL, LARGE = b'{"model":"small"}', b'{"model":"large"}'
APPLICATION_JSON = b"application/json"

#: Both read `/model`; the second one whatever the content type, inflated, and from forms.
CHATS = {b"/chat": "chat.create", b"/chat/any": "chat.any"}
MODEL, DUPLICATE, MALFORMED, AMBIGUOUS, COMPLEX = "deny model_not_allowed", "deny json_duplicate_key", "deny json_malformed", "deny json_ambiguous_key", "deny json_too_complex"
NOT_UTF8, FIELD, TYPE, ENCODED = "deny json_not_utf8", "deny field_invalid", "deny content_type_unsupported", "deny body_encoded"


def post(target: bytes, body: bytes | None, content_type: bytes | None = APPLICATION_JSON, *fields: tuple[bytes, bytes]) -> dict:
    headers = [] if content_type is None else [(b"content-type", content_type)]
    return {"method": b"POST", "target": target, "headers": [*headers, *fields], "body": body}


def cases() -> Iterator[Case]:
    for target, route in CHATS.items():
        place = target.decode()
        for id, name, body, expect in TEXTS:
            yield Case(id, f"{name}: {place}", expect.format(route=route), **post(target, body))
        for id, name, content_type, expect in TYPES:
            for model, body in {"small": SMALL, "large": LARGE}.items():
                told = MODEL if "{route}" in expect and model == "large" else expect.format(route=route)
                yield Case(id, f"{name}, a {model} model: {place}", told, **post(target, body, content_type))
        for name, coding, body in CODINGS:
            yield Case("B5", f"{name}: {place}", ENCODED, **post(target, body, APPLICATION_JSON, (b"content-encoding", coding)))
        yield Case("B5", f"identity: {place}", MODEL, **post(target, LARGE, APPLICATION_JSON, (b"content-encoding", b"identity")))
        yield Case("B5", f"an empty coding: {place}", MODEL, **post(target, LARGE, APPLICATION_JSON, (b"content-encoding", b"")))
    yield Case("B7", "the type twice", "deny header_ambiguous", **post(b"/chat/any", SMALL, APPLICATION_JSON, (b"content-type", b"text/plain")))
    yield from _forms()
    yield from _orders()
    yield from _rpc()


#: Id, name, body of a chat, and what becomes of it for who may use the small model.
TEXTS = [
    ("B1", "small, then large", b'{"model":"small","model":"large"}', DUPLICATE),
    ("B1", "large, then small", b'{"model":"large","model":"small"}', DUPLICATE),
    ("B1", "again behind an escape", b'{"model":"small","mod\\u0065l":"large"}', DUPLICATE),
    ("B1", "again behind escapes alone", b'{"model":"small","\\u006d\\u006f\\u0064\\u0065\\u006c":"large"}', DUPLICATE),
    ("B1", "again far away", b'{"model":"small",%s,"model":"large"}' % b",".join(b'"m%d":0' % n for n in range(60)), DUPLICATE),
    ("B1", "again behind a deep value", b'{"model":"small","x":%s,"model":"large"}' % (b"[" * 40 + b"]" * 40), DUPLICATE),
    ("B1", "another member twice", b'{"model":"small","x":1,"x":2}', DUPLICATE),
    ("B1", "twice further in", b'{"model":"small","x":{"y":1,"y":2}}', DUPLICATE),
    ("B1", "the name escaped, once", b'{"mod\\u0065l":"large"}', MODEL),
    ("B1", "the value escaped", b'{"model":"l\\u0061rge"}', MODEL),
    ("B1", "name and value escaped, by right", b'{"mod\\u0065l":"sm\\u0061ll"}', "ran {route}"),
    ("B1", "again further in", b'{"model":"small","x":{"model":"large"}}', "ran {route}"),
    ("B2", "a capital beside it", b'{"model":"small","Model":"large"}', AMBIGUOUS),
    ("B2", "capitals before it", b'{"MODEL":"large","model":"small"}', AMBIGUOUS),
    ("B2", "capitals in its place", b'{"MODEL":"small"}', AMBIGUOUS),
    ("B3", "a byte order mark", b"\xef\xbb\xbf" + SMALL, NOT_UTF8),
    *[("B3", f"{name}, {model}", body.decode().encode(name), NOT_UTF8) for name in ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"] for model, body in [("small", SMALL), ("large", LARGE)]],
    ("B3", "Latin 1", b'{"model":"small","x":"\xe9"}', NOT_UTF8),
    ("B3", "overlong", b'{"model":"small","x":"\xc0\xaf"}', NOT_UTF8),
    ("B3", "a surrogate in UTF-8", b'{"model":"small","x":"\xed\xa0\x80"}', NOT_UTF8),
    ("B3", "UTF-7", b'{"+AG0-odel":"large"}', FIELD),
    ("B8", "NaN", b'{"model":"small","x":NaN}', MALFORMED),
    ("B8", "Infinity", b'{"model":"small","x":-Infinity}', MALFORMED),
    ("B8", "1e400", b'{"model":"small","x":1e400}', MALFORMED),
    ("B8", "forty digits", b'{"model":"small","x":' + b"9" * 40 + b"}", "ran {route}"),
    ("B10", "in a name", b'{"model":"small","\\ud800":1}', MALFORMED),
    ("B10", "in a value", b'{"model":"small\\ud800"}', MALFORMED),
    ("B10", "in another value", b'{"model":"small","x":"\\udfff"}', MALFORMED),
    ("B10", "the wrong way round", b'{"model":"small","x":"\\udc00\\ud800"}', MALFORMED),
    ("B10", "in a name like it", b'{"model":"small","model\\ud800":"large"}', MALFORMED),
    ("B10", "a pair, which is none", b'{"model":"small","x":"\\ud83d\\ude00"}', "ran {route}"),
    ("B11", "63 arrays", b'{"model":"small","x":%s}' % (b"[" * 63 + b"]" * 63), "ran {route}"),
    ("B11", "64 arrays", b'{"model":"small","x":%s}' % (b"[" * 64 + b"]" * 64), COMPLEX),
    ("B11", "1,100 arrays", b'{"model":"small","x":%s}' % (b"[" * 1100 + b"]" * 1100), COMPLEX),
    ("B11", "20,000 arrays", b'{"model":"small","x":%s}' % (b"[" * 20000 + b"]" * 20000), COMPLEX),
    ("B11", "1,100 objects", b'{"model":"small","x":%s}' % (b'{"model":' * 1100 + b"1" + b"}" * 1100), COMPLEX),
    ("B11", "open arrays", b'{"model":"small","x":' + b"[" * 5000, COMPLEX),
    ("B12", "two documents", SMALL + LARGE, MALFORMED),
    ("B12", "two lines", SMALL + b"\n" + LARGE, MALFORMED),
    ("B12", "a letter behind it", SMALL + b"x", MALFORMED),
    ("B12", "a NUL behind it", SMALL + b"\x00", NOT_UTF8),
    ("B12", "a comma behind it", SMALL + b",", MALFORMED),
    ("B12", "a comment", b'{"model":"small"/*,"model":"large"*/}', MALFORMED),
    ("B12", "a comment to the end of the line", b'{"model":"small"//\n}', MALFORMED),
    ("B12", "a comma at the end", b'{"model":"small",}', MALFORMED),
    ("B12", "single quotes", b"{'model':'small'}", MALFORMED),
    ("B12", "no quotes", b"{model:small}", MALFORMED),
    ("B12", "a raw line break", b'{"model":"small","x":"a\nb"}', MALFORMED),
    ("B12", "an escape that is none", b'{"model":"small","x":"\\x41"}', MALFORMED),
    ("B12", "a zero in front", b'{"model":"small","x":01}', MALFORMED),
    ("B12", "a plus in front", b'{"model":"small","x":+1}', MALFORMED),
    ("B12", "cut off", SMALL[:-1], MALFORMED),
    ("B12", "a form feed around it", b"\x0c" + SMALL, MALFORMED),
    ("B12", "a guard in front", b")]}'\n" + SMALL, MALFORMED),
    ("B12", "a non-breaking blank in front", b"\xc2\xa0" + SMALL, MALFORMED),
    ("B12", "blanks around it", b" \t\r\n" + SMALL + b"\n ", "ran {route}"),
    ("B13", "a list of chats", b"[%s,%s]" % (SMALL, LARGE), FIELD),
    ("B18", "null", b"null", FIELD),
    ("B18", "a number", b"5", FIELD),
    ("B18", "a string", b'"{\\"model\\":\\"small\\"}"', FIELD),
    ("B18", "true", b"true", FIELD),
    ("B18", "an empty list", b"[]", FIELD),
    ("B18", "an empty object", b"{}", FIELD),
    ("B18", "no model but null", b'{"model":null}', FIELD),
    ("B18", "a list of models", b'{"model":["small"]}', FIELD),
    ("B18", "an object for a model", b'{"model":{"name":"small"}}', FIELD),
    ("B18", "a number for a model", b'{"model":5}', FIELD),
    ("B18", "an empty model", b'{"model":""}', MODEL),
    ("B18", "a blank behind the model", b'{"model":"small "}', MODEL),
    ("B18", "a NUL behind the model", b'{"model":"small\\u0000"}', MODEL),
    ("B18", "a model in capitals", b'{"model":"SMALL"}', MODEL),
    ("B18", "an empty body", b"", "deny body_missing"),
    ("B18", "no body", None, "deny body_missing"),
]  # fmt: skip

#: Id, name, content type, and what becomes of a small model.
TYPES = [
    ("B4", "utf-16", b"application/json; charset=utf-16", TYPE),
    ("B4", "utf-7", b"application/json;charset=utf-7", TYPE),
    ("B4", "Latin 1", b'application/json; charset="iso-8859-1"', TYPE),
    ("B4", "twice", b"application/json; charset=utf-8; charset=utf-16", TYPE),
    ("B4", "utf-8", b"application/json; charset=utf-8", "ran {route}"),
    ("B4", "utf-8 in quotes and capitals", b'application/json; charset="UTF-8"', "ran {route}"),
    ("B6", "none", None, TYPE),
    ("B6", "an empty one", b"", TYPE),
    ("B6", "plain text", b"text/plain", TYPE),
    ("B6", "JSON as text", b"text/json", TYPE),
    ("B6", "a name that goes on", b"application/jsonx", TYPE),
    ("B6", "JSON lines", b"application/x-ndjson", TYPE),
    ("B6", "bytes", b"application/octet-stream", TYPE),
    ("B6", "a form", b"application/x-www-form-urlencoded", TYPE),
    ("B6", "a multipart form", b"multipart/form-data; boundary=x", TYPE),
    ("B6", "a list", b"application/json, text/plain", "deny header_ambiguous"),
    ("B6", "YAML", b"application/yaml", TYPE),
    ("B6", "JSON as a parameter", b"text/plain; a=application/json", TYPE),
    ("B7", "in capitals", b"APPLICATION/JSON", "ran {route}"),
    ("B7", "with a suffix", b"application/vnd.api+json", "ran {route}"),
    ("B7", "with a suffix and a parameter", b"application/geo+json; a=b", "ran {route}"),
    ("B7", "a semicolon at the end", b"application/json;", "ran {route}"),
    ("B7", "a parameter", b"application/json; profile=x", "ran {route}"),
]  # fmt: skip

CODINGS = [
    ("gzip", b"gzip", gzip.compress(LARGE)),
    ("gzip by its old name", b"x-gzip", gzip.compress(LARGE)),
    ("gzip in capitals", b"GZIP", gzip.compress(LARGE)),
    ("gzip, what it may", b"gzip", gzip.compress(SMALL)),
    ("gzip twice", b"gzip, gzip", gzip.compress(gzip.compress(LARGE))),
    ("identity and gzip", b"identity, gzip", gzip.compress(LARGE)),
    ("deflate", b"deflate", zlib.compress(LARGE)),
    ("br", b"br", b"\x0b\x08\x80" + LARGE + b"\x03"),
    ("said and not done", b"gzip", LARGE),
    ("an unknown one", b"cow", LARGE),
]


def _forms() -> Iterator[Case]:
    """A form is no JSON, so where a rule reads the body it is refused; where none does, it goes on."""
    urlencoded = b"application/x-www-form-urlencoded"

    def multipart(*parts: tuple[bytes, bytes], boundary: bytes = b"x") -> bytes:
        out = b"".join(b"--%s\r\ncontent-disposition: form-data; %s\r\n\r\n%s\r\n" % (boundary, head, value) for head, value in parts)
        return out + b"--%s--\r\n" % boundary

    one = (b'name="model"', b"small")
    both = multipart(one, (b'name="model"', b"large"))
    for id, name, content_type, body in [
        ("B15", "small, then large", urlencoded, b"model=small&model=large"),
        ("B15", "large, then small", urlencoded, b"model=large&model=small"),
        ("B15", "again with an encoded name", urlencoded, b"model=small&mod%65l=large"),
        ("B15", "parts, small then large", b"multipart/form-data; boundary=x", both),
        ("B15", "parts, large then small", b"multipart/form-data; boundary=x", multipart((b'name="model"', b"large"), one)),
        ("B15", "one that is JSON as well", urlencoded, b'{"model":"small","x":"&model=large"}'),
        ("B16", "the last one counts", b"multipart/form-data; boundary=y; boundary=x", both),
        ("B16", "the first one counts", b"multipart/form-data; boundary=x; boundary=y", both),
        ("B16", "in quotes", b'multipart/form-data; boundary="x"; boundary=y', both),
        ("B16", "in two cases", b"multipart/form-data; boundary=y; BOUNDARY=x", both),
        ("B16", "continued", b"multipart/form-data; boundary*0=x; boundary*1=y", both),
        ("B17", "beside the plain one", b"multipart/form-data; boundary=x", multipart((b"name=\"model\"; name*=utf-8''role", b"large"))),
        ("B17", "alone", b"multipart/form-data; boundary=x", multipart((b"name*=utf-8''model", b"large"))),
        ("B17", "of a file", b"multipart/form-data; boundary=x", multipart((b"name=\"model\"; filename=\"a\"; filename*=utf-8''../b", b"large"))),
        ("B17", "quoted twice", b"multipart/form-data; boundary=x", multipart((b'name="model"; name="x"', b"large"))),
    ]:  # fmt: skip
        yield Case(id, f"{name}, where a rule reads", TYPE, **post(b"/chat/any", body, content_type))
        yield Case(id, f"{name}, where none does", "ran uploads.create", **post(b"/uploads", body, content_type))


def _orders() -> Iterator[Case]:
    condition = "deny condition_failed"
    admitted = "ran orders.create"
    for id, text, expect in [
        ("B8", b"18446744073709551616", condition), ("B8", b"9007199254740993", condition), ("B8", b"1e400", MALFORMED), ("B8", b"9" * 40, condition),
        ("B8", b"-1", condition), ("B8", b"5.0000000000000000001", condition), ("B8", b"-0", condition), ("B8", b"4.999999999999999999999", condition),
        ("B9", b'"5"', condition), ("B9", b'" 5 "', condition), ("B9", b'"1_0"', condition), ("B9", b'"1_000"', condition), ("B9", b"true", condition),
        ("B9", b"false", condition), ("B9", b"5.0", condition), ("B9", b"1e3", condition), ("B9", b"1e0", condition), ("B9", b"0.5e1", condition), ("B9", b"[5]", condition),
        ("B9", b"null", condition), ("B9", b'"0x5"', condition), ("B9", b"6", condition), ("B9", b"5", admitted), ("B9", b"1", admitted),
        ("B9", b'"\xd9\xa5"', condition), ("B9", b'{"amount":5}', condition),
    ]:  # fmt: skip
        yield Case(id, f"an amount of {text.decode()[:24]}", expect, **post(b"/orders", b'{"amount":%s}' % text))
    yield Case("B9", "no amount", condition, **post(b"/orders", b"{}"))
    yield Case("B9", "an amount twice", DUPLICATE, **post(b"/orders", b'{"amount":5,"amount":"1_000"}'))
    yield Case("B9", "an amount in another case", AMBIGUOUS, **post(b"/orders", b'{"amount":5,"Amount":1000}'))
    for name, body, expect in [
        ("another's user_id", b'{"user_id":"full@example.com"}', "deny parameter_not_bound"), ("its own", b'{"user_id":"low@example.com"}', "ran teams.create"),
        ("its own, then another's", b'{"user_id":"low@example.com","user_id":"full@example.com"}', DUPLICATE), ("a list of its own", b'{"user_id":["low@example.com"]}', "deny parameter_not_bound"),
        ("its own with a NUL", b'{"user_id":"low@example.com\\u0000"}', "deny parameter_not_bound"), ("null", b'{"user_id":null}', "deny parameter_not_bound"),
        ("none", b"{}", "deny parameter_not_bound"),
    ]:  # fmt: skip
        yield Case("B9", f"a user: {name}", expect, **post(b"/teams/", body))


def _call(method: object = "tools/call", **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, separators=(",", ":")).encode()


def _rpc() -> Iterator[Case]:
    tool, invalid, batch, argument = "deny tool_not_allowed", "deny jsonrpc_invalid", "deny jsonrpc_batch", "deny argument_not_allowed"
    unknown, scope = "deny operation_unknown", "deny scope_missing"
    read, write = _call(name="get_issue"), _call(name="create_issue", arguments={"repo": "sandbox"})
    forbidden = _call(name="delete_repo")

    def case(id: str, name: str, expect: str, body: bytes, caller=None, **more) -> Case:
        extra = {"caller": caller} if caller else {}
        return Case(id, f"MCP: {name}", expect, **post(b"/mcp", body), **extra, **more)

    yield case("B14", "a tool it may call", "ran mcp", read)
    yield case("B14", "a tool it may not call", tool, write)
    yield case("B14", "a tool that nobody may call", tool, forbidden, FULL)
    yield case("B14", "a tool for whoever may call it", "ran mcp", write, FULL)
    for name, body, expect in [
        ("a tool twice", read.replace(b'"name":"get_issue"', b'"name":"get_issue","name":"create_issue"'), DUPLICATE),
        ("a tool twice behind an escape", read.replace(b'"name":"get_issue"', b'"name":"get_issue","n\\u0061me":"create_issue"'), DUPLICATE),
        ("a method twice", read.replace(b'"method":', b'"method":"ping","method":'), DUPLICATE),
        ("parameters twice", read[:-1] + b',"params":{"name":"create_issue"}}', DUPLICATE),
    ]:
        yield case("B1", name, expect, body)
    for name, body in {
        "Name beside name": read.replace(b'"name"', b'"Name":"create_issue","name"'), "NAME behind name": read.replace(b'"get_issue"', b'"get_issue","NAME":"create_issue"'),
        "Params beside params": read[:-1] + b',"Params":{"name":"create_issue"}}', "Method beside method": read[:-1] + b',"Method":"tools/list"}',
        "METHOD in place of method": read.replace(b'"method"', b'"METHOD"'), "a long s": read.replace(b'"params"', b'"param\xc5\xbf":{"name":"create_issue"},"params"'),
        "Id beside id": read[:-1] + b',"Id":2}', "Jsonrpc beside jsonrpc": read[:-1] + b',"Jsonrpc":"1.0"}',
    }.items():  # fmt: skip
        yield case("B2", name, AMBIGUOUS, body)
    for name, body in {
        "two calls": b"[%s,%s]" % (read, write), "one call": b"[%s]" % read, "none": b"[]", "a call and a notification": b'[%s,{"jsonrpc":"2.0","method":"notifications/initialized"}]' % read,
        "a list in a list": b"[[%s]]" % write, "a call that it may not": b"[%s]" % write,
    }.items():  # fmt: skip
        yield case("B13", name, batch, body)
    yield case("B13", "two messages", MALFORMED, read + write)
    yield case("B13", "two lines", MALFORMED, read + b"\n" + write)

    for name, arguments, expect in [
        ("the repository it may", {"repo": "sandbox"}, "ran mcp"), ("another", {"repo": "production"}, argument), ("none", {}, argument),
        ("a list of it", {"repo": ["sandbox"]}, argument), ("null", {"repo": None}, argument), ("in capitals", {"repo": "SANDBOX"}, argument),
        ("in another case", {"Repo": "sandbox"}, AMBIGUOUS), ("beside another case", {"repo": "sandbox", "REPO": "production"}, AMBIGUOUS),
        ("further in", {"x": {"repo": "sandbox"}}, argument), ("with a NUL", {"repo": "sandbox\x00"}, argument),
    ]:  # fmt: skip
        yield case("B13b", name, expect, _call(name="create_issue", arguments=arguments), FULL)
    for name, arguments in {"text": '{"repo":"sandbox"}', "a list": [{"repo": "sandbox"}], "null": None, "a number": 5}.items():
        yield case("B13b", f"arguments that are {name}", argument, _call(name="create_issue", arguments=arguments), FULL)
    twice = write.replace(b'"repo":"sandbox"', b'"repo":"sandbox","repo":"production"')
    yield case("B13b", "twice", DUPLICATE, twice, FULL)

    for name, body, expect in [
        ("a method that is a number", _call(5), invalid), ("a method that is null", _call(None), invalid), ("a method that is a list", _call(["tools/call"]), invalid),
        ("an unknown method", _call("tools/run", name="get_issue"), unknown), ("a method in capitals", _call("TOOLS/CALL", name="get_issue"), unknown),
        ("a method with a blank", _call("tools/call ", name="get_issue"), unknown), ("an empty method", _call(""), unknown),
        ("no method", b'{"jsonrpc":"2.0","id":1,"params":{"name":"create_issue"}}', invalid), ("parameters that are a list", b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["create_issue"]}', FIELD),
        ("no parameters", b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}', FIELD), ("no version", b'{"id":1,"method":"tools/call","params":{"name":"get_issue"}}', invalid),
        ("another version", read.replace(b'"2.0"', b'"1.0"'), invalid), ("a version that is a number", read.replace(b'"2.0"', b"2.0"), invalid),
        ("a notification of what it may not", b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"create_issue"}}', tool),
        ("an id that is a list", read.replace(b'"id":1', b'"id":[1]'), invalid), ("an id that is null", read.replace(b'"id":1', b'"id":null'), invalid),
        ("a result", b'{"jsonrpc":"2.0","id":1,"result":{}}', scope), ("an error", b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}', scope),
        ("a result and a method", read[:-1] + b',"result":{}}', invalid), ("a tool in _meta", _call(name="get_issue", _meta={"name": "create_issue", "method": "tools/call"}), "ran mcp"),
        ("a tool that is a list", _call(name=["get_issue"]), FIELD), ("a tool that is null", _call(name=None), FIELD), ("no tool", _call(arguments={}), FIELD),
        ("a tool with a NUL", _call(name="create_issue\x00"), tool), ("a tool in capitals", _call(name="GET_issue"), tool), ("a tool with a blank in front", _call(name=" get_issue"), tool),
        ("listing", _call("tools/list"), "ran mcp"), ("a server's request", _call("sampling/createMessage"), unknown), ("a string", b'"tools/call"', FIELD), ("null", b"null", FIELD),
    ]:  # fmt: skip
        yield case("B14", name, expect, body)
    for name, value in [(b"mcp-method", b"tools/list"), (b"mcp-name", b"create_issue")]:
        yield Case("B14", f"MCP: a {name.decode()} that differs", "deny mcp_header_mismatch", **post(b"/mcp", read, APPLICATION_JSON, (name, value)))
