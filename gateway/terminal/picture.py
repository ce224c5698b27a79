"""What the stream has told so far: rows of actors, agents, figures, events. Pure: no clock, no terminal."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Row = dict[str, Any]

SESSIONS: Final = "node/sessions/"
MAX_EVENTS: Final = 100
JUST_NOW_MS, RECENTLY_MS = 60_000, 5 * 60_000
DEEP_MAILBOX: Final = 20
_NO_AGENT: Final = frozenset({"picking", "dialling", "backing_off", "closing", "cutting_over", "returning"})
_BEING_BUILT: Final = frozenset({"dialling", "initialising", "starting", "swapping"})
_NOT_SERVED: Final = frozenset({"waiting", "ending", "ended", "closing", "stopping"})


class Health(StrEnum):
    """How a call is, the worst first; as the console sees it."""

    FAILING = "failing"
    NO_AGENT = "no_agent"
    RECOVERING = "recovering"
    PARKED = "parked"
    IDLE = "idle"
    HEALTHY = "healthy"


WORST_FIRST: Final = {health: place for place, health in enumerate(Health)}


@dataclass(slots=True)
class Picture:
    """Fed with `snapshot`, `delta` and `event`. Times are Unix milliseconds by the gateway's clock."""

    at: int = 0
    actors: dict[str, Row] = field(default_factory=dict)
    agents: list[Row] = field(default_factory=list)
    totals: Row = field(default_factory=dict)
    series: Row = field(default_factory=dict)
    events: deque[Row] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    complete: bool = False
    """Whether all actors are here: those of a large gateway come in several frames."""

    def take(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take one event of the stream."""
        match kind:
            case "event":
                self.events.append(dict(data))
            case "snapshot":
                self.actors = {}
                self.series = {name: list(v) if isinstance(v, list) else v for name, v in _of(data, "series").items()}
                self.events = deque(data.get("recent", ()), maxlen=MAX_EVENTS)
                self._take_rows(data)
            case "delta":
                self._take_rows(data)
                self._take_point(_of(data, "point"))
            case _:
                pass  # a later gateway may tell more

    def calls(self) -> Iterator[Row]:
        """One row per call, with its ``id``, in the order in which they came."""
        for path, row in self.actors.items():
            if row.get("kind") == "session":
                yield {"id": path.removeprefix(SESSIONS), **row}

    def figure(self, name: str) -> float | None:
        """The newest value of a figure; None where nothing was measured."""
        values = self.series.get(name)
        return values[-1] if values else None

    def rate(self, name: str) -> float:
        """A counted figure, a second."""
        return (self.figure(name) or 0) / (self.series.get("step_s") or 1)

    def _take_rows(self, data: Mapping[str, Any]) -> None:
        self.at = data.get("at", self.at)
        for path, fields in _of(data, "actors").items():
            self.actors.setdefault(path, {}).update(fields)
        for path in data.get("gone", ()):
            self.actors.pop(path, None)
        self.agents = data.get("agents", self.agents)
        self.totals = data.get("totals", self.totals)
        self.complete = not data.get("more")

    def _take_point(self, point: Mapping[str, Any]) -> None:
        if not point or point.get("look", 0) <= self.series.get("look", 0):
            return  # the series has it
        self.series["look"] = point["look"]
        for name, value in point.items():
            if name != "look":
                values = self.series.setdefault(name, [])
                values.append(value)
                del values[: -self.series.get("points", 180)]


def health_of(row: Mapping[str, Any], now: int) -> Health:
    """How a call is; ``now`` by the gateway's clock."""
    state, lost = row.get("state"), row.get("lost")
    if row.get("restarts_left") == 0 or state == "unresponsive":
        return Health.FAILING
    if state in _NO_AGENT or (row.get("mailbox") or 0) > DEEP_MAILBOX:
        return Health.NO_AGENT
    if state == "parked":
        return Health.PARKED
    if state in _BEING_BUILT or (lost and now - lost < JUST_NOW_MS):
        return Health.RECOVERING
    return Health.IDLE if state in _NOT_SERVED else Health.HEALTHY


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls somebody looks for. ``state`` is a state or a health; ``restarted``: in the last five minutes."""

    agent: str = ""
    state: str = ""
    failing: bool = False
    restarted: bool = False

    def __call__(self, row: Mapping[str, Any], now: int) -> bool:
        """Whether it is this one."""
        health, lost = health_of(row, now), row.get("lost")
        return (
            (not self.agent or row.get("agent") == self.agent)
            and (not self.state or self.state.replace("-", "_") in {row.get("state"), health})
            and (not self.failing or health in {Health.FAILING, Health.NO_AGENT})
            and (not self.restarted or bool(lost and now - lost < RECENTLY_MS))
        )


class Order(StrEnum):
    """In which order calls are shown."""

    TROUBLE = "trouble"
    NEWEST = "newest"
    SLOWEST = "slowest"


def chosen(picture: Picture, wanted: Wanted, order: Order, now: int) -> list[Row]:
    """The calls that are wanted, in order, each with its ``health``."""
    rows = [{**row, "health": health_of(row, now)} for row in picture.calls() if wanted(row, now)]
    match order:
        case Order.TROUBLE:
            return sorted(rows, key=lambda row: (WORST_FIRST[row["health"]], -(row.get("lost") or 0)))
        case Order.NEWEST:
            return sorted(rows, key=lambda row: -(row.get("began") or 0))
        case Order.SLOWEST:
            return sorted(rows, key=lambda row: -(row.get("added_ms") or [0, -1])[1])


@dataclass(frozen=True, slots=True)
class AgentGroup:
    """The instances of one agent: how many there are, serve, are being drained; their links."""

    id: str
    instances: int
    healthy: int
    draining: int
    links: int


def grouped(instances: Iterable[Mapping[str, Any]]) -> list[AgentGroup]:
    """Instances by agent, by name."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for instance in instances:
        groups.setdefault(str(instance.get("id")), []).append(instance)
    return [
        AgentGroup(
            name,
            len(rows),
            sum(row.get("status") == "healthy" and row.get("breaker") != "open" for row in rows),
            sum(row.get("status") == "draining" for row in rows),
            sum(row.get("links") or 0 for row in rows),
        )
        for name, rows in sorted(groups.items())
    ]


def _of(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return data.get(name) or {}
