"""The caller of a replay: says what is on record, hears whatever comes, comes back where he came back."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from actors.ids import SessionId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.asyncio.client import ClientConnection

GREETING_S = 20.0


class ReplayCaller:
    """One caller, over one socket after the other. An async context."""

    def __init__(self, url: str) -> None:
        self.session_id = SessionId("")
        self._url = url
        self._token = ""
        self._socket: ClientConnection
        self._hearing: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        await self._connect(self._url)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._hearing

    @property
    def close_code(self) -> int:
        """The code that the last socket was closed with; 0 while it is open."""
        return self._socket.close_code or 0

    async def come_back(self) -> None:
        """Return to the call with the token. Raises what a connection that fails raises."""
        await self.hang_up()
        mark = "&" if "?" in self._url else "?"
        await self._connect(f"{self._url}{mark}resume={self._token}")

    async def say(self, message: Mapping[str, object]) -> None:
        """Send one text message; without effect once the socket is closed."""
        with suppress(ConnectionClosed):
            await self._socket.send(json.dumps(message))

    async def speak(self, size: int) -> None:
        """Send so many bytes of silence; without effect once the socket is closed."""
        with suppress(ConnectionClosed):
            await self._socket.send(bytes(size))

    async def hang_up(self) -> None:
        """Go."""
        await self._socket.close()
        await self._hearing

    async def ended(self, deadline_s: float) -> None:
        """Wait until the socket is closed, no longer than the deadline."""
        await asyncio.wait([self._hearing], timeout=deadline_s)

    async def _connect(self, url: str) -> None:
        socket = await connect(url, max_queue=None)
        try:
            async with asyncio.timeout(GREETING_S):
                greeting = json.loads(await socket.recv())
            self.session_id = SessionId(str(greeting["sessionId"]))
        except BaseException:
            await socket.close()
            raise
        self._token = str(greeting.get("resumeToken", ""))
        self._socket = socket
        self._hearing = asyncio.get_running_loop().create_task(_hear(socket), name="caller")


async def _hear(socket: ClientConnection) -> None:
    with suppress(ConnectionClosed):  # the code is read afterwards
        async for _ in socket:
            pass
