"""Mutations of a JSON body, on its text: most of them cannot be said with a tree."""

from __future__ import annotations

import json
import re
from random import Random

from .requests import Request

MEMBER = re.compile(rb'"(model|user_id|amount|dry_run|note|region|kind|options|items|method|params|name|arguments|repo|uri|id|jsonrpc)"\s*:')
SCALAR = re.compile(rb'(?<=: )("(?:[^"\\]|\\.)*"|-?\d+|true|false)')
VALUES = [
    b'"gpt-4o"', b'"org/evil"', b'"evil"', b'"mallory@example.com"', b'"alice@example.com"', b'"delete_repo"', b'"tools/call"', b'"tiny"',
    b"null", b"true", b"false", b"1", b"5", b"0", b'"5"', b"5.0", b"1e0", b"0.5e1", b"-0", b"05", b"+5", b"NaN", b"Infinity", b"1e400",
    b'" 5 "', b'"1_0"', b"99999999999999999999", b"9007199254740993", b"[]", b"{}", b'["tiny"]', b'{"name":"tiny"}', b'"\\ud800"', b'"eu-1\\u0000"',
    b'"true"', b'"1"', b'"prod"', b'""', b'"ok "', b'"OK"',
]  # fmt: skip
TYPES = [
    b"application/json; charset=utf-8", b"application/json;charset=utf-16", b"APPLICATION/JSON", b"application/vnd.api+json", b"text/plain",
    b"application/x-www-form-urlencoded", b"", b"application/json; charset=utf-8; charset=utf-16", b"application/json, text/plain", b"text/json",
    b"application/geo+json; a=b", b"application/jsonx", b" application/json ", b"application/json;", b"multipart/form-data; boundary=x",
]  # fmt: skip


def _escape(rng: Random, name: bytes) -> bytes:
    at = rng.randrange(len(name))
    return name[:at] + b"\\u%04x" % name[at] + name[at + 1 :]


def repeated(rng: Random, text: bytes) -> bytes:
    """The member again, plain or escaped, before or after, with another value."""
    found = list(MEMBER.finditer(text))
    if not found:
        return text
    match = rng.choice(found)
    name = match[1] if rng.random() < 0.5 else _escape(rng, match[1])
    again = b'"%s": %s' % (name, rng.choice(VALUES))
    if rng.random() < 0.5:
        return text[: match.start()] + again + b", " + text[match.start() :]
    return text[:-1] + b", " + again + b"}"


def escaped_name(rng: Random, text: bytes) -> bytes:
    found = list(MEMBER.finditer(text))
    if not found:
        return text
    match = rng.choice(found)
    return text[: match.start(1)] + _escape(rng, match[1]) + text[match.end(1) :]


def escaped_value(rng: Random, text: bytes) -> bytes:
    found = [m for m in SCALAR.finditer(text) if m[1].startswith(b'"') and len(m[1]) > 2 and m[1].isascii() and b"\\" not in m[1]]
    if not found:
        return text
    match = rng.choice(found)
    return text[: match.start() + 1] + _escape(rng, match[1][1:-1]) + text[match.end() - 1 :]


def value(rng: Random, text: bytes) -> bytes:
    found = list(SCALAR.finditer(text))
    if not found:
        return text
    match = rng.choice(found)
    return text[: match.start()] + rng.choice(VALUES) + text[match.end() :]


def quoted_number(rng: Random, text: bytes) -> bytes:
    found = [m for m in SCALAR.finditer(text) if not m[1].startswith(b'"')]
    if not found:
        return text
    match = rng.choice(found)
    return text[: match.start()] + rng.choice([b'"%s"', b'" %s"', b"%s.0", b"%se0"]) % match[1] + text[match.end() :]


def other_spelling(rng: Random, text: bytes) -> bytes:
    """A member that only some parsers take for the one that is judged, in its place or beside it."""
    found = list(MEMBER.finditer(text))
    if not found:
        return text
    match = rng.choice(found)
    name = match[1]
    spellings = [name.upper(), name.capitalize(), name.replace(b"_", b""), b" " + name, name + b" ", name.replace(b"s", b"\xc5\xbf"), name + b"\\u0000"]
    other = rng.choice(spellings)
    if rng.random() < 0.4:
        return text[: match.start(1)] + other + text[match.end(1) :]
    return text[:-1] + b', "%s": %s}' % (other, rng.choice(VALUES))


def encoding(rng: Random, text: bytes) -> bytes:
    decoded = text.decode("utf-8", "surrogatepass")
    name = rng.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig", "latin-1"])
    return decoded.encode(name, "surrogatepass" if name.startswith("utf") else "replace")


def depth(rng: Random, text: bytes) -> bytes:
    levels = rng.choice([3, 62, 63, 64, 65, 127, 1200])
    deep = rng.choice([b"[" * levels + b"]" * levels, b'{"model":' * levels + b'"evil"' + b"}" * levels])
    return text[:-1] + b', "deep": ' + deep + b"}"


def after(rng: Random, text: bytes) -> bytes:
    return text + rng.choice([b" ", b"\n", b"\x00", b" x", b"{}", b",", b'{"model":"evil"}', b"\xa0", b"\x1e", b"//", b"\x0c"])


def before(rng: Random, text: bytes) -> bytes:
    return rng.choice([b" ", b"\n\t", b"\xef\xbb\xbf", b"\x00", b")]}',\n", b"\x1e", b"\xc2\xa0", b"/**/"]) + text


def whole(rng: Random, text: bytes) -> bytes:
    return rng.choice([b"[%s]" % text, b"null", b"5", b'"x"', b"[]", b"{}", b"[%s,%s]" % (text, text), b'{"body":%s}' % text, json.dumps(text.decode("latin-1")).encode()])


def cut(rng: Random, text: bytes) -> bytes:
    return text[: rng.randint(0, len(text) - 1)]


def byte(rng: Random, text: bytes) -> bytes:
    at = rng.randrange(len(text))
    return text[:at] + bytes([rng.randrange(256)]) + text[at + rng.randint(0, 1) :]


def dialect(rng: Random, text: bytes) -> bytes:
    return rng.choice([text.replace(b'"', b"'"), text[:-1] + b",}", text.replace(b": ", b" : /*x*/ ", 1), re.sub(rb'"(\w+)":', rb"\1:", text), text.replace(b": ", b"=", 1)])


def many(rng: Random, text: bytes) -> bytes:
    """Beyond the number of members that are compared pair by pair, with the judged one again at the end."""
    extra = b",".join(b'"m%d":%d' % (n, n) for n in range(rng.choice([14, 17, 40])))
    again = b',"model":"evil"' if rng.random() < 0.5 else b""
    return text[:-1] + b"," + extra + again + b"}"


_TEXT = [repeated, repeated, escaped_name, escaped_value, value, value, quoted_number, other_spelling, encoding, depth, after, before, whole, cut, byte, dialect, many]
NAMES = sorted({f.__name__ for f in _TEXT} | {"content_type"})


def mutate(rng: Random, request: Request, content_type: bytes) -> tuple[str, bytes]:
    """The name of the mutation, and the content type to send."""
    if rng.random() < 0.1:
        return "content_type", rng.choice(TYPES)
    change = rng.choice(_TEXT)
    try:
        if request.body:
            request.body = change(rng, request.body)
    except UnicodeDecodeError:
        pass  # an earlier mutation made it other bytes than UTF-8: it stays as that left it
    return change.__name__, content_type
