"""WebSocket ``/session`` and GET ``/health`` on one port."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import Server, ServerConnection, serve

from agents.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.http11 import Request, Response

    from agents.config import AgentConfig
    from agents.conversation import Conversation
    from agents.toolbox import Toolbox
    from agents.voice import Voice

MAX_SESSIONS = 256
MAX_MESSAGE_BYTES = 1024 * 1024  # a memory is a notepad; audio frames are 2 kB
OPEN_TIMEOUT_S = 5.0
PING_S = 20.0
DRAIN_S = 3.0
"""For turns that are running when the agent stops: about one sentence."""
CLOSE_GOING_AWAY = 1001  # RFC 6455 7.4.1


class AgentServer:
    """The sockets of one agent process."""

    def __init__(
        self,
        config: AgentConfig,
        conversation: Callable[[], Conversation],
        toolbox: Toolbox,
        voice: Voice | None,
    ) -> None:
        self._config = config
        self._conversation = conversation
        self._toolbox = toolbox
        self._voice = voice
        self._sessions: set[Session] = set()
        self._started = time.monotonic()
        self._server: Server | None = None

    async def start(self) -> int:
        """Listen and return the port. Raises OSError when it is taken."""
        self._server = await serve(
            self._serve,
            self._config.bind,
            self._config.port,
            process_request=self._process_request,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=64,
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
        )
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        """Refuse new sessions, let running turns end, then close; bounded in time."""
        if self._server is None:
            return
        self._server.close(close_connections=False)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await asyncio.gather(*(session.wait_idle() for session in self._sessions))
        closing = [session.close(CLOSE_GOING_AWAY, "agent is stopping") for session in self._sessions]
        await asyncio.gather(*closing, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._server.wait_closed()

    def status(self) -> dict[str, Any]:
        """Tell how the agent is, as GET /health and heartbeats do."""
        return {
            "status": "healthy",
            "agentId": self._config.agent_id,
            "mode": str(self._config.mode),
            "activeSessions": len(self._sessions),
            "uptime": round(time.monotonic() - self._started, 3),
        }

    async def _serve(self, socket: ServerConnection) -> None:
        session = Session(
            socket,
            self._config.agent_id,
            self._conversation(),
            self._toolbox,
            self._voice,
            self._sessions.discard,
        )
        self._sessions.add(session)
        await session.run()

    def _process_request(self, socket: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/health":
            return _json(socket, HTTPStatus.OK, self.status())
        if path != "/session":
            return _json(socket, HTTPStatus.NOT_FOUND, {"error": "Use /session or /health"})
        if len(self._sessions) >= MAX_SESSIONS:
            return _json(socket, HTTPStatus.SERVICE_UNAVAILABLE, {"error": "Too many sessions"})
        return None


def _json(socket: ServerConnection, status: HTTPStatus, body: dict[str, Any]) -> Response:
    response = socket.respond(status, json.dumps(body) + "\n")
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response
