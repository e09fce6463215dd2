"""The approval service itself behind real Envoy: every kind of caller waits for a person, and goes on when one says yes."""

from __future__ import annotations

import time

import grpc
import openai
import pytest
from openai import OpenAI
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from harness import raw
from harness.calls import Call
from harness.envoy import wait_for

DELETE = "autogen:model:delete"


def client(held, issuer, *scopes: str) -> OpenAI:
    return OpenAI(base_url=f"{held.url}/v1", api_key=issuer.token(*scopes), timeout=30)


def test_a_call_waits_until_it_is_approved_and_is_made_once(held, service, issuer, upstream):
    with upstream.untouched(0.3):
        call = Call(lambda: raw.request(held.port, "DELETE", "/v1/models/waits", issuer.token(DELETE)))
        approval = service.asked(path="/v1/models/waits")
    with upstream.expect(1) as seen:
        assert service.decide(approval["id"], reason="it is old").status == 200
        answer = call.answer()
    assert (answer.status, answer.json()["deleted"]) == (200, True)
    assert (seen[0].method, seen[0].target) == ("DELETE", "/v1/models/waits")
    record = held.record_of(answer)
    assert (record["decision"], record["approval"]["id"]) == ("allow", approval["id"])
    assert record["approval"]["approvers"] == [{"issuer": "https://idp.test/", "subject": "bo"}]
    after = service.approval(approval["id"])
    assert (after["status"], after["record"]) == ("used", record["record"])
    assert [event["kind"] for event in after["events"]] == ["asked", "approved", "used"]


def test_an_unchanged_client_is_approved_while_it_waits(held, service, issuer, upstream):
    with upstream.expect(1):
        call = Call(lambda: client(held, issuer, DELETE).models.delete("sdk-waits"))
        service.approve(path="/v1/models/sdk-waits")
        assert call.answer().deleted


def test_an_unchanged_client_is_approved_between_its_retries(held, service, issuer, upstream):
    with upstream.expect(1):
        call = Call(lambda: client(held, issuer, "autogen:file:delete").files.delete("file-retries"))
        approval = service.asked(path="/v1/files/file-retries")
        wait_for(lambda: held.stat("wasmcustom.scopewarden_decisions.decision.deny.tier.destroy.reason.approval_pending"),
                 "the first try to be told to come back")
        assert service.decide(approval["id"]).status == 200
        assert call.answer().deleted
    assert [event["kind"] for event in service.approval(approval["id"])["events"]] == ["asked", "approved", "used"]


def test_a_denied_client_is_told_why(held, service, issuer, upstream):
    with upstream.untouched():
        call = Call(lambda: client(held, issuer, DELETE).models.delete("denied"))
        approval = service.asked(path="/v1/models/denied")
        assert service.decide(approval["id"], "deny").status == 400, "a denial has to be explained"
        assert service.decide(approval["id"], "deny", reason="not on a Friday").status == 200
        with pytest.raises(openai.PermissionDeniedError, match="not on a Friday"):
            call.answer()
        with pytest.raises(openai.PermissionDeniedError, match=approval["id"]):
            client(held, issuer, DELETE).models.delete("denied")


@pytest.mark.parametrize("do, result", [("create", "hello"), ("create_stream", ["one ", "two ", "three", "one two three"])])
def test_an_unchanged_autogen_client_waits(held, service, issuer, upstream, autogen, do, result):
    with upstream.expect(1):
        call = Call(lambda: autogen(do, held.url, token=issuer.token("autogen:prompt", sub=do)))
        service.approve(operation="openai.chat.completions.create", principal={"issuer": "https://idp.test/", "subject": do})
        assert call.answer(30)["ok"] == result


def test_an_unchanged_autogen_client_is_refused(held, service, issuer, upstream, autogen):
    with upstream.untouched():
        call = Call(lambda: autogen("create", held.url, token=issuer.token("autogen:prompt", sub="refused")))
        approval = service.asked(principal={"issuer": "https://idp.test/", "subject": "refused"})
        service.decide(approval["id"], "deny", reason="too dear")
        error = call.answer(30)["error"]
    assert error["type"] == "PermissionDeniedError"
    assert "too dear" in error["text"]


def test_an_answer_streams_after_its_release(held, service, issuer, upstream):
    chat = client(held, issuer, "autogen:prompt").chat.completions
    messages = [{"role": "user", "content": "stream"}]
    call = Call(lambda: [c.choices[0].delta.content for c in chat.create(model="m", messages=messages, stream=True)])
    with upstream.expect(1):
        shown = service.approve(operation="openai.chat.completions.create")
        assert call.answer() == ["one ", "two ", "three", None]
    assert '"stream"' in shown["preview"]["body"]


TOOLS = ["mcp:connect", "mcp:tool:list", "mcp:tool:call", "mcp:github:write"]


def test_an_autogen_workbench_waits_for_its_tool(held, service, issuer, autogen, tool_server):
    before = len(tool_server.calls)
    token = issuer.token(*TOOLS)
    call = Call(lambda: autogen("tools", held.url, mcp_token=token, calls=[("create_issue", {"title": "held"})]))
    service.approve(operation="mcp.tools.call")
    assert [r["is_error"] for r in call.answer()["ok"]["results"]] == [False]
    assert tool_server.calls[before:] == [("create_issue", {"title": "held", "repo": "sandbox"})]


def tool_call(held, issuer, number: int, title: str) -> raw.Response:
    params = {"name": "create_issue", "arguments": {"title": title}}
    body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    return raw.request(held.port, "POST", "/mcp", issuer.token(*TOOLS), body)


