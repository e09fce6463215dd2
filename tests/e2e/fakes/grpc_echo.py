"""A gRPC server that answers every method of `agents.AgentRpc` with the bytes it got."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc


class Echo(grpc.GenericRpcHandler):
    def __init__(self) -> None:
        self.calls: list[str] = []
        self._server = grpc.server(ThreadPoolExecutor(4), handlers=[self])
        self.port: int = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def close(self) -> None:
        self._server.stop(0)

    def service(self, details: grpc.HandlerCallDetails):
        if details.method.endswith("/OpenChannel"):
            return grpc.stream_stream_rpc_method_handler(lambda messages, _: self._echo_all(details.method, messages))
        return grpc.unary_unary_rpc_method_handler(lambda message, _: self._echo(details.method, message))

    def _echo(self, method: str, message: bytes) -> bytes:
        self.calls.append(method)
        return message

    def _echo_all(self, method: str, messages):
        self.calls.append(method)
        yield from messages
