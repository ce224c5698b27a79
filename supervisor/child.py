"""One child as its parent sees it, and what a parent tells itself about one."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from thespian.actors import ActorAddress

    from supervisor.reasons import ExitReason
    from supervisor.spec import ChildSpec


class ChildState(Enum):
    """Where a child is, as its parent sees it."""

    WAITING = "waiting"
    BACKOFF = "backoff"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"


ALIVE = (ChildState.STARTING, ChildState.RUNNING, ChildState.STOPPING)


class Wait(StrEnum):
    """What a child's timer waits for."""

    START = "start"
    STOP = "stop"
    ABANDON = "abandon"
    BACKOFF = "backoff"


class ChildTimer(Struct, frozen=True):
    """The name of a timer that a parent keeps for a child."""

    wait: Wait
    id: str


class StartImpossible(Struct, frozen=True):
    """Parent to itself: no actor could be created for this incarnation."""

    id: str
    incarnation: int
    error: Exception


class ExitSettled(Struct, frozen=True):
    """Parent to itself: what the child may have said before its end has been read by now."""

    id: str
    incarnation: int


class Child(Struct):
    """One child. ``attempt``: restarts since the last healthy run; ``reason``: what this run said of its end."""

    id: str
    path: str
    spec: ChildSpec
    state: ChildState = ChildState.WAITING
    incarnation: int = 0
    address: ActorAddress | None = None
    attempt: int = 0
    since: float = 0.0  # when the present state began
    started_at: float | None = None  # of this incarnation
    reason: ExitReason | None = None
    last_exit: ExitReason | None = None
    last_event: str | None = None
    waits: tuple[Wait, ...] = ()
    """The timers that were started for it since they were last cancelled."""

    @property
    def alive(self) -> bool:
        """True while an actor exists for it."""
        return self.state in ALIVE


class ChildDown(Struct, frozen=True):
    """A fact: the child is gone. ``asked``: its parent had told it to stop."""

    child: Child
    reason: ExitReason
    asked: bool
