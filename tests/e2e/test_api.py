"""Bad input to every field of the service's API: a problem document each time, and nothing stored."""

from __future__ import annotations

import copy
import json
import random
import sqlite3
import subprocess

import pytest
from jsonschema import Draft202012Validator

from conftest import closing
from harness import raw
from harness.databases import KINDS
from harness.questions import ask, call, fingerprint, question
from harness.service import SCOPE, Service

TABLES = ("approvals", "events", "deliveries", "sessions")
#: What stands in for every value in turn.
STRANGE = [
    None, True, False, 0, 1, -1, 1.5, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, 2**70, -(2**63) - 1, 1e308,
    "", " ", "0", "true", "null", "\0", "a\0b", "\u202e\u2066", "\ud800", "é" * 600, "a" * 129, "a" * 5000, "💥", "../..",
    "'; DROP TABLE approvals; --", "\r\nx-a: b", [], [1], [None], [[]], {}, {"a": 1}, {"": None},
]


@pytest.fixture(scope="module", params=KINDS)
def api(request, tmp_path_factory, issuer, databases):
    """The service, and what its database has."""
    database = databases.fresh(request.param)
    directory = tmp_path_factory.mktemp("api")
    with closing(Service(directory, issuer, database, open_per_caller=100_000)) as service:
        yield service, lambda: stored(database)
        assert service.alive(), service.log()[-4000:]
        assert '"level":"ERROR"' not in service.log(), service.log()[-4000:]


def stored(database: str) -> dict[str, list]:
    if database.startswith("sqlite:"):
        with sqlite3.connect(database.removeprefix("sqlite:")) as connection:
            return {t: sorted(map(repr, connection.execute(f"SELECT * FROM {t}"))) for t in TABLES}
    def rows(table: str) -> list[str]:
        command = ["psql", "--quiet", "--tuples-only", "--no-align", database, "--command", f"SELECT * FROM {table}"]
        return sorted(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())
    return {table: rows(table) for table in TABLES}


def document(service: Service) -> dict:
    answer = raw.request(service.people, "GET", "/openapi.json")
    assert answer.status == 200
    return answer.json()


def validator(service: Service, name: str) -> Draft202012Validator:
    components = document(service)["components"]
    return Draft202012Validator({"components": components, "$ref": f"#/components/schemas/{name}"})


def problem(answer: raw.Response, *statuses: int, of: object = None) -> None:
    assert answer.status in statuses, (answer, of)
    assert answer.header("content-type") == "application/problem+json", answer
    it = answer.json()
    assert it["status"] == answer.status and it["detail"] and it["title"], it
    assert it["type"].startswith("urn:scopewarden:problem:"), it


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Every place in a JSON value, itself included."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inside for place in places(item, (*path, key)))]


def variants(value: object):
    """The value with one thing strange: another value, a member less, a member more."""
    for path in places(value):
        for strange in STRANGE:
            yield changed(value, path, lambda holder, key, strange=strange: holder.__setitem__(key, copy.deepcopy(strange)))
        if path and isinstance(path[-1], str):
            yield changed(value, path, lambda holder, key: holder.__delitem__(key))
        yield changed(value, path, lambda holder, key: holder[key].update(extra=1) if isinstance(holder[key], dict) else None)


def changed(value: object, path: tuple, change) -> object:
    root = [copy.deepcopy(value)]
    holder, key = root, 0
    for step in path:
        holder, key = holder[key], step
    change(holder, key)
    return root[0]


def sent(port: int, method: str, path: str, token: str | None, body: object) -> raw.Response:
    data = json.dumps(body).encode() if not isinstance(body, bytes) else body
    return raw.request(port, method, path, token, data, [("content-type", "application/json")])


def is_own(body: object) -> bool:
    """Whether the fingerprint is the call's."""
    return isinstance(body, dict) and body.get("fingerprint") == fingerprint(body.get("call"))


def test_a_question_with_anything_wrong_is_refused(api):
    service, database = api
    right = validator(service, "Question")
    good = question(call("/v1/models/fields"))
    assert right.is_valid(good)
    all_variants = list(variants(good))
    # The same with a fingerprint that fits, so that it is not the fingerprint that gives them away.
    for variant in list(all_variants):
        if isinstance(variant, dict) and "call" in variant and variant["call"] != good["call"]:
            all_variants.append({**variant, "fingerprint": fingerprint(variant["call"])})
    wrong = [v for v in all_variants if not right.is_valid(v) or not is_own(v)]
    fine = [v for v in all_variants if right.is_valid(v) and is_own(v) and v["wait_ms"] <= 1]
    assert len(wrong) > 1000 and len(fine) > 100
    before = database()
    for variant in wrong:
        problem(sent(service.questions, "POST", "/v1/approvals", None, variant), 400, of=variant)
    assert database() == before
    # Strange and possible: a text may be anything. What the database cannot hold is refused as well.
    for variant in fine:
        answer = sent(service.questions, "POST", "/v1/approvals", None, variant)
        if answer.status != 200:
            problem(answer, 400, of=variant)
            assert "\\u0000" in json.dumps(variant) or "\\ud800" in json.dumps(variant), variant


