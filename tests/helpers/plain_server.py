"""A trivial HTTP server that answers at once, stands still when it is told to, and notes what it was asked.

``PlainServer()`` runs in a thread; ``python -m tests.helpers.plain_server`` is a process that prints its port.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import threading
from collections.abc import Callable
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
GOOD: Answer = (200, {}, b"{}")


class _Connection(asyncio.Protocol):
    def __init__(self, server: PlainServer) -> None:
        self._server = server
        self._buffer = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._server.connections += 1
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end]).decode("latin-1")
            length = next(
                (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")),
                0,
            )
            if len(self._buffer) < end + 4 + length:
                return
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            self._server.asked(head, body, self._answer)

    def _answer(self, answer: Answer) -> None:
        status, headers, body = answer
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *(f"{key}: {headers[key]}" for key in headers)]
        self._transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


class PlainServer:
    """``stall(after, seconds)`` stands still from the request ``after`` on; ``answer(number)`` says what it says."""

    def __init__(
        self, answer: Callable[[int], Answer] = lambda number: GOOD, tls: ssl.SSLContext | None = None
    ) -> None:
        self._answer, self._tls = answer, tls
        self._stall_at, self._stall_seconds, self._still_until = -1, 0.0, 0.0
        self.connects: list[str] = []
        self.connections = 0
        self.proxy_answer: Answer = (200, {}, b"")
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.count = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def stall(self, after: int, seconds: float) -> None:
        self._stall_at, self._stall_seconds = after, seconds

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def __enter__(self) -> PlainServer:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def asked(self, head: str, body: bytes, reply: Callable[[Answer], None]) -> None:
        if head.startswith("CONNECT "):
            # As a proxy that leads to itself.
            self.connects.append(head)
            reply(self.proxy_answer)
            return
        self.count += 1
        if self.count <= 5:
            self.heads.append(head)
            self.bodies.append(body)
        if self.count == self._stall_at:
            self._still_until = self._loop.time() + self._stall_seconds
        answer = self._answer(self.count)
        if self._loop.time() < self._still_until:
            self._loop.call_at(self._still_until, reply, answer)
        else:
            reply(answer)

    async def listen(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), "127.0.0.1", 0, backlog=1024, ssl=self._tls
        )
        self.port = server.sockets[0].getsockname()[1]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self.listen())
        self._loop.call_soon(self._ready.set)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.close()


async def _serve() -> None:
    server = PlainServer()
    await server.listen()
    print(server.port, flush=True)
    # Until whoever started it closes its input.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
