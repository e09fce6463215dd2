"""A real MCP server (the `mcp` package, both protocol eras on one URL) that counts the tools it ran."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from .asgi import Server


class ToolServer(Server):
    def __init__(self) -> None:
        self.calls: list[tuple[str, dict]] = []
        server = MCPServer("github")

        @server.tool()
        def get_issue(number: int) -> str:
            """Reads an issue."""
            self.calls.append(("get_issue", {"number": number}))
            return f"issue {number}"

        @server.tool()
        def create_issue(title: str, repo: str = "sandbox") -> str:
            """Opens an issue."""
            self.calls.append(("create_issue", {"title": title, "repo": repo}))
            return f"created {title} in {repo}"

        @server.tool()
        def delete_repo(name: str) -> str:
            """Deletes a repository."""
            self.calls.append(("delete_repo", {"name": name}))
            return f"deleted {name}"

        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        super().__init__(server.streamable_http_app(transport_security=security))