def test_a_caller_that_leaves_with_anything_wrong_is_refused(api):
    service, database = api
    right = validator(service, "Abandoned")
    it = question(call("/v1/models/leaves"))
    assert sent(service.questions, "POST", "/v1/approvals", None, it).status == 200
    good = {member: it[member] for member in ("version", "nonce", "fingerprint")}
    before = database()
    for variant in variants(good):
        if not right.is_valid(variant):
            problem(sent(service.questions, "POST", "/v1/approvals/abandon", None, variant), 400, of=variant)
    assert database() == before


def test_a_decision_with_anything_wrong_is_refused(api):
    service, database = api
    right = validator(service, "Decision")
    id = ask(service, call("/v1/models/decided", set=None))
    before = database()
    for variant in variants({"decision": "deny", "reason": "no", "seen": ["apr_1"]}):
        if not right.is_valid(variant):
            problem(sent(service.people, "POST", f"/v1/approvals/{id}/decision", service.token(), variant), 400, of=variant)
    assert database() == before
    assert service.approval(id)["status"] == "pending"


def bytes_of(good: bytes) -> list[bytes]:
    chance = random.Random(4)
    return [
        b"", b" ", b"\xef\xbb\xbf" + good, good.decode().encode("utf-16"), good + b"x", good + good, good[:-1] + b",}",
        good.replace(b'"', b"'"), b"[" * 100_000, b'{"a":' * 100_000, b"NaN", b'{"version":1e999}', b"\xff\xfe", b"null", b"<html>",
        b"decision=approve", *(good[:n] for n in range(1, len(good), 13)), *(chance.randbytes(n) for n in range(1, 200, 20)),
    ]


def test_bodies_that_are_no_json_are_refused(api):
    service, database = api
    id = ask(service, call("/v1/models/bytes", set=None))
    before = database()
    for body in bytes_of(json.dumps(question(call("/v1/models/b"))).encode()):
        problem(sent(service.questions, "POST", "/v1/approvals", None, body), 400, 413)
        problem(sent(service.questions, "POST", "/v1/approvals/abandon", None, body), 400, 413)
    for body in bytes_of(b'{"decision":"deny","reason":"no"}'):
        problem(sent(service.people, "POST", f"/v1/approvals/{id}/decision", service.token(), body), 400, 413)
    assert database() == before


def test_other_ways_to_ask_are_refused(api):
    service, database = api
    id = ask(service, call("/v1/models/ways", set=None))
    before = database()
    token = service.token()
    for path, operations in document(service)["paths"].items():
        for port, tag in ((service.questions, "proxies"), (service.people, "people")):
            there = {m.upper() for m, operation in operations.items() if operation["tags"] == [tag]}
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FROB"):
                # What is no API is a page, at the people's door; `abandon` looks like an id there.
                if method not in there and (port == service.questions or path.startswith("/v1/")):
                    problem(raw.request(port, method, path.replace("{id}", id), token, b""), 404, 405)
    decision = f"/v1/approvals/{id}/decision"
    body = b'{"decision":"deny","reason":"no"}'
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", "json", ""):
        problem(raw.request(service.people, "POST", decision, token, body, [("content-type", media_type)]), 415)
    for query in ("x=1", "status=open", "limit=0", "limit=501", "limit=x", "limit=1&limit=1", "before=x", "status=decided&before=%00",
                  "status=decided&before=apr_0", "status[]=pending", "status=pending&before=" + id):
        problem(service.api("GET", f"/v1/approvals?{query}", token), 400)
    for strange in ("%00", "%ff", "apr_%F0%9F%92%A5", "a" * 500, "APR_1", "..%2f..", "apr_1'--"):
        problem(service.api("GET", f"/v1/approvals/{strange}", token), 404)
        problem(service.decide(strange), 404)
    for path in ("/v1/me?x=1", "/v1/events?x=1", f"/v1/approvals/{id}?x=1", f"{decision}?x=1"):
        method = "POST" if path.startswith(decision) else "GET"
        problem(service.api(method, path, token, {"decision": "deny", "reason": "no"} if method == "POST" else None), 400)
    assert database() == before
    assert service.approval(id)["status"] == "pending"


def test_tokens_that_are_none_prove_nobody(api, issuer):
    service, database = api
    id = ask(service, call("/v1/models/tokens", set=None))
    before = database()
    good = service.token()
    wrong = ["", "x", "a.b.c", good[:-4] + "AAAA", good + "x", issuer.token(SCOPE), service.token(exp=1), service.token(iss="https://evil.test/")]
    for token in (None, *wrong):
        for method, path in (("GET", "/v1/me"), ("GET", "/v1/approvals"), ("GET", f"/v1/approvals/{id}"), ("GET", "/v1/events"),
                             ("POST", f"/v1/approvals/{id}/decision")):
            body = {"decision": "approve"} if method == "POST" else None
            answer = service.api(method, path, token, body)
            problem(answer, 401)
            assert answer.header("www-authenticate") == 'Bearer realm="scopewarden"'
    assert database() == before
    # Nothing of a token is in the log.
    for part in (p for token in (good, *wrong) for p in token.split(".") if len(p) > 20):
        assert part not in service.log()
