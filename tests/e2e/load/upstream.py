"""An upstream that costs little: it answers everything with 200, marked, and names the kind of request it is for."""

from __future__ import annotations

import asyncio

import httptools


class Peer(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport, self.parser, self.kind = transport, httptools.HttpRequestParser(self), b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.kind = b"none"

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"x-kind":
            self.kind = value

    def on_message_complete(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nx-upstream: yes\r\nx-kind: %s\r\ncontent-length: 2\r\n\r\nok" % self.kind)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Peer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
