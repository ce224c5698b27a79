"""Agents that do what a black box says: refuse, answer, hand over, hang up; and nothing of their own."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from gateway.replay_script import SILENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response


class StandIn:
    """All instances of one agent."""

    def __init__(self, agent_id: str, refusals: Mapping[int, int]) -> None:
        self.agent_id = agent_id
        self.urls: list[str] = []
        self._refusals = refusals
        self._dials = 0
        self._links: list[ServerConnection] = []
        self._mute: set[ServerConnection] = set()

    async def hand_over(self, target: str) -> None:
        """Ask for a hand-off on the newest link."""
        request = {"type": "handoff_request", "targetAgentId": target, "context": {}}
        for link in self._links[-1:]:
            await link.send(json.dumps(request))

    async def hang_up(self, code: int) -> None:
        """Close the newest link."""
        for link in self._links[-1:]:
            await link.close(code)

    def tear(self) -> None:
        """Break the newest link as a network would."""
        for link in self._links[-1:]:
            link.transport.abort()

    async def refuse(self, link: ServerConnection, request: Request) -> Response | None:
        """Refuse the dials that were refused, and answer probes."""
        if request.path == "/health":
            return link.respond(HTTPStatus.OK, json.dumps({"status": "healthy", "agent": self.agent_id}))
        self._dials += 1
        status = self._refusals.get(self._dials)
        if status == SILENT:
            self._mute.add(link)
            return None
        return None if status is None else link.respond(HTTPStatus(status), "as recorded\n")

    async def take(self, link: ServerConnection) -> None:
        """Say that it is ready, and hear the rest."""
        self._links.append(link)
        try:
            async for frame in link:
                message = json.loads(frame) if isinstance(frame, str) else {}
                if message.get("type") == "session_init" and link not in self._mute:
                    await link.send(json.dumps({"type": "connected", "sessionId": message["sessionId"]}))
        except ConnectionClosed:
            pass  # how it was broken is the gateway's to see
        finally:
            self._links.remove(link)
            self._mute.discard(link)


@asynccontextmanager
async def standing_in(
    agents: Mapping[str, int], refusals: Mapping[tuple[str, int], int]
) -> AsyncIterator[dict[str, StandIn]]:
    """Serve so many instances of each agent, on free ports."""
    async with AsyncExitStack() as stack:
        there = {}
        for agent_id, instances in agents.items():
            own = {number: status for (name, number), status in refusals.items() if name == agent_id}
            there[agent_id] = agent = StandIn(agent_id, own)
            for _ in range(instances):
                server = await stack.enter_async_context(
                    serve(agent.take, "127.0.0.1", 0, process_request=agent.refuse, close_timeout=1)
                )
                agent.urls.append(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")
        yield there
