"""P: targets that the upstream takes for a path which the caller has no right to."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case
from .oracle import FULL

#: What LOW may not do, by paths of one to three segments; and how it is refused when the path is read rightly.
TARGETS = [(b"/admin", "admin.read"), (b"/runs/purge-all", "runs.purge"), (b"/sessions/1/delete", "sessions.delete"), (b"/files/secret/key", "files.secret")]
READ_RIGHTLY = "deny scope_missing"

CONTROLS = [b"%0a", b"%0A", b"%0d", b"%0d%0a", b"%09", b"%0b", b"%1f", b"%7f", b"%0a%0a"]


def _last(target: bytes, change: bytes) -> bytes:
    """With something else for the last slash."""
    head, _, tail = target.rpartition(b"/")
    return head + change + tail


def _letter(target: bytes, at: int, form: bytes = b"%%%02x") -> bytes:
    return target[:at] + form % target[at] + target[at + 1 :]


def _spellings(target: bytes) -> Iterator[tuple[str, str, bytes, str, dict]]:
    """Id, name, target, what the filter alone says, and what is different behind Envoy's hardening."""
    normal = {"hardened": READ_RIGHTLY}
    refused = {"hardened": "envoy 400"}
    separator, control = "deny path_encoded_separator", "deny path_control_byte"
    yield "P1", "an encoded slash first", b"/public%2f.." + _last(target, b"%2f"), separator, refused
    if target.count(b"/") > 1:
        yield "P1", "the last slash encoded", _last(target, b"%2f"), separator, refused
        yield "P1", "every slash encoded", b"/" + target[1:].replace(b"/", b"%2F"), separator, refused
    yield "P1", "an encoded slash at the end", target + b"%2F", separator, refused
    for control_byte in CONTROLS:
        yield "P2", f"{control_byte.decode()} at the end", target + control_byte, control, {}
    yield "P2", "a line break within", _letter(target, 2, b"%%0a%c"), control, {}
    yield "P3", "the first letter encoded", _letter(target, 1), READ_RIGHTLY, {}
    yield "P3", "the last letter encoded, in capitals", _letter(target, len(target) - 1, b"%%%02X"), READ_RIGHTLY, {}
    yield "P3", "every letter encoded", b"".join(b"/" if c == 0x2F else b"%%%02x" % c for c in target), READ_RIGHTLY, {}
    not_canonical = "deny path_not_canonical"
    yield "P4", "two slashes first", b"/" + target, not_canonical, normal
    yield "P4", "two slashes within", _last(target, b"//"), not_canonical, normal
    yield "P4", "a dot segment", b"/." + target, not_canonical, normal
    for dots in [b"..", b"%2e%2e", b".%2e", b"%2E."]:
        yield "P4", f"{dots.decode()} after a public path", b"/public/" + dots + target, not_canonical, normal
    yield "P4", "a dot segment at the end", target + b"/.", not_canonical, normal
    parameter = "deny path_parameter"
    for dots in [b"..;", b"..;a=b"]:
        # Only newer versions of Envoy take it for dots.
        yield "P5", dots.decode(), b"/public/" + dots + target, parameter, {"hardened": f"{READ_RIGHTLY} | {parameter}"}
    yield "P5", "%2e%2e;", b"/public/%2e%2e;" + target, parameter, {}
    yield "P6", "backslashes around dots", b"/public\\.." + target, separator, normal
    yield "P6", "a backslash for the last slash", b"/public/.." + _last(target, b"\\"), separator, normal
    yield "P7", "an encoded backslash", b"/public/..%5c" + target[1:], separator, refused
    yield "P7", "an encoded backslash at the end", target + b"%5C", separator, refused
    for matrix in [b";", b";a=b", b";a=b;c", b";jsessionid=1"]:
        yield "P8", matrix.decode(), target + matrix, parameter, {}
    yield "P8", "an encoded semicolon", target + b"%3bx", parameter, {}
    yield "P9", "a slash at the end", target + b"/", READ_RIGHTLY, {}
    yield "P10", "capitals", target.upper(), "deny operation_unknown", {}
    yield "P10", "one capital", target[:1] + target[1:2].upper() + target[2:], "deny operation_unknown", {}
    yield "P11", "a fragment", target + b"#x", "envoy 400", {}
    yield "P11", "a public path in front of the fragment", b"/public/a#/.." + target, "envoy 400", {}
    yield "P12", "a NUL at the end", target + b"%00", control, refused
    yield "P12", "a NUL and an extension", target + b"%00.js", control, refused
    for overlong in [b"%c0%af", b"%e0%80%af", b"%c1%9c", b"%c0%ae%c0%ae/", b"%ff"]:
        yield "P13", overlong.decode(), b"/public/" + overlong + target[1:], "deny path_not_utf8", {}
    yield "P13", "a full-width slash", b"/public/a%ef%bc%8f" + target[1:], separator, {}
    for encoded in [b"%252f", b"%255c", b"%252e%252e%252f", b"%25%32%66", b"%2500", b"%250a", b"%2561"]:
        yield "P14", encoded.decode(), b"/public/a" + encoded + target[1:], "deny path_double_encoded", {}
    for broken in [b"%", b"%2", b"%zz", b"%u002f", b"%-1"]:
        yield "P15", broken.decode(), target + broken, "deny path_malformed", {}
    yield "P15", "%%32%66", target + b"%%32%66", "deny path_malformed", {"hardened": "deny path_double_encoded"}
    malformed = "deny path_malformed"
    # Hardened, Envoy escapes them over HTTP/2.
    yield "P16", "a byte beyond ASCII", target + b"\xff", "envoy 400", {"bare http2": malformed, "hardened http2": "deny path_not_utf8"}
    yield "P16", "letters beyond ASCII", b"/\xc3\xa9/.." + target, "envoy 400", {"bare http2": malformed, "hardened http2": READ_RIGHTLY}
    yield "P22", "a query", target + b"?x", READ_RIGHTLY, {}
    yield "P22", "dots in the query", target + b"?/../../public/a", READ_RIGHTLY, {}
    yield "P22", "two question marks", target + b"??x", READ_RIGHTLY, {}


