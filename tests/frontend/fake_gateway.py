"""A gateway for the page's tests: speaks the wire protocol, does what the test tells it."""

import asyncio
import json
import math
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

AUDIO_RATE = 24_000


@dataclass
class Call:
    """One accepted connection and what has come over it."""

    socket: ServerConnection
    path: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    frame_sizes: list[int] = field(default_factory=list)

    async def send(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def say(self, text: str, **fields: Any) -> None:
        await self.send("transcript", **{"role": "assistant", "text": text, "isFinal": True, "id": text, **fields})

    async def play(self, seconds: float) -> None:
        for start in range(0, int(seconds * AUDIO_RATE), 1920):
            await self.socket.send(tone(start, 1920))

    def of_type(self, type_: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == type_]


class FakeGateway:
    """Accepts calls; `personas` is the answer of its REST interface (None: 404)."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.personas: list[dict[str, Any]] | None = None
        self.connected: dict[str, Any] = {}
        self.changed = asyncio.Condition()
        self.port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def wait(self, predicate: Any, within_s: float = 10.0) -> Any:
        """Wait until `predicate()` is true; gives its value."""
        async with asyncio.timeout(within_s), self.changed:
            return await self.changed.wait_for(predicate)

    async def handle_call(self, socket: ServerConnection) -> None:
        call = Call(socket, socket.request.path if socket.request else "")
        self.calls.append(call)
        greeting = {"sessionId": f"session-{len(self.calls)}", "timestamp": 0, **self.connected}
        await call.send("connected", **greeting)
        try:
            async for frame in socket:
                if isinstance(frame, bytes):
                    call.audio += frame
                    call.frame_sizes.append(len(frame))
                else:
                    call.messages.append(json.loads(frame))
                async with self.changed:
                    self.changed.notify_all()
        except ConnectionClosed:
            pass

    def answer_http(self, _socket: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/sonic"):
            return None
        found = request.path == "/api/personas" and self.personas is not None
        body = json.dumps(self.personas if found else {"error": "not found"}).encode()
        status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
        headers = Headers({"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"})
        headers["Content-Length"] = str(len(body))
        headers["Connection"] = "close"
        return Response(status.value, status.phrase, headers, body)


def tone(start: int, count: int) -> bytes:
    """Give `count` samples of a 440 Hz tone, PCM16 little-endian."""
    samples = (int(6000 * math.sin(2 * math.pi * 440 * (start + i) / AUDIO_RATE)) for i in range(count))
    return struct.pack(f"<{count}h", *samples)


@asynccontextmanager
async def fake_gateway(port: int = 0) -> AsyncIterator[FakeGateway]:
    gateway = FakeGateway()
    server: Server
    async with serve(
        gateway.handle_call, "127.0.0.1", port, process_request=gateway.answer_http, compression=None
    ) as server:
        gateway.port = next(iter(server.sockets)).getsockname()[1]
        yield gateway
