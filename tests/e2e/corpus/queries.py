"""Q: queries that say one thing to the gateway and another to the application."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case
from .oracle import FULL, LOW, NOBODY

OWN, OTHER = b"low%40example.com", b"full%40example.com"
UNBOUND, CONDITION, REPEATED, MALFORMED = "deny parameter_not_bound", "deny condition_failed", "deny query_repeated", "deny query_malformed"

REPORTS = [
    ("Q1", "what it may see, then more", b"view=summary&view=everything", REPEATED),
    ("Q1", "more, then what it may see", b"view=everything&view=summary", REPEATED),
    ("Q1", "the same twice", b"view=summary&view=summary", REPEATED),
    ("Q1", "again with an encoded name", b"view=summary&vie%77=everything", REPEATED),
    ("Q1", "again without a value", b"view=summary&view", REPEATED),
    ("Q1", "again behind others", b"view=summary" + b"&x=1" * 40 + b"&view=everything", REPEATED),
    ("Q2", "a semicolon", b"view=summary;view=everything", CONDITION),
    ("Q2", "a semicolon first", b";view=everything&view=summary", "ran reports.list"),
    ("Q2", "an encoded semicolon", b"view=summary%3bview=everything", CONDITION),
    ("Q3", "one letter encoded, more than it may see", b"%76iew=everything", CONDITION),
    ("Q3", "one letter encoded, what it may see", b"%76iew=summary", "ran reports.list"),
    ("Q3", "the value encoded", b"view=s%75mmary", "ran reports.list"),
    ("Q3", "every letter encoded", b"%76%69%65%77=%65verything", CONDITION),
    ("Q3", "encoded twice", b"%2576iew=everything", CONDITION),
    ("Q4", "no value", b"view", CONDITION),
    ("Q4", "an empty value", b"view=", CONDITION),
    ("Q4", "empty pairs around it", b"&&=x&view=summary&&", "ran reports.list"),
    ("Q4", "a plus for a space at its end", b"view=summary+", CONDITION),
    ("Q4", "a plus in front of the name", b"+view=summary", CONDITION),
    ("Q4", "brackets", b"view[]=summary", CONDITION),
    ("Q4", "another case", b"View=summary", CONDITION),
    ("Q4", "none at all", b"", CONDITION),
    ("Q4", "two equals signs", b"view==summary", CONDITION),
    ("Q4", "an encoded equals sign", b"view%3dsummary", CONDITION),
    ("Q4", "an encoded ampersand", b"view=summary%26view%3deverything", CONDITION),
    ("Q5", "an encoded NUL at its end", b"view=summary%00", MALFORMED),
    ("Q5", "an encoded NUL in another", b"view=summary&x=%00", MALFORMED),
    ("Q5", "an encoded line break", b"view=summary%0a", MALFORMED),
    ("Q5", "half an escape", b"view=summary&x=%4", MALFORMED),
    ("Q5", "an escape that is none", b"view=summary%zz", MALFORMED),
    ("Q5", "bytes that are not UTF-8", b"view=summary&x=%ff", MALFORMED),
    ("Q5", "a second question mark", b"?view=summary", CONDITION),
    ("Q5", "brackets, quotes and bars beside it", b'view=summary&x=<>"{}|^`', "ran reports.list"),
]

#: Of teams: whose they are is a parameter. Name, query, what becomes of it for LOW.
TEAMS = [
    ("Q1", "its own, then another's", b"user_id=%s&user_id=%s" % (OWN, OTHER), REPEATED),
    ("Q1", "another's, then its own", b"user_id=%s&user_id=%s" % (OTHER, OWN), REPEATED),
    ("Q2", "a semicolon", b"user_id=%s;user_id=%s" % (OWN, OTHER), UNBOUND),
    ("Q3", "an encoded name for another's", b"user%5fid=" + OTHER, UNBOUND),
    ("Q3", "its own, and an encoded name for another's", b"user_id=%s&%%75ser_id=%s" % (OWN, OTHER), REPEATED),
    ("Q3", "its own, not encoded", b"user_id=low@example.com", "ran teams.list"),
    ("Q4", "another's", b"user_id=" + OTHER, UNBOUND),
    ("Q4", "its own and a blank", b"user_id=%s+" % OWN, UNBOUND),
    ("Q4", "its own in capitals", b"user_id=LOW%40example.com", UNBOUND),
    ("Q4", "nobody's", b"", UNBOUND),
    ("Q4", "its own behind a name that resembles it", b"user-id=%s&user_id=%s" % (OTHER, OWN), "ran teams.list"),
    ("Q5", "its own and a NUL", b"user_id=%s%%00" % OWN, MALFORMED),
    ("Q5", "its own and a line break", b"user_id=%s%%0a" % OWN, MALFORMED),
]


def cases() -> Iterator[Case]:
    for id, name, query, expect in REPORTS:
        yield Case(id, f"reports: {name}", expect, target=b"/reports?" + query)
    for id, name, query, expect in TEAMS:
        yield Case(id, f"teams: {name}", expect, target=b"/teams/?" + query)
    yield Case("Q4", "teams: its own, posted with the same in the body", "ran teams.create", **_post(b"?user_id=" + OWN, b"low@example.com"))
    yield Case("Q4", "teams: its own in the query, another's in the body", UNBOUND, **_post(b"?user_id=" + OWN, b"full@example.com"))
    yield Case("Q4", "teams: another's in the query, its own in the body", UNBOUND, **_post(b"?user_id=" + OTHER, b"low@example.com"))
    for name in [b"access_token", b"token", b"bearer_token", b"authorization", b"jwt", b"Authorization"]:
        for place, what in {b"/sessions/1": "a read", b"/admin": "what does harm"}.items():
            query = lambda mint, name=name, place=place: place + b"?" + name + b"=" + mint.of(FULL)  # noqa: E731
            yield Case("Q6", f"{name.decode()} for {what}", "deny token_missing", caller=NOBODY, target=query)
    yield Case("Q6", "beside a token that may less", "deny scope_missing", caller=LOW, target=lambda mint: b"/admin?access_token=" + mint.of(FULL))
    yield Case("Q6", "in a path", "deny token_missing", caller=NOBODY, target=lambda mint: b"/sessions/" + mint.of(FULL))


def _post(query: bytes, user: bytes) -> dict:
    body = b'{"user_id":"%s"}' % user
    return {"method": b"POST", "target": b"/teams/" + query, "headers": [(b"content-type", b"application/json")], "body": body}