def _raw(target: bytes, head: bytes = b"GET %s HTTP/1.1") -> bytes:
    return (head % target) + b"\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"


def cases() -> Iterator[Case]:
    for target, route in TARGETS:
        place = target.decode()
        for id, name, spelled, expect, but in _spellings(target):
            yield Case(id, f"{name}: {place}", expect, target=spelled, but=but)
            # Whoever may do it is let through, where there is one reading of the path.
            if expect == READ_RIGHTLY:
                yield Case(id, f"{name}: {place}, by right", "upstream 307" if id == "P9" and route != "files.secret" else f"ran {route}", target=spelled, caller=FULL)
    yield from _targets()
    yield from _tails()
    yield from _as_judged()


def _targets() -> Iterator[Case]:
    """Request lines, byte for byte."""
    one = ("http1",)
    for target, _ in TARGETS:
        place = target.decode()
        yield Case("P16", f"a raw NUL: {place}", "envoy 400", raw=_raw(target + b"\x00"), protocols=one)
        yield Case("P16", f"a space: {place}", "envoy 400", raw=_raw(target + b" x"), protocols=one)
        yield Case("P17", f"a tab at the end: {place}", READ_RIGHTLY, raw=_raw(target + b"\t"), protocols=one)
        yield Case("P17", f"a tab within: {place}", "envoy 400", raw=_raw(target + b"\tx"), protocols=one)
        yield Case("P18", f"of another host: {place}", READ_RIGHTLY, raw=_raw(b"http://evil.test" + target), protocols=one)
        yield Case("P18", f"in capitals: {place}", READ_RIGHTLY, raw=_raw(b"HTTP://GATEWAY.TEST" + target), protocols=one)
        yield Case("P18", f"over HTTP/2: {place}", "closed", target=b"http://gateway.test" + target, protocols=("http2",))
        yield Case("P19", f"no slash in front: {place}", "envoy 400", target=target[1:], but={"http2": "closed"})
    for host in [b"http://gateway.test", b"http://GATEWAY.test:80", b"http://evil.test"]:
        expect = {"hardened": "envoy 421"} if b"evil" in host else {}
        yield Case("P18", f"{host.decode()}, by right", "ran admin.read", raw=_raw(host + b"/admin"), caller=FULL, protocols=one, but=expect)
    for target in [b"*", b"?x", b"#", b"http:", b"http:///admin", b"gateway.test:80", b"admin/"]:
        yield Case("P19", target.decode(), "envoy 400", target=target, caller=FULL, but={"http2": "closed"})


def _tails() -> Iterator[Case]:
    """A tail takes slashes, so it is where a path can be hidden in a path."""
    separator, not_canonical, unknown = "deny path_encoded_separator", "deny path_not_canonical", "deny operation_unknown"
    for name, tail, bare, hardened in [
        ("encoded slashes", b"..%2f..%2fadmin", separator, "envoy 400"),
        ("a secret behind an encoded slash", b"secret%2fkey", separator, "envoy 400"),
        ("a secret behind encoded backslashes", b"a%5c..%5csecret%5ckey", separator, "envoy 400"),
        ("backslashes", b"..\\secret\\key", separator, unknown),
        ("dots", b"../../admin", not_canonical, READ_RIGHTLY),
        ("dots within the tail", b"a/../secret/key", not_canonical, READ_RIGHTLY),
        ("encoded dots", b"a/%2e%2e/secret/key", not_canonical, READ_RIGHTLY),
        ("a dot", b"./secret/key", not_canonical, READ_RIGHTLY),
        ("an empty segment", b"/secret/key", not_canonical, READ_RIGHTLY),
        ("a parameter", b"a;/../secret/key", "deny path_parameter", READ_RIGHTLY),
        ("encoded twice", b"%252e%252e/secret/key", "deny path_double_encoded", "deny path_double_encoded"),
    ]:
        yield Case("P20", name, bare, target=b"/files/" + tail, but={"hardened": hardened})


def _as_judged() -> Iterator[Case]:
    """Paths that are strange and mean one thing arrive as they were sent."""
    for name in [b"a%20b", b"a+b", b"a:b", b"a@b", b"a,b", b"a=b&c", b"%7e", b"~", b"caf%c3%a9", b"a%26b", b"a%3db", b"...", b".a", b"a..b", b"$", b"(x)", b"'"]:
        yield Case("P21", name.decode(), "ran public.read", target=b"/public/" + name)
    yield Case("P21", "a tail", "ran files.read", target=b"/files/a/b.c/d%20e")
    yield Case("P22", "an encoded question mark behind what is refused", "deny operation_unknown", target=b"/admin%3fx", caller=FULL)
    for wide in [b"%e2%88%95", b"%e2%81%84", b"%e2%88%96"]:
        yield Case("P13", f"{wide.decode()}, which nobody takes for a slash", "ran public.read", target=b"/public/a" + wide + b".." + wide + b"admin")
    yield Case("P22", "an encoded question mark", "ran public.read", target=b"/public/a%3Fb=c")
    yield Case("P22", "a path in the query", "ran public.read", target=b"/public/a?/../../admin")
    yield Case("P22", "an absolute URI in the query", "ran public.read", target=b"/public/a?next=http://evil.test/%2e%2e/admin")
