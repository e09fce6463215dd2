"""The unchanged `mcp` 2.x client in both protocol eras, through Envoy."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from harness import raw

READ = ["mcp:connect", "mcp:tool:list", "mcp:tool:call", "mcp:github:read"]
eras = pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])


def session(envoy, token: str, mode: str, *steps):
    """Runs `steps` (coroutine functions of a client) one after the other; a refusal is returned, not raised."""

    async def run():
        results = []
        http = httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=10)
        async with http, Client(streamable_http_client(f"{envoy.url}/mcp", http_client=http), mode=mode) as client:
            for step in steps:
                try:
                    results.append(await step(client))
                except MCPError as error:
                    results.append(error)
        return results

    return asyncio.run(asyncio.wait_for(run(), 20))


def text(result) -> str:
    assert not result.is_error, result
    return result.content[0].text


@eras
def test_allowed(envoy, issuer, tool_server, mode):
    before = len(tool_server.calls)
    tools, issue = session(
        envoy, issuer.token(*READ), mode, lambda c: c.list_tools(), lambda c: c.call_tool("get_issue", {"number": 3})
    )
    assert sorted(t.name for t in tools.tools) == ["create_issue", "delete_repo", "get_issue"]
    assert text(issue) == "issue 3"
    assert tool_server.calls[before:] == [("get_issue", {"number": 3})]


@eras
def test_a_refused_tool_is_an_error_and_the_session_goes_on(envoy, issuer, tool_server, mode):
    before = len(tool_server.calls)
    refused, issue = session(
        envoy, issuer.token(*READ), mode,
        lambda c: c.call_tool("delete_repo", {"name": "prod"}), lambda c: c.call_tool("get_issue", {"number": 4}),
    )
    assert isinstance(refused, MCPError)
    assert "delete_repo" in refused.message
    assert refused.data["reason"] == "tool_not_allowed"
    assert text(issue) == "issue 4"
    assert tool_server.calls[before:] == [("get_issue", {"number": 4})]


@eras
def test_arguments_are_judged(envoy, issuer, tool_server, mode):
    before = len(tool_server.calls)
    token = issuer.token(*READ, "mcp:github:write")
    refused, absent, created = session(
        envoy, token, mode,
        lambda c: c.call_tool("create_issue", {"title": "a", "repo": "prod"}),
        lambda c: c.call_tool("create_issue", {"title": "b"}),
        lambda c: c.call_tool("create_issue", {"title": "c", "repo": "sandbox"}),
    )
    assert isinstance(refused, MCPError) and refused.data["reason"] == "argument_not_allowed"
    assert isinstance(absent, MCPError) and absent.data["reason"] == "argument_not_allowed"
    assert text(created) == "created c in sandbox"
    assert [call[1]["title"] for call in tool_server.calls[before:]] == ["c"]


def test_may_not_connect(envoy, issuer):
    with pytest.raises(MCPError) as raised:
        try:
            session(envoy, issuer.token("autogen:prompt"), "legacy")
        except BaseExceptionGroup as group:
            raise leaf(group) from None
    assert raised.value.data["reason"] == "scope_missing"
    assert "mcp:connect" in raised.value.message


def leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@pytest.mark.parametrize(
    "body, reason",
    [
        ([{"jsonrpc": "2.0", "id": 1, "method": "ping"}], "jsonrpc_batch"),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_issue","name":"delete_repo"}}', "json_duplicate_key"),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_issue","n\\u0061me":"delete_repo"}}', "json_duplicate_key"),
        ('{"jsonrpc":"2.0","id":1,"method":"ping"}'.encode("utf-16"), "json_not_utf8"),
        (b"{", "json_malformed"),
    ],
    ids=["batch", "duplicate key", "escaped duplicate key", "utf-16", "cut"],
)
def test_bodies_without_an_id_to_answer_under(envoy, issuer, tool_server, body, reason):
    before = len(tool_server.calls)
    headers = [("content-type", "application/json")] if isinstance(body, bytes) else []
    answer = raw.request(envoy.port, "POST", "/mcp", issuer.token(*READ), body, headers)
    assert answer.status == 400
    assert answer.decision["reason"] == reason
    assert tool_server.calls[before:] == []


def test_an_unknown_method_is_a_json_rpc_error(envoy, issuer):
    body = {"jsonrpc": "2.0", "id": "x-1", "method": "nothing/known"}
    answer = raw.request(envoy.port, "POST", "/mcp", issuer.token(*READ), body)
    assert (answer.status, answer.json()["id"]) == (200, "x-1")
    assert answer.json()["error"]["data"]["reason"] == answer.decision["reason"] == "operation_unknown"


def test_headers_that_lie_about_the_body_are_refused(envoy, issuer, tool_server):
    before = len(tool_server.calls)
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "delete_repo", "arguments": {"name": "x"}}}
    answer = raw.request(
        envoy.port, "POST", "/mcp", issuer.token(*READ, "mcp:github:write"), body,
        [("mcp-method", "tools/call"), ("mcp-name", "get_issue"), ("mcp-protocol-version", "2026-07-28")],
    )
    assert answer.decision["reason"] == "mcp_header_mismatch"
    assert tool_server.calls[before:] == []
