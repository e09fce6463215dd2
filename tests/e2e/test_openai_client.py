"""The unchanged `openai` client through Envoy: allowed calls work, refused ones raise the right error, once."""

from __future__ import annotations

import openai
import pytest
from openai import OpenAI

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}

# Name, call, the scope that it needs, the operation that the record names, what the upstream gets.
CALLS = [
    ("chat", lambda c: c.chat.completions.create(**CHAT).choices[0].message.content, "autogen:prompt",
     "openai.chat.completions.create", ("POST", "/v1/chat/completions")),
    ("stream", lambda c: "".join(p.choices[0].delta.content or "" for p in c.chat.completions.create(**CHAT, stream=True)),
     "autogen:prompt", "openai.chat.completions.create", ("POST", "/v1/chat/completions")),
    ("models.list", lambda c: [m.id for m in c.models.list()], "autogen:model:read",
     "openai.models.list", ("GET", "/v1/models")),
    ("models.delete", lambda c: c.models.delete("ft:mine").deleted, "autogen:model:delete",
     "openai.models.delete", ("DELETE", "/v1/models/ft:mine")),
    ("files.create", lambda c: c.files.create(file=("f.jsonl", b"{}\n"), purpose="fine-tune").id, "autogen:file:write",
     "openai.files.create", ("POST", "/v1/files")),
    ("files.delete", lambda c: c.files.delete("file-1").deleted, "autogen:file:delete",
     "openai.files.delete", ("DELETE", "/v1/files/file-1")),
    ("fine_tuning.create", lambda c: c.fine_tuning.jobs.create(model="m", training_file="file-1").id,
     "autogen:finetune:write", "openai.fine_tuning.jobs.create", ("POST", "/v1/fine_tuning/jobs")),
    ("fine_tuning.list", lambda c: [j.id for j in c.fine_tuning.jobs.list(limit=5)], "autogen:finetune:read",
     "openai.fine_tuning.jobs.list", ("GET", "/v1/fine_tuning/jobs?limit=5")),
]
RESULTS = {
    "chat": "hello", "stream": "one two three", "models.list": ["gpt-4o-mini", "ft:mine"], "models.delete": True,
    "files.create": "file-1", "files.delete": True, "fine_tuning.create": "ftjob-1", "fine_tuning.list": ["ftjob-1"],
}
each_call = pytest.mark.parametrize("name, call, scope, operation, wire", CALLS, ids=[c[0] for c in CALLS])


def client(envoy, token: str) -> OpenAI:
    return OpenAI(base_url=f"{envoy.url}/v1", api_key=token, timeout=15)


@each_call
def test_allowed(envoy, upstream, issuer, arrivals, name, call, scope, operation, wire):
    with upstream.expect(1) as seen, arrivals(1):
        assert call(client(envoy, issuer.token(scope))) == RESULTS[name]
    assert (seen[0].method, seen[0].target) == wire
    assert seen[0].header("authorization") == ["Bearer demo-upstream-key"], "the upstream's key, not the caller's token"
    record = envoy.records()[-1]
    assert (record["decision"], record["operation"]) == ("allow", operation)


@each_call
def test_refused_for_a_missing_scope(envoy, upstream, issuer, arrivals, name, call, scope, operation, wire):
    with upstream.untouched(), arrivals(1), pytest.raises(openai.PermissionDeniedError) as raised:
        call(client(envoy, issuer.token("something:else")))
    error = raised.value
    assert error.code == "scope_missing"
    assert error.type == "permission_error"
    assert scope in error.body["message"] and operation in error.body["message"]
    assert error.response.headers["x-should-retry"] == "false"
    assert f'scope="{scope}"' in error.response.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in error.response.headers["www-authenticate"]
    assert error.response.headers["x-scopewarden-decision"].startswith("deny; reason=scope_missing; record=")


@each_call
def test_refused_without_a_token_of_ours(envoy, upstream, arrivals, name, call, scope, operation, wire):
    with upstream.untouched(), arrivals(1), pytest.raises(openai.AuthenticationError) as raised:
        call(client(envoy, "sk-not-a-jwt"))
    assert raised.value.code == "token_malformed"
    assert 'error="invalid_token"' in raised.value.response.headers["www-authenticate"]


@pytest.mark.parametrize(
    "model, scopes, allowed",
    [
        ("gpt-4o", ["autogen:prompt"], False),
        ("gpt-4o", ["autogen:prompt", "autogen:prompt:large"], True),
        ("gpt-4o-mini", ["autogen:prompt", "autogen:prompt:large"], True),
        ("o3", ["autogen:prompt", "autogen:prompt:large"], False),
    ],
)
def test_models_by_scope(envoy, upstream, issuer, model, scopes, allowed):
    def ask():
        return client(envoy, issuer.token(*scopes)).chat.completions.create(**{**CHAT, "model": model})

    if allowed:
        assert ask().model == model
    else:
        with upstream.untouched(), pytest.raises(openai.PermissionDeniedError) as raised:
            ask()
        assert raised.value.code == "model_not_allowed"
        assert model in raised.value.body["message"]


def test_a_role_gives_its_groups_scopes(envoy, issuer):
    assert client(envoy, issuer.token(groups=["engineers"])).models.list().data
    with pytest.raises(openai.PermissionDeniedError):
        client(envoy, issuer.token(groups=["visitors"])).models.list()


@pytest.mark.parametrize("key", ["rsa", "pss", "p256", "p384", "ed"])
def test_every_key_type(envoy, issuer, key):
    assert client(envoy, issuer.token("autogen:model:read", key=key)).models.list().data


def test_a_large_prompt_passes_whole(envoy, upstream, issuer):
    text = "x" * 2_000_000
    with upstream.expect(1) as seen:
        ask = {**CHAT, "messages": [{"role": "user", "content": text}]}
        assert client(envoy, issuer.token("autogen:prompt")).chat.completions.create(**ask).choices
    assert seen[0].json()["messages"][0]["content"] == text


def test_a_refused_large_prompt_leaves_no_byte_upstream(envoy, upstream, issuer):
    ask = {**CHAT, "model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 2_000_000}]}
    with upstream.untouched(), pytest.raises(openai.PermissionDeniedError):
        client(envoy, issuer.token("autogen:prompt")).chat.completions.create(**ask)
