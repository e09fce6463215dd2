"""Runs in AutoGen's own environment: one JSON job a line on stdin, one JSON outcome a line on stdout.

The clients are the unchanged public ones with their default settings; a job says only where to go, with which token,
and what to ask.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.tools.mcp import McpWorkbench, StreamableHttpServerParams

INFO = {
    "vision": False, "function_calling": True, "json_output": False, "family": "unknown", "structured_output": False,
    "multiple_system_messages": True,
}


def model_client(job: dict) -> OpenAIChatCompletionClient:
    return OpenAIChatCompletionClient(
        model=job.get("model", "gpt-4o-mini"), base_url=job["url"] + "/v1", api_key=job["token"], model_info=INFO
    )


def tool_server(job: dict) -> StreamableHttpServerParams:
    headers = {"Authorization": f"Bearer {job['mcp_token']}"}
    return StreamableHttpServerParams(url=job["url"] + "/mcp", headers=headers, timeout=10, sse_read_timeout=20)


async def create(job: dict):
    result = await model_client(job).create([UserMessage(content="hi", source="user")])
    return result.content


async def create_stream(job: dict):
    parts = []
    async for part in model_client(job).create_stream([UserMessage(content="hi", source="user")]):
        parts.append(part if isinstance(part, str) else part.content)
    return parts


async def agent(job: dict):
    """AssistantAgent decides to call a tool, McpWorkbench calls it."""
    async with McpWorkbench(server_params=tool_server(job)) as workbench:
        assistant = AssistantAgent("helper", model_client=model_client(job), workbench=workbench, reflect_on_tool_use=True)
        result = await assistant.run(task=job["task"])
        return [{"type": type(m).__name__, "content": str(m.content)} for m in result.messages]


async def tools(job: dict):
    """Several tool calls on one workbench: a refusal must not break the session."""
    async with McpWorkbench(server_params=tool_server(job)) as workbench:
        listed = [tool["name"] for tool in await workbench.list_tools()]
        calls = [await workbench.call_tool(name, arguments) for name, arguments in job["calls"]]
        return {"listed": listed, "results": [{"is_error": c.is_error, "text": c.to_text()} for c in calls]}


async def run(job: dict) -> dict:
    started = time.monotonic()
    try:
        outcome: dict = {"ok": await globals()[job["do"]](job)}
    except Exception as error:  # the outcome under test
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        outcome = {
            "error": {
                "type": type(error).__name__, "text": str(error), "code": getattr(error, "code", None),
                "status": getattr(error, "status_code", None), "body": getattr(error, "body", None),
            }
        }
    return {**outcome, "seconds": time.monotonic() - started}


async def main() -> None:
    print(json.dumps({"ready": True}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await run(json.loads(line)), default=str), flush=True)


asyncio.run(main())
