"""Unchanged AutoGen 0.7 (its model client, an agent, its MCP workbench) through Envoy."""

from __future__ import annotations

import pytest

READ = ["mcp:connect", "mcp:tool:list", "mcp:tool:call", "mcp:github:read"]


@pytest.mark.parametrize("do, result", [("create", "hello"), ("create_stream", ["one ", "two ", "three", "one two three"])])
def test_model_client_allowed(envoy, autogen, issuer, upstream, arrivals, do, result):
    with upstream.expect(1), arrivals(1):
        assert autogen(do, envoy.url, token=issuer.token("autogen:prompt"))["ok"] == result


@pytest.mark.parametrize("do", ["create", "create_stream"])
@pytest.mark.parametrize(
    "scopes, model, error, code",
    [
        (["autogen:model:read"], "gpt-4o-mini", "PermissionDeniedError", "scope_missing"),
        (["autogen:prompt"], "gpt-4o", "PermissionDeniedError", "model_not_allowed"),
        (None, "gpt-4o-mini", "AuthenticationError", "token_expired"),
    ],
)
def test_model_client_refused_once(envoy, autogen, issuer, upstream, arrivals, do, scopes, model, error, code):
    token = issuer.token(*scopes) if scopes else issuer.token("autogen:prompt", iat=1_000_000, exp=1_000_600)
    with upstream.untouched(), arrivals(1):
        outcome = autogen(do, envoy.url, token=token, model=model)
    assert outcome["error"]["type"] == error, outcome
    assert outcome["error"]["code"] == code
    assert outcome["error"]["body"]["code"] == code
    assert outcome["seconds"] < 5


def test_an_agent_uses_a_tool(envoy, autogen, issuer, tool_server):
    before = len(tool_server.calls)
    outcome = autogen(
        "agent", envoy.url, token=issuer.token("autogen:prompt"), mcp_token=issuer.token(*READ),
        task='call get_issue {"number": 7}',
    )
    assert outcome["ok"][-1]["content"] == "tool said: issue 7"
    assert tool_server.calls[before:] == [("get_issue", {"number": 7})]


def test_an_agent_is_told_why_its_tool_was_refused(envoy, autogen, issuer, tool_server):
    before = len(tool_server.calls)
    outcome = autogen(
        "agent", envoy.url, token=issuer.token("autogen:prompt"), mcp_token=issuer.token(*READ),
        task='call delete_repo {"name": "prod"}',
    )
    assert "delete_repo" in outcome["ok"][-1]["content"] and "tool said:" in outcome["ok"][-1]["content"]
    assert tool_server.calls[before:] == []
    assert outcome["seconds"] < 10


def test_an_agent_without_the_prompt_scope_fails(envoy, autogen, issuer):
    outcome = autogen(
        "agent", envoy.url, token=issuer.token("autogen:model:read"), mcp_token=issuer.token(*READ), task="hi"
    )
    assert outcome["error"]["type"] == "PermissionDeniedError"


def test_a_refusal_leaves_the_workbench_usable(envoy, autogen, issuer, tool_server):
    before = len(tool_server.calls)
    calls = [("delete_repo", {"name": "prod"}), ("get_issue", {"number": 1}), ("create_issue", {"title": "t"}),
             ("get_issue", {"number": 2})]
    outcome = autogen("tools", envoy.url, mcp_token=issuer.token(*READ), calls=calls)
    results = outcome["ok"]["results"]
    assert [r["is_error"] for r in results] == [True, False, True, False]
    assert "delete_repo" in results[0]["text"]
    assert tool_server.calls[before:] == [("get_issue", {"number": 1}), ("get_issue", {"number": 2})]
    assert outcome["seconds"] < 10, "AutoGen's MCP client hangs on refusals it does not understand"


def test_a_workbench_that_may_not_connect_fails_fast(envoy, autogen, issuer):
    outcome = autogen("tools", envoy.url, mcp_token=issuer.token("autogen:prompt"), calls=[])
    assert "mcp:connect" in outcome["error"]["text"]
    assert outcome["seconds"] < 10
