"""``GET /metrics``: what was counted as it happened, and what is read from the running parts when somebody asks."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from actors.registry_messages import AgentList, ListAgents
from actors.topology import REGISTRY_PATH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    from actors.registry_messages import AgentInfo
    from gateway.call_meter import CallMeter
    from gateway.meters import AgentNames, Meters
    from gateway.relay import CallerRelay
    from gateway.rest import ApiSettings
    from supervisor.system_base import AsyncioSystemBase

    Ask = Callable[[str, object, float], Awaitable[object | None]]

ASK_S: Final = 2.0  # below every scrape timeout in use
STATES: Final = ("waiting", "live", "held", "parked", "ending")
_DIRECTIONS: Final = ("to_agent", "to_caller")
_WORDS: Final = {
    "frames": _DIRECTIONS,
    "bytes": _DIRECTIONS,
    "dropped": ("caller_gone", "stash_full_or_old"),
    "stashed": ("",),
}
BATCH: Final = 500  # calls read between two turns of the loop: a scrape holds up no audio


class Totals:
    """Frames, bytes and drops: what calls that are over left, plus what the present ones have."""

    def __init__(self) -> None:
        self.figures: Counter[tuple[str, str]] = Counter()

    def add(self, relay: CallerRelay) -> None:
        """Add one call's figures."""
        counted, figures = relay.counters(), self.figures
        figures["frames", "to_agent"] += counted.to_agent_frames
        figures["bytes", "to_agent"] += counted.to_agent_bytes
        figures["frames", "to_caller"] += counted.to_caller_frames
        figures["bytes", "to_caller"] += counted.to_caller_bytes
        figures["dropped", "caller_gone"] += counted.late_frames
        figures["dropped", "stash_full_or_old"] += counted.dropped_frames - counted.late_frames
        figures["stashed", ""] += counted.stashed_bytes


class Reading:
    """A `Collector` of one scrape: the figures as they were when it was made."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        return iter(self._families)


class Metrics:
    """Reads the parts and answers scrapes."""

    def __init__(
        self, meters: Meters, base: AsyncioSystemBase, whole: CallMeter, lag_s: Callable[[], float], ask: Ask
    ) -> None:
        self._meters = meters
        self._base = base
        self._whole = whole
        self._lag_s = lag_s
        self._ask = ask
        self._over = Totals()
        self._calls: Iterable[CallerRelay] = ()
        self._more: list[Callable[[], Iterable[Metric]]] = []

    def watch(self, calls: Iterable[CallerRelay]) -> None:
        """Name the calls to be read; each iteration begins anew."""
        self._calls = calls

    def add(self, source: Callable[[], Iterable[Metric]]) -> None:
        """Name another source of families."""
        self._more.append(source)

    def call_over(self, relay: CallerRelay) -> None:
        """Keep what a call that ends has counted."""
        self._over.add(relay)
        self._over.figures.pop(("stashed", ""), None)

    def routes(self, settings: ApiSettings) -> list[web.RouteDef]:
        """The endpoint."""

        async def metrics(request: web.Request) -> web.Response:
            settings.admit(request)
            return web.Response(body=await self.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

        return [web.get("/metrics", metrics)]

    async def text(self) -> bytes:
        """Everything, in the text format."""
        answer = await self._ask(REGISTRY_PATH, ListAgents(), ASK_S)
        agents = answer.agents if isinstance(answer, AgentList) else None
        families = [*await self._of_calls(), *self._of_runtime(), *_of_agents(agents, self._meters.agents)]
        families += [family for source in self._more for family in source()]
        return generate_latest(self._meters.registry) + generate_latest(Reading(families))

    async def _of_calls(self) -> list[Metric]:
        # Calls that are over now are in `_over`, all others in the list: an end meanwhile is not counted twice.
        totals, states = Totals(), Counter(dict.fromkeys(STATES, 0))
        totals.figures.update(self._over.figures)
        for place, relay in enumerate(tuple(self._calls), 1):
            totals.add(relay)
            states[relay.state] += 1
            if place % BATCH == 0:
                await asyncio.sleep(0)
        figures = totals.figures
        return [
            _gauges("sessions", "Calls by state.", "state", states),
            _counters("frames", "Frames forwarded.", "direction", _part(figures, "frames")),
            _counters("bytes", "Bytes of frames forwarded.", "direction", _part(figures, "bytes")),
            _counters("dropped_frames", "Frames dropped.", "cause", _part(figures, "dropped")),
            _gauges("stashed_bytes", "Bytes kept for agents that are not there yet.", "", _part(figures, "stashed")),
            self._added(),
        ]

    def _added(self) -> Metric:
        family = HistogramMetricFamily(
            "understudy_added_delay_seconds", "Time from reading a frame to handing it on.", labels=("direction",)
        )
        for direction, delays in self._whole.directions():
            family.add_metric((direction,), delays.exported(), delays.sum_us / 1e6)
        return family

    def _of_runtime(self) -> list[Metric]:
        figures = self._base.statistics()
        deepest = max((len(cell.mailbox) for cell in self._base.engine.cells()), default=0)
        return [
            _gauge("actors", "Actors that live.", figures["actors"]),
            _gauge("tasks", "Tasks of the event loop.", len(asyncio.all_tasks())),
            _gauge("mailbox_messages", "Messages that wait in mailboxes.", figures["waiting"]),
            _gauge("mailbox_depth_max", "Messages in the fullest mailbox.", deepest),
            _gauge("actor_timers", "Timers that run.", figures["timers"]),
            _gauge("loop_lag_seconds", "The loop's worst delay of the last fifteen seconds.", self._lag_s()),
            _counters("actor_messages", "Messages handled.", "", {"": figures["handled"]}),
            _counters("dead_letters", "Messages whose receiver was gone.", "", {"": figures["dead_letters"]}),
        ]


def _of_agents(agents: tuple[AgentInfo, ...] | None, names: AgentNames) -> list[Metric]:
    """Instances by health and breaker; where the registry does not answer, none, which is not the same as zero."""
    up = _gauge("registry_up", "Whether the registry answers.", int(agents is not None))
    if agents is None:
        return [up]
    instances = GaugeMetricFamily("understudy_agents", "Instances.", labels=("agent", "health", "breaker"))
    links = GaugeMetricFamily("understudy_agent_links", "Links that are held or being built.", labels=("agent",))
    counted = Counter((names.label(info.id), info.status, info.breaker) for info in agents)
    held: Counter[str] = Counter()
    for info in agents:
        held[names.label(info.id)] += info.links
    for labels, count in sorted(counted.items()):
        instances.add_metric(labels, count)
    for agent, count in sorted(held.items()):
        links.add_metric((agent,), count)
    return [up, instances, links]


def _part(figures: Mapping[tuple[str, str], int], name: str) -> dict[str, int]:
    return {word: figures[name, word] for word in _WORDS[name]}


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"understudy_{name}", documentation, value=value)


def _gauges(name: str, documentation: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"understudy_{name}", documentation, labels=(label,) if label else ())
    for word, value in values.items():
        family.add_metric((word,) if label else (), value)
    return family


def _counters(name: str, documentation: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"understudy_{name}", documentation, labels=(label,) if label else ())
    for word, value in values.items():
        family.add_metric((word,) if label else (), value)
    return family
