"""What supervision tells the outside. The core never logs; sinks are attached by whoever composes the system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from supervisor.reasons import ExitReason


class ChildStarted(Struct, frozen=True):
    """A child reported that it has started."""

    path: str
    incarnation: int
    took_s: float


class ChildExited(Struct, frozen=True):
    """A child is gone, confirmed by the actor system."""

    path: str
    incarnation: int
    reason: ExitReason
    lived_s: float


class ChildRestarting(Struct, frozen=True):
    """A new incarnation will start after ``after_s``; ``restarts_left`` is what remains of the budget."""

    path: str
    after_s: float
    attempt: int
    restarts_left: int


class ChildOverdue(Struct, frozen=True):
    """A child missed a deadline (``start`` or ``stop``) and is killed."""

    path: str
    incarnation: int
    deadline: str


class ChildRefused(Struct, frozen=True):
    """A dynamic supervisor declined to start a child."""

    path: str
    reason: str


class IntensityExceeded(Struct, frozen=True):
    """The restart budget is spent."""

    path: str
    child_id: str
    intensity: int
    period_s: float


class Escalated(Struct, frozen=True):
    """A supervisor ends because it gave up on a child."""

    path: str
    child_id: str


class ActorFailed(Struct, frozen=True):
    """An exception left an actor's code. The only place where its traceback can still be read: use it, don't keep it.

    ``where`` is ``start``, ``message`` or ``exit``.
    """

    path: str
    incarnation: int
    where: str
    error: Exception


SupervisionEvent: TypeAlias = (
    ChildStarted
    | ChildExited
    | ChildRestarting
    | ChildOverdue
    | ChildRefused
    | IntensityExceeded
    | Escalated
    | ActorFailed
)


class EventSink(Protocol):
    """Takes events. Called on the actor's turn: it must not block; if it raises, the event is lost and no more."""

    def emit(self, event: SupervisionEvent) -> None:
        """Take one event."""


class NoSink(Struct, frozen=True):
    """Drops every event."""

    def emit(self, event: SupervisionEvent) -> None:
        """Drop ``event``."""
