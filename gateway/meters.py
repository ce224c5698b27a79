"""What is counted as it happens: session events, supervision events, refusals. One registry per gateway, no globals.

Every label has few values: fixed words, paths by kind, agents up to a bound. No session ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from actors.session_events import LinkDialled, LinkLost, SessionBegan, SessionEnded, SwapEnded
from actors.verdict import Verdict
from gateway import close_codes
from gateway.close_codes import TO_CALLER
from gateway.labelled import LabelledCounter, LabelledHistogram
from supervisor import events
from supervisor.reasons import Crashed, ExitReason, Killed, Normal, Shutdown, StartFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from actors.ids import SessionId
    from gateway.telemetry import Observers
    from supervisor.events import SupervisionEvent

MAX_AGENTS: Final = 64  # distinct agent names in labels; what comes after them is "other"
MAX_EXITS: Final = 1024  # exits whose restart has not been announced
GAP_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
SESSION_DEPTH: Final = 2  # node/sessions/<id>
SPECS: Final = ("store", "registry", "sessions")  # the actors that are started again
ABNORMAL: Final = ("crashed", "killed", "start_failed")
REFUSALS: Final = frozenset({"draining", "full", "objective", "origin", "token", "address", "rate", "tree"})


class AgentNames:
    """Keeps the label ``agent`` bounded: anybody who may register can make names up."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, agent: str) -> str:
        """Return the name, or ``other`` once there are too many."""
        if agent not in self._known:
            if len(self._known) >= MAX_AGENTS:
                return "other"
            self._known.add(agent)
        return agent


class Meters:
    """Counters that events increment: those of sessions by `observers`, those of supervision by `emit`."""

    hears = frozenset[type]({events.ChildExited, events.ChildRestarting, events.ChildRefused, events.IntensityExceeded})

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.agents = AgentNames()
        self._reasons: dict[str, str] = {}
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self._started = LabelledCounter("sessions_started", "Sessions that began.", "kind")
        self._ended = LabelledCounter("sessions_ended", "Sessions that ended.", "code", "verdict")
        self._closed = LabelledCounter("caller_sockets_closed", "Callers' sockets that ended.", "code")
        self._dials = LabelledCounter("links_dialled", "Dials to agents.", "agent", "reason")
        self._lost = LabelledCounter("links_lost", "Links that ended without being asked to.", "agent", "cause")
        self._swaps = LabelledCounter("swaps", "Changes of link.", "reason", "outcome")
        self._exits = LabelledCounter("actor_exits", "Actors that ended.", "spec", "reason")
        self._restarts = LabelledCounter("actor_restarts", "Actors started again.", "spec", "reason")
        self._spent = LabelledCounter("restart_budgets_spent", "Restart budgets that were used up.", "spec")
        self._refused = LabelledCounter("admission_refusals", "Callers who were not admitted.", "reason")
        self._gap = LabelledHistogram("swap_gap_seconds", "Time without an agent in one swap.", "reason", GAP_BUCKETS)
        self._took = LabelledHistogram(
            "swap_duration_seconds", "From the wish for another link to its end.", "reason", GAP_BUCKETS
        )
        self.observers: Observers = {
            SessionBegan: self._session_began,
            SessionEnded: self._session_ended,
            LinkDialled: self._link_dialled,
            LinkLost: self._link_lost,
            SwapEnded: self._swap_ended,
        }
        self._begin_at_zero()
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield all that was counted; a `prometheus_client` collector."""
        for counted in vars(self).values():
            if isinstance(counted, LabelledCounter | LabelledHistogram):
                yield counted.family()

    def emit(self, event: SupervisionEvent) -> None:
        """Count one event of supervision."""
        match event:
            case events.ChildExited(path, _, reason, _):
                self._exit(path, reason)
            case events.ChildRestarting(path):
                self._restarts.count(spec_of(path), self._reasons.pop(path, "unknown"))
            case events.ChildRefused(path):
                self.refuse("tree")
            case events.IntensityExceeded(path, child_id):
                self._spent.count(spec_of(f"{path}/{child_id}"))
            case _:
                pass  # the log has it

    def _begin_at_zero(self) -> None:
        """Show what alerts look at before it happens: a series that begins with 1 has not grown for Prometheus."""
        for verdict in Verdict:
            self._ended.begin(str(TO_CALLER[verdict].code), verdict)
        for spec in SPECS:
            self._spent.begin(spec)
            for reason in ABNORMAL:
                self._restarts.begin(spec, reason)
        for reason in REFUSALS:
            self._refused.begin(reason)

    def refuse(self, reason: str) -> None:
        """Count a caller who was not admitted; ``reason`` is one of a few words of ours."""
        self._refused.count(reason)

    def closed(self, code: int) -> None:
        """Count the end of a caller's socket; what a caller makes up is ``other``."""
        self._closed.count(str(code) if code in close_codes.KNOWN else "other")

    # no label is a session's: that would be one series each

    def _session_began(self, _: SessionId, event: SessionBegan) -> None:
        self._started.count("taken_up" if event.taken_up else "new")

    def _session_ended(self, _: SessionId, event: SessionEnded) -> None:
        self._ended.count(str(TO_CALLER[event.verdict].code), event.verdict)

    def _link_dialled(self, _: SessionId, event: LinkDialled) -> None:
        self._dials.count(self.agents.label(event.agent_id), event.reason)

    def _link_lost(self, _: SessionId, event: LinkLost) -> None:
        self._lost.count(self.agents.label(event.agent_id), event.cause)

    def _swap_ended(self, _: SessionId, event: SwapEnded) -> None:
        receipt = event.receipt
        self._swaps.count(receipt.reason, receipt.outcome)
        self._gap.note(receipt.reason, receipt.ms_without_agent / 1000)
        self._took.note(receipt.reason, receipt.took_ms / 1000)

    def _exit(self, path: str, reason: ExitReason) -> None:
        spec, word = spec_of(path), _word(reason)
        self._exits.count(spec, word)
        if len(self._reasons) < MAX_EXITS and path.count("/") < SESSION_DEPTH:  # sessions and links never restart
            self._reasons[path] = word


def spec_of(path: str) -> str:
    """Name the kind of actor at a path of the tree: the static ones by name, sessions and links by kind."""
    parts = path.strip("/").split("/")
    match parts:
        case ["node", "sessions", _]:
            return "session"
        case ["node", "sessions", _, _]:
            return "link"
        case ["node", "store" | "registry" | "sessions" as name]:
            return name
        case ["node"]:
            return "node"
        case _:
            return "other"


def _word(reason: ExitReason) -> str:
    match reason:
        case Normal():
            return "normal"
        case Shutdown():
            return "shutdown"
        case Killed():
            return "killed"
        case Crashed():
            return "crashed"
        case StartFailed():
            return "start_failed"
