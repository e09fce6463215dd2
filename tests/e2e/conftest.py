"""What every test can ask for. Servers and the main Envoy live for the whole session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from fakes.grpc_echo import Echo as GrpcEcho
from fakes.issuer import ISSUER, Issuer
from fakes.mcp_server import ToolServer
from fakes.scripted import Scripted
from fakes.upstream import Upstream
from fakes.websocket_echo import Echo as WebSocketEcho
from harness import raw
from harness.autogen import AutoGen
from harness.browser import Chromium
from harness.config import Setup
from harness.databases import Databases
from harness.envoy import Envoy, wait_for
from harness.service import SCOPE, Service

POLICIES = Path(__file__).parent / "policies"


def load_policy(name: str = "main") -> dict:
    return yaml.safe_load((POLICIES / f"{name}.yaml").read_text())


@contextmanager
def closing(thing) -> Iterator:
    try:
        yield thing
    finally:
        thing.close()


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    with closing(Issuer()) as it:
        yield it


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with closing(Upstream()) as it:
        yield it


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    with closing(Scripted()) as it:
        yield it


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with closing(Chromium()) as it:
        yield it


@pytest.fixture(scope="session")
def tool_server() -> Iterator[ToolServer]:
    with closing(ToolServer()) as it:
        yield it


@pytest.fixture(scope="session")
def grpc_echo() -> Iterator[GrpcEcho]:
    with closing(GrpcEcho()) as it:
        yield it


@pytest.fixture(scope="session")
def websocket_echo() -> Iterator[WebSocketEcho]:
    with closing(WebSocketEcho()) as it:
        yield it


@pytest.fixture(scope="session")
def autogen() -> Iterator[AutoGen]:
    with closing(AutoGen()) as it:
        yield it


def has_keys(envoy: Envoy, issuer: Issuer) -> bool:
    """Whether every worker has fetched the issuer's keys: new connections spread over the workers."""
    token = issuer.token("autogen:model:read")
    return all(raw.request(envoy.port, "GET", "/v1/models", token).status == 200 for _ in range(8))


@contextmanager
def running(issuer: Issuer, setup: Setup, directory: Path, **options) -> Iterator[Envoy]:
    """An Envoy that knows the issuer's keys. It is alive at the end."""
    envoy = Envoy(setup, directory, **options)
    try:
        wait_for(lambda: has_keys(envoy, issuer), "the issuer's keys")
        yield envoy
        assert envoy.alive(), envoy.log()[-4000:]
    finally:
        envoy.stop()


@pytest.fixture(scope="session")
def envoy(tmp_path_factory, issuer, upstream, tool_server, grpc_echo, websocket_echo) -> Iterator[Envoy]:
    """The shipped configuration with the main policy."""
    routes = {
        "/mcp": (tool_server.port, False),
        "/agents.AgentRpc/": (grpc_echo.port, True),
        "/api/ws/": (websocket_echo.port, False),
    }
    setup = Setup(load_policy(), upstream.port, issuer.port, routes)
    with running(issuer, setup, tmp_path_factory.mktemp("envoy")) as it:
        yield it


@pytest.fixture(scope="session")
def databases(tmp_path_factory) -> Iterator[Databases]:
    with closing(Databases(tmp_path_factory.mktemp("databases"))) as it:
        yield it


def held_policy(service: Service, **changes) -> dict:
    """What is held, and for how long: seconds where a test decides meanwhile, a moment where it is about coming back."""
    def hold(operation: str, hold: str, approvers: int = 1) -> dict:
        return {"operation": operation, "scope": SCOPE, "hold": hold, "approvers": approvers}

    policy = load_policy("approvals")
    policy["approvals"] = service.policy(
        hold("openai.models.delete", "10s"), hold("openai.files.delete", "500ms"),
        hold("openai.fine_tuning.jobs.cancel", "10s", approvers=2), hold("openai.chat.completions.create", "10s"),
        hold("mcp.tools.call", "2s"), hold("a2a.messages.send", "500ms"), hold("autogen-studio.runs.connect", "10s"),
        hold("autogen-grpc.channel.open", "10s"), hold("acme.keys.*", "10s"), **changes,
    )
    return policy


def start_service(directory: Path, issuer: Issuer, database: str) -> Service:
    same_person = [{"issuer": ISSUER, "subject": subject} for subject in ("carol", "carol-bot")]
    return Service(
        directory, issuer, database, same_person=[same_person], break_glass_scope="acme:break-glass", open_per_caller=1000
    )


def start_collector(directory: Path, issuer: Issuer, **audit) -> Service:
    """The service with the dev login and a collector that knows the token of the policy `audit`."""
    token = directory / "edge-token"
    token.write_text(load_policy("audit")["audit"]["token"] + "\n")
    audit = {"tokens": [{"name": "edge", "file": str(token)}], **audit}
    return Service(directory, issuer, f"sqlite:{directory}/approvals.db", dev_login=True, audit=audit)


@pytest.fixture(scope="session")
def service(tmp_path_factory, issuer, databases) -> Iterator[Service]:
    """The approval service, on SQLite."""
    with closing(start_service(tmp_path_factory.mktemp("service"), issuer, databases.fresh("sqlite"))) as it:
        yield it
        assert it.alive(), it.log()[-4000:]


@pytest.fixture(scope="session")
def held(tmp_path_factory, issuer, upstream, tool_server, grpc_echo, websocket_echo, service) -> Iterator[Envoy]:
    """An Envoy that asks the approval service."""
    routes = {
        "/mcp": (tool_server.port, False),
        "/agents.AgentRpc/": (grpc_echo.port, True),
        "/api/ws/": (websocket_echo.port, False),
    }
    setup = Setup(held_policy(service), upstream.port, issuer.port, routes, approvals=service.questions)
    with running(issuer, setup, tmp_path_factory.mktemp("held")) as envoy:
        yield envoy


@pytest.fixture
def start(tmp_path, upstream, issuer) -> Iterator[Callable[..., Envoy]]:
    """Starts an Envoy of the test's own: `start(policy, wasm=..., ecds=..., adjust=..., issuer=port)`."""
    running: list[Envoy] = []

    def start(policy: dict, **changes) -> Envoy:
        directory = tmp_path / f"envoy-{len(running)}"
        directory.mkdir()
        setup = Setup(policy, upstream.port, changes.pop("issuer", issuer.port), **changes)
        running.append(Envoy(setup, directory))
        return running[-1]

    yield start
    for envoy in running:
        envoy.stop()


@pytest.fixture
def arrivals(envoy) -> Callable:
    """`with arrivals(1):` fails unless exactly that many requests reach Envoy: a client that retries is found out."""

    @contextmanager
    def arrivals(count: int) -> Iterator[None]:
        before = envoy.requests_received()
        yield
        assert envoy.requests_received() - before == count

    return arrivals
