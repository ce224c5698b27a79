"""Killing actors on request, to see what follows. There only where the setting ``chaos`` says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from loguru import logger

from actors.topology import NODE, SESSIONS_PATH
from gateway.rest import ApiError, an_id, json_object
from supervisor.messages import ChildList, KillChild, NoSuchChild, WhichChildren

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.rest import ApiSettings

ASK_S = 1.0
DONE_S = 0.05
"""A kill is not answered, one that is impossible is: at once, by the next turn of the actors on the way."""
MAX_PATH = 512
MAX_LINKS = 16


class Chaos:
    """``POST /admin/chaos/kill`` with ``{"actor": "node/registry"}`` or ``{"link_of": "<session id>"}``."""

    def __init__(self, ask: Callable[[str, object, float], Awaitable[object | None]], *, enabled: bool) -> None:
        self.enabled = enabled
        self._ask = ask

    async def kill(self, path: str) -> None:
        """End an actor as a crash would. Raises `ApiError` where there is none, or it is the root."""
        parent, _, name = path.rpartition("/")
        if parent != NODE and not parent.startswith(f"{NODE}/"):
            raise ApiError(400, f"actor must be a path below {NODE}, such as {NODE}/registry")
        if isinstance(await self._ask(parent, KillChild(name), DONE_S), NoSuchChild):
            raise ApiError(404, f"there is no actor {path}")
        logger.warning("Chaos: killed {}", path)

    async def newest_link(self, session_id: str) -> str:
        """The path of a session's newest link. Raises `ApiError` where there is none."""
        path = f"{SESSIONS_PATH}/{session_id}"
        found = await self._ask(path, WhichChildren(MAX_LINKS), ASK_S)
        if not isinstance(found, ChildList) or not found.children:
            raise ApiError(404, f"the session {session_id} has no link")
        return f"{path}/{found.children[-1].id}"

    def routes(self, settings: ApiSettings) -> list[web.RouteDef]:
        """The endpoint; admitted only, and only where it is enabled."""

        async def kill(request: web.Request) -> web.Response:
            settings.admit(request)
            if not self.enabled:
                raise ApiError(403, "chaos is switched off: set UNDERSTUDY_CHAOS=true where you want it")
            path = await self._target(await json_object(request))
            await self.kill(path)
            return web.json_response({"success": True, "killed": path}, status=202)

        return [web.post("/admin/chaos/kill", kill)]

    async def _target(self, body: dict[str, object]) -> str:
        match body:
            case {"actor": str(path)} if len(path) <= MAX_PATH:
                return path
            case {"link_of": session}:
                return await self.newest_link(an_id(session, "link_of"))
            case _:
                raise ApiError(400, "name an actor by its path, or the session whose link is to be killed as link_of")
