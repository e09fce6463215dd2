"""Ids of the ways past a gateway, and what each is about. A test holds the corpus to having a case for every one."""

from __future__ import annotations

IDS: dict[str, str] = {
    "P1": "an encoded slash", "P2": "an encoded line break or other control byte", "P3": "encoded letters", "P4": "empty and dot segments",
    "P5": "a dot-dot segment with a parameter", "P6": "backslashes", "P7": "encoded backslashes", "P8": "matrix parameters",
    "P9": "a slash at the end", "P10": "another case", "P11": "a fragment", "P12": "an encoded NUL",
    "P13": "overlong and full-width spellings", "P14": "what is encoded twice", "P15": "escapes that are none",
    "P16": "raw bytes that do not belong", "P17": "a tab", "P18": "an absolute target", "P19": "a target that is no path",
    "P20": "dots and slashes in a tail", "P21": "a path that is forwarded as it was judged", "P22": "where the path ends and the query starts",
    "Q1": "a parameter twice", "Q2": "a semicolon as separator", "Q3": "an encoded name", "Q4": "empty names and values, plus signs",
    "Q5": "bytes that no normalisation touches", "Q6": "a token in the query",
    "M1": "method overrides", "M2": "HEAD and OPTIONS", "M3": "CONNECT and TRACE", "M4": "methods off the list", "M5": "Host twice",
    "M6": "a Host with a path", "M7": "a Host with a user", "M8": "spellings of Host", "M9": "HTTP/2 with a Host as well", "M10": "foreign schemes",
    "H1": "Authorization that is not one token", "H2": "a space before the colon", "H3": "a header twice", "H4": "underscores for hyphens",
    "H5": "headers that Connection removes", "H6": "headers that rewrite the target", "H7": "the proxy's own headers",
    "H8": "the gateway's own headers", "H9": "a bare carriage return", "H10": "bare line feeds", "H11": "a NUL",
    "F1": "two lengths", "F2": "other transfer codings", "F3": "chunk extensions and broken chunks", "F4": "HTTP/1.1 trailers", "F5": "HTTP/2 trailers",
    "F6": "Expect", "F7": "pipelining", "F8": "a body over the cap", "F9": "a body where there is none", "F10": "old versions of HTTP", "F11": "an upgrade to h2c",
    "F12": "WebSockets", "F13": "what HTTP/2 forbids", "F14": "floods of frames",
    "B1": "a member twice", "B2": "a member in another case", "B3": "other encodings than UTF-8", "B4": "a charset parameter", "B5": "content codings",
    "B6": "other content types", "B7": "JSON content types", "B8": "numbers beyond what all read alike", "B9": "values that are coerced",
    "B10": "lone surrogates", "B11": "depth", "B12": "what is not quite JSON", "B13": "batches", "B13b": "arguments of tools", "B14": "JSON-RPC that is none",
    "B15": "a form field twice", "B16": "two boundaries", "B17": "extended names in forms", "B18": "nothing where there should be a body",
    "J1": "no algorithm or no signature", "J2": "a public key as secret", "J3": "keys that the token brings", "J4": "critical extensions",
    "J5": "an empty `crit`, and `b64`", "J6": "expired", "J7": "without expiry", "J8": "an expiry of another type", "J9": "an expiry beyond all numbers",
    "J10": "not valid yet", "J11": "a scope twice", "J12": "other members twice", "J13": "audiences", "J14": "other types of token",
    "J15": "other spellings of base64url", "J16": "ECDSA signatures of zero, and in DER", "J17": "the twin of an ECDSA signature", "J18": "short RSA keys",
    "J19": "strange key ids", "J20": "a huge token",
    "K1": "a flood of unknown keys", "K2": "rotation", "K3": "two keys of one name, and of none", "K4": "keys for something else", "K5": "documents that are no key set",
    "S1": "scopes as string and as list", "S2": "scopes that resemble others", "S3": "other separators",
}  # fmt: skip
