"""The failure table as data, and the one function that reads it together with the restart policy."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from actors.link_end import FailureKind, LinkFailed
from supervisor import policy
from supervisor.backoff import Backoff
from supervisor.directives import Restart
from supervisor.reasons import Crashed, ExitReason, Killed, Normal
from supervisor.spec import ChildSpec, RestartType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.ports import SessionSettings

LINK_ACTOR = "actors.agent_link.AgentLink"


class Fault(StrEnum):
    """Ends of a link actor that no wire caused."""

    CRASHED = "crashed"
    """A bug in our code."""
    KILLED = "killed"


Cause: TypeAlias = FailureKind | Fault


class WhenNone(StrEnum):
    """What follows where no other instance of the agent is left to try."""

    BACK_OFF = "back_off"
    """Wait, then any instance may be tried again that is not barred."""
    FALL_BACK = "fall_back"


class Row(Struct, frozen=True):
    """What one cause means. ``avoid``: other instances first. ``bar``: this instance never again.

    ``returns``: how often a link that dies young may come back to the same agent; None leaves it to the budget.
    """

    avoid: bool
    bar: bool
    when_none: WhenNone
    returns: int | None = None


TABLE: Mapping[Cause, Row] = {
    FailureKind.UNREACHABLE: Row(avoid=True, bar=False, when_none=WhenNone.BACK_OFF),
    FailureKind.REJECTED: Row(avoid=True, bar=True, when_none=WhenNone.FALL_BACK),
    FailureKind.BAD_DATA: Row(avoid=True, bar=True, when_none=WhenNone.FALL_BACK),
    FailureKind.AGENT_LEFT: Row(avoid=False, bar=False, when_none=WhenNone.FALL_BACK, returns=1),
    FailureKind.BROKEN: Row(avoid=True, bar=False, when_none=WhenNone.BACK_OFF),
    FailureKind.HALF_OPEN: Row(avoid=True, bar=False, when_none=WhenNone.BACK_OFF),
    FailureKind.CLOSED_BY_US: Row(avoid=False, bar=False, when_none=WhenNone.BACK_OFF),
    Fault.CRASHED: Row(avoid=False, bar=False, when_none=WhenNone.BACK_OFF),
    Fault.KILLED: Row(avoid=False, bar=False, when_none=WhenNone.BACK_OFF),
}


class Budget(Struct, frozen=True, gc=False):
    """Restarts within the sliding window, and how many there were since the last healthy link."""

    spent: tuple[float, ...] = ()
    attempt: int = 0

    def remaining(self, settings: SessionSettings, now: float) -> int:
        """How many restarts the window allows now."""
        return max(0, settings.intensity - sum(1 for at in self.spent if now - at <= settings.period_s))

    def spend(self, settings: SessionSettings, now: float) -> Budget:
        """Record one restart."""
        recent = tuple(at for at in self.spent if now - at <= settings.period_s)
        return Budget((*recent, now), self.attempt + 1)

    def healthy(self) -> Budget:
        """A link earned its health: the backoff begins anew, the window does not."""
        return Budget(self.spent, 0)


class Again(Struct, frozen=True):
    """The same agent again, by the row; ``after_s`` is the wait if no other instance is there at once."""

    row: Row
    after_s: float


class FallBack(Struct, frozen=True):
    """The fallback agent."""


class GiveUp(Struct, frozen=True):
    """Tell the caller and end."""


Move: TypeAlias = Again | FallBack | GiveUp


def link_spec(child_id: str, args: object, settings: SessionSettings, actor: type | str = LINK_ACTOR) -> ChildSpec:
    """How a session starts one link."""
    backoff, shutdown_s = _shared(settings.backoff_initial_s, settings.backoff_max_s, settings.close_s)
    return ChildSpec(
        child_id,
        actor,
        args,
        restart=RestartType.TRANSIENT,
        backoff=backoff,
        shutdown_s=shutdown_s,
        start_s=None,  # its start only begins to dial; the link has its own deadline for that
        healthy_after_s=settings.healthy_after_s,
    )


@lru_cache(maxsize=16)
def _shared(initial_s: float, most_s: float, close_s: float) -> tuple[Backoff, float]:
    """What is the same for all links: their backoff, and how long they may take to stop."""
    return Backoff(initial_s, 2.0, max(most_s, initial_s)), close_s + 0.5


def cause_of(reason: ExitReason) -> Cause | None:
    """The row that an exit reason stands in; None for an end that was asked for."""
    match reason:
        case Crashed(LinkFailed() as failed):
            return failed.end.kind
        case Killed():
            return Fault.KILLED
        case Normal():
            return None
        case _:
            return Fault.CRASHED if policy.wants_restart(RestartType.TRANSIENT, reason) else None


def detail_of(reason: ExitReason) -> str:
    """What people may read about it."""
    match reason:
        case Crashed(LinkFailed() as failed):
            code = f" ({failed.end.code})" if failed.end.code else ""
            return f"{failed.end.phase}: {failed.end.detail or failed.end.kind}{code}"
        case Crashed(error):
            return type(error).__name__
        case _:
            return type(reason).__name__.lower()


def decide(
    reason: ExitReason,
    settings: SessionSettings,
    budget: Budget,
    *,
    now: float,
    u: float,
    returned: int = 0,
    on_fallback: bool = False,
) -> Move:
    """Decide what follows the end of a link that leaves the caller without one.

    ``returned``: how often the caller came back to this agent after short lives; ``on_fallback``: the agent that
    failed *is* the fallback, or stands in for it.
    """
    remaining = budget.remaining(settings, now)
    spec = link_spec("link", None, settings)
    directive = policy.decide_one(spec, reason, remaining=remaining, attempt=budget.attempt, u=u)
    row = TABLE[cause_of(reason) or Fault.CRASHED]
    if isinstance(directive, Restart) and (row.returns is None or returned < row.returns):
        return Again(row, directive.after_s)
    return GiveUp() if on_fallback else FallBack()


BARRING = frozenset(cause for cause, row in TABLE.items() if row.bar)
"""After these the instance is not tried again by this session."""
