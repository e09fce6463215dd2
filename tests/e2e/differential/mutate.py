"""What an attacker would change about a valid request. Each mutation is a function with a name that reports count by."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from . import mutate_json
from .catalogue import OPERATIONS
from .requests import Request, dump

ESCAPES = [
    b"%2f", b"%2F", b"%5c", b"%5C", b"%00", b"%0a", b"%0A", b"%0d", b"%09", b"%20", b"%7f", b"%25", b"%2e", b"%2e%2e", b"%3b", b"%3f",
    b"%23", b"%c0%af", b"%ff", b"%c2%85", b"%e2%80%a8", b"%ef%bc%8f", b"%ef%bc%8e", b"%252f", b"%250a", b"%zz", b"%", b"%4", b"%2B", b"%3A",
]  # fmt: skip
DOTS = [b"/./", b"/../", b"/x/../", b"/%2e/", b"/%2e%2e/", b"/.%2e/", b"/..;/", b"//", b"/%2e%2e%2f", b"/..%5c", b"/.\\", b"/..."]
INTS = [b"07", b"+7", b"0", b"-1", b"00", b"%d9%a7", b"1_000", b"7.0", b"1e3", b"7%20", b"%207", b"7%0a", b"9" * 25, b"0x7", b"%37", b"7%2f"]
LITERALS = sorted({s.encode() for op in OPERATIONS.values() for s in op.path.split("/") if s and s.isascii() and not s.startswith("{")})
METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS", b"get", b"Post", b"TRACE"]


def _insert(rng: Random, text: bytes, what: bytes) -> bytes:
    at = rng.randint(1, len(text))
    return text[:at] + what + text[at:]


def _escaped(rng: Random, byte: int) -> bytes:
    return (b"%%%02x" if rng.random() < 0.5 else b"%%%02X") % byte


def _segment(rng: Random, request: Request, change: Callable[[bytes], bytes]) -> None:
    segments = request.path.split(b"/")
    at = rng.randrange(1, len(segments)) if len(segments) > 1 else 0
    segments[at] = change(segments[at])
    request.path = b"/".join(segments)


# -- the path -----------------------------------------------------------------------------------------------------


def path_encode_bytes(rng: Random, request: Request) -> None:
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(1, len(request.path)) if len(request.path) > 1 else 0
        request.path = request.path[:at] + _escaped(rng, request.path[at]) + request.path[at + 1 :]


def path_insert_escape(rng: Random, request: Request) -> None:
    request.path = _insert(rng, request.path, rng.choice(ESCAPES))


def path_random_byte(rng: Random, request: Request) -> None:
    byte = rng.randrange(256)
    raw = bytes([byte]) if byte not in b"\r\n \t?" and rng.random() < 0.3 else _escaped(rng, byte)
    request.path = _insert(rng, request.path, raw)


def path_end_escape(rng: Random, request: Request) -> None:
    request.path += rng.choice(ESCAPES)


def path_encode_twice(rng: Random, request: Request) -> None:
    def change(segment: bytes) -> bytes:
        return segment.replace(b"%", b"%25") if b"%" in segment else b"".join(b"%%25%02x" % b for b in segment[:3]) + segment[3:]

    _segment(rng, request, change)


def path_dots(rng: Random, request: Request) -> None:
    places = [n for n, byte in enumerate(request.path) if byte == 0x2F] or [0]
    at = rng.choice(places)
    request.path = request.path[:at] + rng.choice(DOTS) + request.path[at + 1 :]


def path_parameter(rng: Random, request: Request) -> None:
    _segment(rng, request, lambda segment: segment + rng.choice([b";", b";a=b", b";/..", b"%3b"]))


def path_case(rng: Random, request: Request) -> None:
    _segment(rng, request, lambda segment: segment.swapcase() if rng.random() < 0.5 else segment.capitalize())


def path_end_slash(rng: Random, request: Request) -> None:
    request.path = request.path[:-1] if request.path.endswith(b"/") else request.path + b"/"


def path_slashes(rng: Random, request: Request) -> None:
    request.path = rng.choice([b"/" + request.path, request.path + b"//", request.path.replace(b"/", b"//")])


def path_backslash(rng: Random, request: Request) -> None:
    request.path = request.path.replace(b"/", b"\\", rng.randint(1, 2)) if rng.random() < 0.5 else _insert(rng, request.path, b"\\")


def path_other_literal(rng: Random, request: Request) -> None:
    _segment(rng, request, lambda _: rng.choice(LITERALS))


def path_number(rng: Random, request: Request) -> None:
    _segment(rng, request, lambda _: rng.choice(INTS))


def path_verb(rng: Random, request: Request) -> None:
    request.path += rng.choice([b":cancel", b":retry", b":pay", b"%3acancel", b":Cancel", b":cancel:retry", b":cancel/", b":"])


def path_longer(rng: Random, request: Request) -> None:
    request.path = request.path.rstrip(b"/") + b"/" + rng.choice([*LITERALS, *INTS, b"abc", b"org/base"])


def path_shorter(rng: Random, request: Request) -> None:
    request.path = request.path.rpartition(b"/")[0] + rng.choice([b"", b"/"]) or b"/"


def path_absolute(rng: Random, request: Request) -> None:
    request.path = rng.choice([b"http://localhost", b"HTTP://LOCALHOST", b"https://localhost", b"http://localhost:80"]) + request.path


def path_fragment(rng: Random, request: Request) -> None:
    request.path += rng.choice([b"#", b"#/x", b"%23", b"%3f", b"%3Fa=b"])


# -- the query ----------------------------------------------------------------------------------------------------

HOSTILE = [
    b"mallory%40example.com", b"gpt-4o", b"org%2fevil", b"everything", b"", b"%00", b"%0a", b"%ff", b"%zz", b"a+b", b"a%20b", b"a%2bb",
    b"summary", b"summary;x=1", b"summary%26view=all", b"%c3%bc", b"\xc3\xbc", b"summary%20", b"alice%40example.com", b"file%3a%2f%2f%2fb",
]  # fmt: skip
QUERY_NAMES = [b"user_id", b"view", b"model", b"uri", b"limit"]


def query_repeat(rng: Random, request: Request) -> None:
    names = [pair.partition(b"=")[0] for pair in request.query] or QUERY_NAMES
    request.query.insert(rng.randint(0, len(request.query)), b"%s=%s" % (rng.choice(names), rng.choice(HOSTILE)))


def query_value(rng: Random, request: Request) -> None:
    if request.query:
        at = rng.randrange(len(request.query))
        request.query[at] = request.query[at].partition(b"=")[0] + b"=" + rng.choice(HOSTILE)


def query_encode_name(rng: Random, request: Request) -> None:
    pair = rng.choice(request.query) if request.query else b"%s=%s" % (rng.choice(QUERY_NAMES), rng.choice(HOSTILE))
    name, _, value = pair.partition(b"=")
    at = rng.randrange(max(len(name), 1))
    other = rng.choice([value, rng.choice(HOSTILE)])
    request.query.insert(rng.randint(0, len(request.query)), name[:at] + b"".join(_escaped(rng, b) for b in name[at : at + 1]) + name[at + 1 :] + b"=" + other)


def query_spelling(rng: Random, request: Request) -> None:
    name = rng.choice(QUERY_NAMES)
    other = rng.choice([name.upper(), name + b"[]", name + b"%00", b"+" + name, name.replace(b"_", b"-"), name + b"%20", b"?" + name, b"&" + name])
    request.query.append(other + b"=" + rng.choice(HOSTILE))


def query_separators(rng: Random, request: Request) -> None:
    extra = b"%s=%s" % (rng.choice(QUERY_NAMES), rng.choice(HOSTILE))
    joined = b"&".join(request.query)
    request.query = [rng.choice([joined + b";" + extra, joined + b"&&" + extra, b"&" + joined, joined + b"%26" + extra, joined + b"?" + extra, extra + b"=" + joined])]


def query_plus(rng: Random, request: Request) -> None:
    def spell(pair: bytes) -> bytes:
        return rng.choice([pair.replace(b"%20", b"+"), pair.replace(b"%2B", b"+"), pair.replace(b"%2B", b"%20"), pair.replace(b"%40", b"@")])

    request.query = [spell(pair) for pair in request.query]


def query_drop(rng: Random, request: Request) -> None:
    if request.query:
        at = rng.randrange(len(request.query))
        request.query[at : at + 1] = rng.choice([[], [request.query[at].partition(b"=")[0]]])


# -- method, headers, framing -------------------------------------------------------------------------------------


def method_other(rng: Random, request: Request) -> None:
    request.method = rng.choice(METHODS)


def header_repeat(rng: Random, request: Request) -> None:
    name = rng.choice([b"x-tenant", b"X-Tenant", b"x_tenant", b"x-tenant ", b"x-http-method-override", b"x-original-url", b"content-encoding"])
    request.headers.append((name, rng.choice([b"acme", b"evil", b"acme,evil", b"DELETE", b"/web/admin", b"gzip", b"identity", b"acme "])))


def framing_chunks(rng: Random, request: Request) -> None:
    if request.body:
        request.chunks = [rng.randint(1, max(len(request.body) // 2, 1)) for _ in range(rng.randint(1, 4))]


def framing_body(rng: Random, request: Request) -> None:
    """A body where there should be none, or none where there should be."""
    request.body = None if request.body is not None else rng.choice([b"{}", b'{"model":"gpt-4o"}', b"x", b""])


_HEAD = [
    path_encode_bytes, path_insert_escape, path_random_byte, path_end_escape, path_encode_twice, path_dots, path_parameter, path_case,
    path_end_slash, path_end_slash, path_slashes, path_backslash, path_other_literal, path_other_literal, path_number, path_number, path_verb,
    path_longer, path_shorter, path_absolute, path_fragment, method_other, header_repeat,
]  # fmt: skip
_QUERY = [query_repeat, query_value, query_encode_name, query_spelling, query_separators, query_plus, query_drop]
_BODY = [framing_chunks, framing_chunks, framing_body]
NAMES = sorted({f.__name__ for f in [*_HEAD, *_QUERY, *_BODY]} | {f"json_{name}" for name in mutate_json.NAMES})


def mutate(rng: Random, request: Request) -> None:
    """Changes nothing, or up to three things; then writes the body."""
    count = rng.choices([0, 1, 2, 3], [15, 55, 22, 8])[0]
    later: list[Callable] = []
    texts = 0
    for _ in range(count):
        roll = rng.random()
        if request.tree is not None and roll < 0.6:
            if roll < 0.5:
                texts += 1
            else:
                later.append(rng.choice(_BODY))
        else:
            change = rng.choice(_QUERY if roll > 0.75 or (request.query and roll > 0.45) else _HEAD)
            request.mutations.append(change.__name__)
            change(rng, request)
    if request.tree is not None:
        request.body = dump(request.tree)
        content_type = b"application/json"
        for _ in range(texts):
            name, content_type = mutate_json.mutate(rng, request, content_type)
            request.mutations.append(f"json_{name}")
        if content_type:
            request.headers.append((rng.choice([b"content-type", b"Content-Type"]), content_type))
    for change in later:
        request.mutations.append(change.__name__)
        change(rng, request)
