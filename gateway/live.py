"""``GET /admin/live``: the running gateway as Server-Sent Events; see docs/console.md for what they hold.

A `snapshot`, then a `delta` about twice a second with what has changed, and an `event` for each that sessions and
supervision tell. One reading serves all viewers; while nobody looks there is none.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

from aiohttp import web
from loguru import logger

from actors.ids import SessionId
from actors.registry_messages import AgentList, ListAgents
from actors.session_events import TranscriptLine
from actors.topology import REGISTRY_PATH
from gateway.chronicle import described
from gateway.http_api import agent_json
from gateway.rest import ApiError, an_id
from gateway.telemetry import EVERY
from gateway.viewers import Bounds, Viewers
from gateway.wire import encode
from supervisor.events import ChildRestarting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from gateway.chronicle import Chronicle
    from gateway.glance import Glance, Row
    from gateway.history import History
    from gateway.rest import ApiSettings
    from gateway.telemetry import Observers
    from gateway.trends import Trends
    from gateway.viewers import Viewer
    from supervisor.events import SupervisionEvent

    Ask = Callable[[str, object, float], Awaitable[object | None]]
    Rows = Mapping[str, Row]

BEAT_S: Final = 0.5
REST: Final = 9  # times as long as a reading took, it rests: looking costs a tenth of the loop at most
ASK_S: Final = 0.4  # the registry answers from memory; where it does not, the agents stay as they were
CHUNK: Final = 500  # actors in one frame
_SHOWN: Final = ("id", "url", "status", "activeSessions", "links", "breaker")


class Live:
    """The stream and its viewers. ``totals`` gives the figures of the whole; ``now`` is monotonic seconds."""

    hears = frozenset[type]({ChildRestarting})

    def __init__(
        self,
        glance: Glance,
        chronicle: Chronicle,
        trends: Trends,
        ask: Ask,
        totals: Callable[[], dict[str, object]],
        wall: Callable[[], float],
        history: History | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.viewers = Viewers(bounds or Bounds())
        self.readings = 0
        self._glance = glance
        self._chronicle = chronicle
        self._trends = trends
        self._ask = ask
        self._totals = totals
        self._wall = wall
        self._history = history
        self._rows: Rows = {}
        self._whole: dict[str, object] = {}
        self._task: asyncio.Task[None] | None = None
        self._came = asyncio.Event()
        # what is said comes with the session's story
        self.observers: Observers = dict.fromkeys(EVERY - {TranscriptLine}, self.observe)

    def observe(self, session_id: SessionId, event: object) -> None:  # noqa: ARG002 - events name their session
        """Show one event of a session to whoever looks; a `Tracer`."""
        if self.viewers.there:
            self._tell(event)

    def emit(self, event: SupervisionEvent) -> None:
        """Show a restart to whoever looks; an `EventSink`."""
        if self.viewers.there:
            self._tell(event)

    async def stop(self) -> None:
        """End every stream."""
        for viewer in self.viewers:
            viewer.end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def routes(self, settings: ApiSettings) -> list[web.RouteDef]:
        """The endpoints; admitted only."""

        async def stream(request: web.Request) -> web.StreamResponse:
            settings.admit(request)
            if self.viewers.full:
                raise ApiError(503, "too many look already")
            return await self._serve(request)

        async def story(request: web.Request) -> web.Response:
            settings.admit(request)
            return web.json_response(await self.story(SessionId(an_id(request.match_info["id"], "id"))))

        return [web.get("/admin/live", stream), web.get("/admin/sessions/{id}", story)]

    async def story(self, session_id: SessionId) -> dict[str, object]:
        """Tell one call's life, and what was said, masked. Raises `ApiError` where nothing is known of it."""
        story = self._chronicle.story(session_id)
        if story is None:
            raise ApiError(404, "Session not found")
        live = self._chronicle.is_live(session_id)
        return {
            "id": session_id,
            "live": live,
            "began": story.began_ms,
            "steps": story.steps(),
            "lines": await self._lines(session_id, live=live),
        }

    async def _lines(self, session_id: SessionId, *, live: bool) -> object:
        """None where no words are kept."""
        if self._history is None:
            return None
        if live:
            return self._history.lines(session_id)
        document = await asyncio.to_thread(self._history.read, session_id) or {}
        lines = document.get("transcript")
        return [line for line in lines if line.get("type") == "final"] if isinstance(lines, list) else []

    # --- one viewer ---

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        response = web.StreamResponse(headers=headers)
        viewer = self.viewers.add(lambda: request.transport is None)
        try:
            await response.prepare(request)
            self._begin()
            await self._pass_on(viewer, response)
        except TimeoutError:  # it does not read
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # it has gone
        finally:
            self.viewers.remove(viewer)
        return response

    async def _pass_on(self, viewer: Viewer, response: web.StreamResponse) -> None:
        while frame := await viewer.take():
            async with asyncio.timeout(self.viewers.bounds.write_s):
                await response.write(frame)

    # --- all of them ---

    def _begin(self) -> None:
        self._came.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="live stream")
            self._task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (bug := task.exception()) is not None:
            logger.opt(exception=bug).error("the live stream failed; its viewers may come back")
            for viewer in self.viewers:
                viewer.end()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self.viewers.there:
            self._came.clear()
            began = loop.time()
            rows = await self._glance.read()
            took = loop.time() - began
            await self._spread(rows, await self._read_whole())
            self.viewers.sweep()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), max(BEAT_S, REST * took))
        self._rows, self._whole = {}, {}

    async def _spread(self, rows: Rows, whole: dict[str, object]) -> None:
        self.readings += 1
        changed, gone = changes(self._rows, rows)
        news = {name: value for name, value in whole.items() if self._whole.get(name) != value}
        self._rows, self._whole = rows, whole
        if changed or gone or news:
            for frame in self._frames("delta", changed, {**news, "gone": gone} if gone else news):
                self.viewers.put(frame)
                await asyncio.sleep(0)
        new = [viewer for viewer in self.viewers if viewer.wants_snapshot]
        if new:
            await self._show(new, rows, whole)

    async def _show(self, viewers: list[Viewer], rows: Rows, whole: dict[str, object]) -> None:
        """Give a snapshot; where there are many actors, the most of them follow in deltas."""
        for viewer in viewers:
            viewer.wants_snapshot = False
        head = {**whole, "series": self._trends.series(), "recent": self._chronicle.recent()}
        for frame in self._frames("snapshot", rows, head):
            for viewer in viewers:
                viewer.put(frame)
            await asyncio.sleep(0)

    def _frames(self, event: str, rows: Rows, head: Mapping[str, object]) -> Iterator[bytes]:
        paths = iter(rows)
        while True:
            part = {path: rows[path] for path in islice(paths, CHUNK)}
            more = {"more": True} if len(part) == CHUNK else {}
            yield _frame(event, {"at": self._at(), **head, "actors": part, **more})
            event, head = "delta", {}
            if not more:
                return

    async def _read_whole(self) -> dict[str, object]:
        answer = await self._ask(REGISTRY_PATH, ListAgents(), ASK_S)
        agents = self._whole.get("agents", [])
        if isinstance(answer, AgentList):
            rows = [agent_json(info) for info in answer.agents]
            agents = [{name: row[name] for name in _SHOWN} for row in rows]
        point = {"look": self._trends.looks, **(self._trends.newest() or {})}
        return {"totals": self._totals(), "agents": agents, "point": point}

    def _tell(self, event: object) -> None:
        step = described(self._at(), event)
        if step is not None:
            self.viewers.put(_frame("event", step))

    def _at(self) -> int:
        return int(self._wall() * 1000)


def changes(before: Rows, now: Rows) -> tuple[dict[str, Row], list[str]]:
    """Compare two readings: by path the fields that differ, all of a new row; and the paths that are gone."""
    changed: dict[str, Row] = {}
    for path, row in now.items():
        known = before.get(path)
        if known is None:
            changed[path] = row
        elif known != row:
            changed[path] = {name: value for name, value in row.items() if known.get(name, ...) != value}
    return changed, [path for path in before if path not in now]


def _frame(event: str, data: Mapping[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event.encode(), encode(data))
