"""J, K and S: tokens that prove nothing, keys that are none, and scopes that only look like the one that is needed."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from harness import raw

from .case import Case
from .issuers import url
from .oracle import FULL, LOW, NOBODY, Caller
from .tokens import Mint, base64url, hs256

TARGET, RIGHT = b"/sessions/1", "ran sessions.read"
SCOPE = "corpus:sessions"
MALFORMED, ALGORITHM, HEADER, CLAIMS = "deny token_malformed", "deny token_algorithm", "deny token_header", "deny token_claims"
SIGNATURE, UNKNOWN, AUDIENCE, TYPE, UNAVAILABLE = "deny token_signature", "deny token_key_unknown", "deny token_audience", "deny token_type", "deny keys_unavailable"
#: The order of the group of P-256.
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Make = Callable[[Mint], bytes]


def forged(id: str, name: str, expect: str, token: Make) -> Case:
    """Whoever shows it is nobody."""
    return Case(id, name, expect, target=TARGET, caller=NOBODY, token=token)


def genuine(id: str, name: str, expect: str, token: Make, caller: Caller = LOW, target: bytes = TARGET) -> Case:
    return Case(id, name, expect, target=target, caller=caller, token=token)


def headed(key: str = "main", sign=None, **header: object) -> Make:
    """Good claims under another header."""
    return lambda mint: mint.make(mint.claims(scope=SCOPE), mint.header(key, **header), key, sign)


def claimed(**claims: object) -> Make:
    """Other claims under a good header; numbers may be said as functions of now."""
    return lambda mint: mint.make(mint.claims(**{"scope": SCOPE, **{n: v(mint.now) if callable(v) else v for n, v in claims.items()}}))


def again(member: str, where: str = "claims") -> Make:
    """A good token with one more member, as text."""

    def make(mint: Mint) -> bytes:
        claims, header = json.dumps(mint.claims(scope=SCOPE)), json.dumps(mint.header())
        if where == "claims":
            return mint.make(f"{claims[:-1]}, {member}}}", header)
        return mint.make(claims, f"{header[:-1]}, {member}}}")

    return make


def cases() -> Iterator[Case]:
    yield from _headers()
    yield from _times()
    yield from _claims()
    yield from _encodings()
    yield from _keys()
    yield from _scopes()


def _headers() -> Iterator[Case]:
    nothing = lambda _: b""  # noqa: E731
    for alg in ["none", "nOnE", "None", "NONE", ""]:
        yield forged("J1", f"alg `{alg}`", ALGORITHM, headed(alg=alg))
        yield forged("J1", f"alg `{alg}` and no signature", MALFORMED, headed(alg=alg, sign=nothing))
    yield forged("J1", "no alg", ALGORITHM, headed(alg=...))
    yield forged("J1", "alg null", MALFORMED, headed(alg=None))
    yield forged("J1", "alg a list", MALFORMED, headed(alg=["ES256"]))
    yield forged("J1", "an empty signature", MALFORMED, headed(sign=nothing))
    yield forged("J1", "two parts", MALFORMED, lambda mint: mint.of(LOW).rpartition(b".")[0])
    yield forged("J1", "four parts", MALFORMED, lambda mint: mint.of(LOW) + b".e30")
    yield forged("J1", "five parts", MALFORMED, lambda mint: mint.of(LOW) + b".e30.e30")
    yield forged("J1", "the signature of another", SIGNATURE, lambda mint: mint.make(mint.claims(scope=" ".join(FULL.scopes))).rpartition(b".")[0] + b"." + mint.of(LOW).rpartition(b".")[2])
    yield forged("J1", "one bit of the signature", SIGNATURE, headed(sign=lambda data: bytes(64)))
    yield forged("J1", "a stranger's signature", SIGNATURE, lambda mint: mint.make(mint.claims(scope=SCOPE), mint.header(), "stranger"))
    for alg in ["HS256", "HS384", "HS512"]:
        yield forged("J2", f"{alg} with a public key as PEM", ALGORITHM, lambda mint, alg=alg: mint.make(mint.claims(scope=SCOPE), mint.header("rsa", alg=alg), sign=hs256(mint.keys["rsa"].public_pem())))
        yield forged("J2", f"{alg} with a public key as JWK", ALGORITHM, lambda mint, alg=alg: mint.make(mint.claims(scope=SCOPE), mint.header("rsa", alg=alg), sign=hs256(json.dumps(mint.keys["rsa"].jwk).encode())))
        yield forged("J2", f"{alg} with nothing", ALGORITHM, headed(alg=alg, sign=hs256(b"")))
    for alg in ["RS256", "PS256", "EdDSA", "ES384", "ES512", "ES256K"]:
        yield forged("J2", f"{alg} in the name of a key for ES256", ALGORITHM, headed(alg=alg))
    for name in ["jwk", "jku", "x5u", "x5c"]:
        value = {"jwk": {"kty": "EC"}, "x5c": ["MIIB"]}.get(name, "https://evil.test/keys")
        yield forged("J3", name, HEADER, headed(**{name: value}))
        yield forged("J3", f"{name}, signed by the key that it brings", HEADER, lambda mint, name=name: mint.make(mint.claims(scope=SCOPE), mint.header(**{name: mint.keys["stranger"].jwk if name == "jwk" else "https://evil.test/"}), "stranger"))
        yield forged("J3", f"{name} null", HEADER, headed(**{name: None}))
    for crit in [["bork"], ["b64"], ["exp"], "bork", [""], None]:
        yield forged("J4", json.dumps(crit), HEADER, headed(crit=crit, bork=1))
    yield forged("J5", "an empty crit", HEADER, headed(crit=[]))
    for b64 in [False, True, None]:
        yield forged("J5", f"b64 {json.dumps(b64)}", HEADER, headed(b64=b64))
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "JWS", "id+jwt", "application/dpop+jwt", "", 5, ["JWT"]]:
        yield forged("J14", f"typ {json.dumps(typ)}", TYPE if isinstance(typ, str) else MALFORMED, headed(typ=typ))
    for typ in ["JWT", "at+jwt", "AT+JWT", "application/at+jwt", ...]:
        yield genuine("J14", f"typ {'none' if typ is ... else typ}, which is one", RIGHT, headed(typ=typ))
    yield forged("J14", "cty JWT", TYPE, headed(cty="JWT"))
    for name, kid in {
        "a number": 5, "9 kB": "k" * 9000, "null": None, "a list": ["main"], "a path": "../../keys/main", "SQL": "main' OR '1'='1", "a URL": "https://evil.test/keys#main",
        "empty": "", "in capitals": "MAIN", "with a NUL": "main\x00", "257 bytes": "k" * 257,
    }.items():  # fmt: skip
        yield forged("J19", name, UNKNOWN if isinstance(kid, str) and len(kid) <= 256 else MALFORMED, headed(kid=kid))
    for name, size in {"16 kB": 16385, "20 kB": 20000, "30 kB": 30000}.items():
        yield forged("J20", name, "deny token_too_large", lambda _, size=size: b"e" * size)
    yield forged("J20", "20 kB, and signed", "deny token_too_large", claimed(pad="x" * 15000))
    yield genuine("J20", "8 kB, and signed", RIGHT, claimed(pad="x" * 6000))


def _times() -> Iterator[Case]:
    expired, early = "deny token_expired", "deny token_not_yet_valid"
    for seconds in [60, 14 * 60, 86_400]:
        yield forged("J6", f"{seconds} s ago", expired, claimed(exp=lambda now, s=seconds: now - s, iat=lambda now, s=seconds: now - s - 600))
    yield forged("J6", "in 1970", expired, claimed(exp=1, iat=0))
    yield forged("J6", "at zero", expired, claimed(exp=0, iat=0))
    yield genuine("J6", "10 s ago, which clocks may differ by", RIGHT, claimed(exp=lambda now: now - 5, iat=lambda now: now - 600))
    yield forged("J7", "none", CLAIMS, claimed(exp=...))
    yield forged("J7", "in another case", CLAIMS, claimed(exp=..., EXP=lambda now: now + 60))
    yield forged("J7", "in ten days", "deny token_lifetime", claimed(exp=lambda now: now + 864_000))
    yield forged("J7", "in ten days, without iat", "deny token_lifetime", claimed(exp=lambda now: now + 864_000, iat=...))
    for name, value in {"a string": lambda now: str(now + 60), "null": None, "true": True, "a list": lambda now: [now + 60], "an object": {}, "negative": -1, "text": "never"}.items():
        yield forged("J8", name, CLAIMS, claimed(exp=value))
    for text in ["1e300", "18446744073709551616", "9007199254740993", "99999999999999999999999999", "1e400", "NaN", "Infinity"]:
        yield forged("J9", text, MALFORMED if text in ("1e400", "NaN", "Infinity") else CLAIMS, lambda mint, text=text: mint.make(json.dumps(mint.claims(scope=SCOPE, exp="@")).replace('"@"', text)))
    yield forged("J9", "a fraction", CLAIMS, claimed(exp=lambda now: now + 60.5))
    for seconds in [60, 14 * 60, 86_400]:
        yield forged("J10", f"nbf in {seconds} s", early, claimed(nbf=lambda now, s=seconds: now + s))
        yield forged("J10", f"iat in {seconds} s", early, claimed(iat=lambda now, s=seconds: now + s, exp=lambda now, s=seconds: now + s + 60))
    for value in ["soon", None, -1, 1.5, True]:
        yield forged("J10", f"nbf {json.dumps(value)}", CLAIMS, claimed(nbf=value))


def _claims() -> Iterator[Case]:
    for name, member in {
        "in the payload": '"scope": "corpus:admin"', "behind an escape": '"sc\\u006fpe": "corpus:admin"', "the same": f'"scope": "{SCOPE}"', "as a list": '"scope": ["corpus:admin"]',
    }.items():  # fmt: skip
        yield forged("J11", name, MALFORMED, again(member))
    for member in ['"sub": "admin"', '"exp": 99999999999', '"iss": "https://idp.test/"', '"aud": "agents"', '"nbf": 1, "nbf": 2', '"email": "a", "email": "b"', '"x": {"y": 1, "y": 2}']:
        yield forged("J12", member, MALFORMED, again(member))
    for member in ['"alg": "none"', '"alg": "ES256"', '"kid": "rsa"', '"typ": "JWT"', '"k\\u0069d": "rsa"']:
        yield forged("J12", f"header {member}", MALFORMED, again(member, "header"))
    for name, aud in {
        "another": "other", "a prefix": "agent", "a longer one": "agents2", "in capitals": "AGENTS", "a blank behind": "agents ", "a number": 5, "null": None, "none": ..., "an empty list": [],
        "a list of others": ["a", "b"], "a list in a list": [["agents"]], "an object": {"agents": True}, "a slash behind": "agents/", "joined": "other agents", "empty": "", "a star": "*",
    }.items():  # fmt: skip
        named = aud is ... or isinstance(aud, str) or (isinstance(aud, list) and all(isinstance(one, str) for one in aud))
        yield forged("J13", name, AUDIENCE if named else CLAIMS, claimed(aud=aud))
    yield genuine("J13", "in a list", RIGHT, claimed(aud=["other", "agents"]))
    for name, iss in {"another": "https://evil.test/", "without its slash": "https://idp.test", "in capitals": "HTTPS://IDP.TEST/", "a list": ["https://idp.test/"], "null": None, "none": ..., "longer": "https://idp.test/x"}.items():
        yield forged("J13", f"issuer: {name}", "deny token_issuer" if isinstance(iss, str) or iss is ... else CLAIMS, claimed(iss=iss))
    for name, text in {"not JSON": "{scope}", "a list": "[]", "a string": '"x"', "empty": "", "two documents": "{}{}", "a byte order mark": "\ufeff{}"}.items():
        yield forged("J13", f"claims that are {name}", MALFORMED, lambda mint, text=text: mint.make(text))


def _encodings() -> Iterator[Case]:
    def part(number: int, change: Callable[[bytes], bytes]) -> Make:
        def make(mint: Mint) -> bytes:
            parts = mint.of(LOW).split(b".")
            parts[number] = change(parts[number])
            return b".".join(parts)

        return make

    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    def twin(text: bytes) -> bytes:
        """Another last character for the same bytes: a signature of 64 bytes leaves four bits over."""
        return text[:-1] + alphabet[alphabet.index(text[-1:]) ^ 1 :][:1]

    ambiguous = "deny authorization_ambiguous"
    for number, name in enumerate(["header", "claims", "signature"]):
        # What is no character of a bearer token (RFC 6750) makes it none; padding is one, at its end.
        yield forged("J15", f"padding in the {name}", MALFORMED if name == "signature" else ambiguous, part(number, lambda text: text + b"=" * (-len(text) % 4 or 4)))
        yield forged("J15", f"a character of the other alphabet in the {name}", MALFORMED, part(number, lambda text: text[:-1] + b"+"))
        yield forged("J15", f"an exclamation mark in the {name}", ambiguous, part(number, lambda text: text[:8] + b"!" + text[8:]))
        yield forged("J15", f"a blank in the {name}", ambiguous, part(number, lambda text: text[:8] + b" " + text[8:]))
    yield forged("J15", "a last character that is not canonical", MALFORMED, part(2, twin))

    def signed(r: int, s: int) -> Make:
        return headed(sign=lambda _: r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    for name, r, s in [("zero", 0, 0), ("r zero", 0, 1), ("s zero", 1, 0), ("one", 1, 1), ("the order", N, N), ("r the order", N, 1), ("all ones", 2**256 - 1, 2**256 - 1)]:
        yield forged("J16", name, SIGNATURE, signed(r, s))
    yield forged("J16", "in DER", SIGNATURE, lambda mint: mint.make(mint.claims(scope=SCOPE), sign=lambda data: mint.keys["main"].private.sign(data, ec.ECDSA(hashes.SHA256()))))
    yield forged("J16", "cut off", SIGNATURE, lambda mint: mint.make(mint.claims(scope=SCOPE), sign=lambda data: mint.keys["main"].sign(data)[:63]))
    yield forged("J16", "a byte more", SIGNATURE, lambda mint: mint.make(mint.claims(scope=SCOPE), sign=lambda data: mint.keys["main"].sign(data) + b"\x00"))
    yield forged("J16", "over a digest", SIGNATURE, lambda mint: mint.make(mint.claims(scope=SCOPE), sign=lambda data: mint.keys["main"].sign(hashlib.sha256(data).digest())))

    def malleable(mint: Mint) -> bytes:
        def sign(data: bytes) -> bytes:
            signature = mint.keys["main"].sign(data)
            return signature[:32] + (N - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")

        return mint.make(mint.claims(scope=SCOPE), sign=sign)

    yield genuine("J17", "may do what the other may", RIGHT, malleable)
    yield genuine("J17", "and no more", "deny scope_missing", malleable, target=b"/admin")


def _from(issuer: str, key: str, **header: object) -> Make:
    return lambda mint: mint.make(mint.claims(iss=url(issuer), scope=SCOPE), mint.header(key, **header), key)


def unknown_keys(port: int, token: bytes) -> None:
    """A good token under thirty invented key ids, eight at a time."""
    claims = token.split(b".")[1:]

    def one(number: int) -> None:
        header = base64url(json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": f"invented-{number}"}).encode())
        answer = raw.request(port, "GET", "/sessions/1", b".".join([header, *claims]).decode())
        assert answer.status in (200, 401), answer

    for start in range(0, 32, 8):
        threads = [threading.Thread(target=one, args=(number,)) for number in range(start, start + 8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _keys() -> Iterator[Case]:
    yield forged("J18", "RS256 by 1024 bits", UNKNOWN, _from("weak", "weak-bad"))
    yield Case("K1", "then a good token", RIGHT, target=TARGET, before=unknown_keys)
    yield Case("K1", "then what it may not", "deny scope_missing", target=b"/admin", before=unknown_keys)
    yield forged("K1", "one", UNKNOWN, headed(kid="nobody"))
    yield forged("K1", "the key of another issuer", UNKNOWN, _from("encryption", "main"))
    yield genuine("K2", "a key that stays", RIGHT, _from("rotating", "rotating-both"))
    yield genuine("K2", "the new key", RIGHT, _from("rotating", "rotating-new"))
    yield forged("K2", "the key that went", UNKNOWN, _from("rotating", "rotating-old"))
    yield forged("K3", "the first of one name", UNKNOWN, _from("same-kid", "same-kid-0"))
    yield forged("K3", "the second of one name", UNKNOWN, _from("same-kid", "same-kid-1"))
    yield genuine("K3", "the one beside them", RIGHT, _from("same-kid", "same-kid-good"))
    yield genuine("K3", "the only one without a name", RIGHT, _from("nameless", "nameless-0", kid=...))
    yield forged("K3", "a name for the one without", UNKNOWN, _from("nameless", "nameless-0", kid="x"))
    for number in (0, 1):
        yield forged("K3", f"of two without a name, number {number}", UNKNOWN, _from("nameless-two", f"nameless-two-{number}", kid=...))
    yield genuine("K3", "the one with a name beside two without", RIGHT, _from("nameless-two", "nameless-two-good"))
    for issuer in ["encryption", "wrap-only", "weak", "exponent-one", "off-curve"]:
        yield forged("K4", issuer, UNKNOWN, _from(issuer, f"{issuer}-bad"))
    for issuer in ["encryption", "wrap-only", "weak", "exponent-one", "off-curve", "symmetric", "private"]:
        yield genuine("K4", f"{issuer}, the good one beside it", RIGHT, _from(issuer, f"{issuer}-good"))
    yield forged("K4", "private", UNKNOWN, _from("private", "private-bad"))
    yield forged("K4", "symmetric", ALGORITHM, lambda mint: mint.make(mint.claims(iss=url("symmetric"), scope=SCOPE), mint.header("symmetric-bad", alg="HS256"), sign=hs256(b"secret-secret-secret-secret-12345678"[:36])))
    for issuer in ["huge", "many", "html", "redirect", "truncated", "slow", "list", "empty"]:
        yield forged("K5", issuer, UNAVAILABLE, _from(issuer, issuer))


def _scopes() -> Iterator[Case]:
    missing = "deny scope_missing"

    def scoped(id: str, name: str, expect: str, held: set[str], /, **claims: object) -> Case:
        """`held` is what RFC 6749 makes of the claims."""
        return genuine(id, name, expect, claimed(**{"scope": ..., **claims}), Caller(name, frozenset(held)))

    yield scoped("S1", "a string", RIGHT, {SCOPE}, scope=f"a {SCOPE} b")
    yield scoped("S1", "a list", RIGHT, {SCOPE}, scope=["a", SCOPE])
    # Two claims could say two things; which of them counts is the policy's to say, and the other must not be there.
    yield scoped("S1", "scp alone, which is not the claim", CLAIMS, set(), scp=SCOPE)
    yield scoped("S1", "scp as a list", CLAIMS, set(), scp=[SCOPE])
    yield scoped("S1", "scp has more", CLAIMS, set(), scope="a", scp=SCOPE)
    yield scoped("S1", "scp has less", CLAIMS, set(), scope=SCOPE, scp="a")
    for name in ["scopes", "roles", "permissions", "groups", "Scope", "SCOPE", "scope ", "https://idp.test/scope"]:
        yield scoped("S1", f"in `{name}`", missing, set(), **{name: SCOPE})
    for name, value in {"a number": 5, "an object": {SCOPE: True}, "true": True, "a list of lists": [[SCOPE]], "a list with a number": [SCOPE, 5], "null": None}.items():
        yield scoped("S1", name, CLAIMS, set(), scope=value)
    yield scoped("S1", "a list with two in one", missing, set(), scope=[f"a {SCOPE}"])
    for value in ["corpus:sessions:read", "corpus:session", "corpus:sessions2", "corpus", "corpus:*", "*", "corpus:sessions*", "corpus:sessions:*", "xcorpus:sessions", "corpus.sessions", "corpus/sessions", "sessions", "admin", "administrator", "**", ".*", "corpus:sessions?"]:
        yield scoped("S2", value, missing, set(), scope=value)
    for name, value in {
        "a tab": f"a\t{SCOPE}", "a line break": f"a\n{SCOPE}", "a non-breaking blank": f"a\u00a0{SCOPE}", "a comma": f"a,{SCOPE}", "a comma and a blank": f"{SCOPE}, a", "a semicolon": f"a;{SCOPE}",
        "a plus": f"a+{SCOPE}", "an encoded blank": f"a%20{SCOPE}", "a NUL": f"{SCOPE}\x00", "empty": "", "a blank alone": " ", "in capitals": SCOPE.upper(), "a wide colon": SCOPE.replace(":", "\uff1a"),
        "a letter of another script": SCOPE.replace("c", "\u0441", 1), "a long s": SCOPE.replace("s", "\u017f"), "an ideographic blank": f"a\u3000{SCOPE}", "quotes": f'"{SCOPE}"',
    }.items():  # fmt: skip
        yield scoped("S3", name, missing, set(), scope=value)
    for name, value in {"two blanks": f"a  {SCOPE}", "a blank in front": f" {SCOPE}", "a blank behind": f"{SCOPE} "}.items():
        # RFC 6749 has one space between two scopes, and none elsewhere.
        yield scoped("S3", name, missing, set(), scope=value)
