"""A WebSocket server that sends every message back and remembers the paths it accepted."""

from __future__ import annotations

import threading

from websockets.sync.server import serve


class Echo:
    def __init__(self) -> None:
        self.paths: list[str] = []
        self._server = serve(self._handle, "127.0.0.1", 0)
        self.port: int = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()

    def _handle(self, connection) -> None:
        self.paths.append(connection.request.path)
        for message in connection:
            connection.send(message)
