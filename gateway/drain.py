"""Taking a gateway out of service without cutting a call: no new ones, the live ones until a deadline.

serving -> draining -> drained        (`undo` leads back to serving)
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.rest import ApiError, json_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.rest import ApiSettings

MAX_S = 24 * 3600.0
POLL_S = 0.05  # calls set no event of the loop; nobody waits for a drain with a stopwatch


class State(StrEnum):
    """Whether callers are taken."""

    SERVING = "serving"
    DRAINING = "draining"
    DRAINED = "drained"


class Drain:
    """One gateway's drain. ``calls`` counts the live ones; ``end_calls`` tells them to come back elsewhere."""

    def __init__(
        self,
        calls: Callable[[], int],
        end_calls: Callable[[], Awaitable[None]],
        now: Callable[[], float],
        usual_s: float,
    ) -> None:
        self.state = State.SERVING
        self._calls = calls
        self._end_calls = end_calls
        self._now = now
        self._usual_s = usual_s
        self._deadline = 0.0
        self._task: asyncio.Task[None] | None = None

    def why_not(self) -> str:
        """Why no callers are taken; empty while they are."""
        return "" if self.state is State.SERVING else "the gateway is being drained"

    def begin(self, deadline_s: float | None = None) -> asyncio.Task[None]:
        """Take no more callers; done when the last call has ended. Asking again only moves the deadline."""
        self._deadline = self._now() + (self._usual_s if deadline_s is None else deadline_s)
        if self._task is None or self._task.done():
            self.state = State.DRAINING
            self._task = asyncio.get_running_loop().create_task(self._run(), name="drain")
        return self._task

    async def undo(self) -> None:
        """Take callers again."""
        await self.stop()
        self.state = State.SERVING

    async def stop(self) -> None:
        """Wait for nothing any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def describe(self) -> dict[str, object]:
        """Plain values for the API."""
        left_s = max(0.0, self._deadline - self._now()) if self.state is State.DRAINING else None
        return {"state": self.state.value, "calls": self._calls(), "deadline_in_s": left_s}

    async def _run(self) -> None:
        while self._calls() and self._now() < self._deadline:  # noqa: ASYNC110 - see POLL_S
            await asyncio.sleep(POLL_S)
        if self._calls():
            await self._end_calls()
        self.state = State.DRAINED

    # --- over HTTP ---

    def routes(self, settings: ApiSettings) -> list[web.RouteDef]:
        """The endpoints; admitted only."""

        async def show(request: web.Request) -> web.Response:
            settings.admit(request)
            return web.json_response(self.describe())

        async def start(request: web.Request) -> web.Response:
            settings.admit(request)
            self.begin(_deadline(await json_object(request) if request.can_read_body else {}))
            return web.json_response(self.describe(), status=202)

        async def undo(request: web.Request) -> web.Response:
            settings.admit(request)
            await self.undo()
            return web.json_response(self.describe())

        path = "/admin/drain"
        return [web.get(path, show), web.post(path, start), web.delete(path, undo)]


def _deadline(body: dict[str, object]) -> float | None:
    given = body.get("deadline_s")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= MAX_S:
        raise ApiError(400, f"deadline_s must be a number from 0 to {MAX_S:.0f}")
    return float(given)
