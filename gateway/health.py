"""Whether the process lives, whether it should get callers, and how loaded it is; for orchestrators and balancers.

Readiness is a list of named checks: a part that has a reason to get no callers adds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from actors.registry_messages import AgentList, ListAgents
from actors.topology import REGISTRY_PATH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Ask = Callable[[str, object, float], Awaitable[object | None]]
    Check = Callable[[], str]

TREE_S: Final = 1.0  # orchestrators wait a second by default


class Health:
    """Named checks, each of which returns why it is not ready, or nothing.

    Agents are no check: they register by way of the same address, so a gateway without any must be reachable.
    """

    def __init__(self, alive: Callable[[], bool], load: Callable[[], tuple[int, int]], ask: Ask) -> None:
        self._alive = alive
        self._load = load
        self._ask = ask
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Add a readiness check; it must not block."""
        self._checks[name] = check

    def reasons(self) -> dict[str, str]:
        """Return why no callers should come, by the name of the check; empty when they may."""
        return {name: why for name, check in self._checks.items() if (why := check())}

    def routes(self) -> list[web.RouteDef]:
        """The endpoints; open to all, for they tell nothing of callers."""
        return [
            web.get("/livez", self.livez),
            web.get("/readyz", self.readyz),
            web.get("/autoscaling", self.autoscaling),
        ]

    async def livez(self, _: web.Request) -> web.Response:
        """Answer 200 while the tree stands; a process whose tree has ended should be started again."""
        alive = self._alive()
        return web.json_response({"status": "alive" if alive else "dead"}, status=200 if alive else 503)

    async def readyz(self, _: web.Request) -> web.Response:
        """Answer 200, or 503 with the reasons."""
        reasons = self.reasons()
        if not await self._tree_answers():
            reasons["tree"] = "the registry does not answer"
        body = {"status": "not ready" if reasons else "ready", "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200)

    async def autoscaling(self, _: web.Request) -> web.Response:
        """Answer calls, room and their ratio; 503 when they are not known, for 0 would take away capacity in use."""
        if not await self._tree_answers():
            return web.json_response({"error": "the load is not known: the tree does not answer"}, status=503)
        calls, room = self._load()
        return web.json_response({"sessions": calls, "max_sessions": room, "load": round(calls / room, 4)})

    async def _tree_answers(self) -> bool:
        return isinstance(await self._ask(REGISTRY_PATH, ListAgents(), TREE_S), AgentList)