def test_an_mcp_call_that_nobody_decides_gets_an_error_that_names_its_approval(held, service, issuer, tool_server):
    before = len(tool_server.calls)
    answer = tool_call(held, issuer, 7, "undecided")
    (approval,) = service.pending(operation="mcp.tools.call")
    assert (answer.status, answer.json()["id"]) == (200, 7)
    assert answer.json()["error"]["data"]["approval"] == approval["id"]
    assert answer.json()["error"]["data"]["reason"] == "approval_pending"
    service.decide(approval["id"], "deny", reason="no")
    denied = tool_call(held, issuer, 8, "undecided").json()
    assert denied["error"]["data"]["reason"] == "approval_denied", "the id counts up, the call is the same"
    assert len(tool_server.calls) == before


def test_an_a2a_call_comes_back_for_its_approval(held, service, issuer, upstream):
    def send(number: str) -> dict:
        body = {"jsonrpc": "2.0", "id": number, "method": "SendMessage", "params": {"message": {"parts": []}}}
        return raw.request(held.port, "POST", "/a2a", issuer.token("a2a:message:send"), body).json()

    with upstream.untouched():
        waits = send("one")
    approval = service.asked(operation="a2a.messages.send")
    assert (waits["id"], waits["error"]["data"]["approval"]) == ("one", approval["id"])
    service.decide(approval["id"])
    with upstream.expect(1):
        assert send("two")["result"]


def websocket(held, token: str):
    headers = {"Authorization": f"Bearer {token}"}
    return connect(f"ws://localhost:{held.port}/api/ws/runs/1", additional_headers=headers, open_timeout=15, compression=None)


def test_a_websocket_opens_when_it_is_approved(held, service, issuer, websocket_echo):
    before = len(websocket_echo.paths)
    call = Call(lambda: websocket(held, issuer.token("autogen:run:connect")))
    approval = service.asked(operation="autogen-studio.runs.connect")
    assert len(websocket_echo.paths) == before
    service.decide(approval["id"])
    with call.answer() as connection:
        connection.send("ping")
        assert connection.recv(timeout=5) == "ping"

    call = Call(lambda: websocket(held, issuer.token("autogen:run:connect")))
    service.decide(service.asked(operation="autogen-studio.runs.connect")["id"], "deny", reason="no")
    with pytest.raises(InvalidStatus) as refused:
        call.answer()
    assert refused.value.response.status_code == 403
    assert len(websocket_echo.paths) == before + 1


def test_a_grpc_stream_opens_when_it_is_approved(held, service, issuer, grpc_echo):
    def talk() -> list[bytes]:
        with grpc.insecure_channel(f"localhost:{held.port}") as channel:
            metadata = [("authorization", f"Bearer {issuer.token('autogen:runtime:channel')}")]
            stream = channel.stream_stream("/agents.AgentRpc/OpenChannel")
            return list(stream(iter([b"a", b"b", b"c"]), metadata=metadata, timeout=15))

    before = len(grpc_echo.calls)
    call = Call(talk)
    approval = service.asked(operation="autogen-grpc.channel.open")
    assert len(grpc_echo.calls) == before
    service.decide(approval["id"])
    assert call.answer() == [b"a", b"b", b"c"]

    call = Call(talk)
    service.decide(service.asked(operation="autogen-grpc.channel.open")["id"], "deny", reason="no")
    with pytest.raises(grpc.RpcError) as refused:
        call.answer()
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert len(grpc_echo.calls) == before + 1


def test_two_people_are_two_people(held, service, issuer, upstream):
    path = "/v1/fine_tuning/jobs/j/cancel"
    with upstream.untouched(0.3):
        call = Call(lambda: raw.request(held.port, "POST", path, issuer.token("autogen:finetune:write")))
        approval = service.asked(path=path)
        assert service.decide(approval["id"]).json()["missing"] == 1
        assert service.decide(approval["id"]).status == 403, "the same person again"
    with upstream.expect(1):
        assert service.decide(approval["id"], token=service.token("dee")).json()["missing"] == 0
        answer = call.answer()
    assert answer.status == 200
    assert [a["subject"] for a in held.record_of(answer)["approval"]["approvers"]] == ["bo", "dee"]


def test_breaking_the_glass_takes_a_scope_and_a_reason_and_is_recorded(held, service, issuer, upstream):
    path = "/v1/fine_tuning/jobs/emergency/cancel"
    call = Call(lambda: raw.request(held.port, "POST", path, issuer.token("autogen:finetune:write")))
    id = service.asked(path=path)["id"]
    glass = service.token("bo", "acme:approve", "acme:break-glass")
    assert service.decide(id, "break_glass", reason="fire").status == 403
    assert service.decide(id, "break_glass", glass).status == 400
    own = service.token("alice", "acme:approve", "acme:break-glass")
    assert service.decide(id, "break_glass", own, reason="fire").status == 403, "no exemption for the requester"
    with upstream.expect(1):
        assert service.decide(id, "break_glass", glass, reason="fire").status == 200
        answer = call.answer()
    record = held.record_of(answer)
    assert record["approval"]["break_glass"] is True
    assert service.approval(id)["votes"][0]["reason"] == "fire"


def test_what_is_not_held_never_meets_the_service(held, service, issuer, upstream):
    started = time.monotonic()
    with upstream.expect(1):
        assert raw.request(held.port, "GET", "/v1/models", issuer.token("autogen:model:read")).status == 200
    assert time.monotonic() - started < 1
    assert service.pending(operation="openai.models.list") == []
