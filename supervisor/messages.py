"""Every message of supervision. All are public, frozen, and picklable where their payload is."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from supervisor.clock import Clock, MonotonicClock
from supervisor.events import EventSink, NoSink
from supervisor.names import Names

if TYPE_CHECKING:
    from collections.abc import Callable

    from thespian.actors import ActorAddress

    from supervisor.reasons import ExitReason
    from supervisor.snapshot import Snapshot
    from supervisor.spec import ChildSpec


def system_uniform() -> float:
    """A random number in [0, 1) for jitter; a named function, so that a `Runtime` can be pickled."""
    return random.random()


@dataclass(frozen=True, slots=True)
class Runtime:
    """What every actor of a tree is given: time, chance, where events go, and who the fixed actors are."""

    clock: Clock = field(default_factory=MonotonicClock)
    sink: EventSink = field(default_factory=NoSink)
    uniform: Callable[[], float] = system_uniform
    names: Names = field(default_factory=Names)


@dataclass(frozen=True, slots=True)
class Start:
    """Parent to child, first message: begin. The sender is the parent from then on."""

    id: str
    path: str
    incarnation: int
    args: object
    runtime: Runtime


@dataclass(frozen=True, slots=True)
class Started:
    """Child to parent: ready."""

    id: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class ChildExiting:
    """Child to parent, last message: why it ends."""

    id: str
    incarnation: int
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Stop:
    """Parent to child: finish, then end; the parent kills after ``shutdown_s``."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A message passed on by a supervisor; the receiver handles ``message`` as if ``sender`` had sent it."""

    message: object
    sender: ActorAddress


@dataclass(frozen=True, slots=True)
class ToChild:
    """To a supervisor: pass ``message`` on to its child ``id``, or answer `NoSuchChild`."""

    id: str
    message: object


@dataclass(frozen=True, slots=True)
class ToPath:
    """Pass ``message`` through the tree to the actor at ``path``; ``sender`` gets `NoSuchChild` if there is none."""

    path: str
    message: object
    sender: ActorAddress


@dataclass(frozen=True, slots=True)
class NoSuchChild:
    """Nobody under that id or path is running; ``message`` comes back untouched."""

    id: str
    message: object = None


@dataclass(frozen=True, slots=True)
class WhichChild:
    """To a supervisor: who is ``id`` now? Answer: `ChildRef` or `NoSuchChild`."""

    id: str


@dataclass(frozen=True, slots=True)
class WhichChildren:
    """To a supervisor: who runs? Answer: `ChildList`, at most ``limit`` entries."""

    limit: int = 1_000


@dataclass(frozen=True, slots=True)
class ChildRef:
    """A running child. The address is of this incarnation only."""

    id: str
    address: ActorAddress
    incarnation: int


@dataclass(frozen=True, slots=True)
class ChildList:
    """The running children of a supervisor, and how many there are in all."""

    children: tuple[ChildRef, ...]
    total: int


@dataclass(frozen=True, slots=True)
class StartChild:
    """To a dynamic supervisor: start this child. Answer: `ChildStarted` or `ChildRefused`."""

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class ChildStarted:
    """The child has started; messages may be sent to ``address``."""

    id: str
    address: ActorAddress


@dataclass(frozen=True, slots=True)
class ChildRefused:
    """The child does not run. ``reason``: max_children, duplicate, shutting_down or start_failed (see ``error``)."""

    id: str
    reason: str
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class TerminateChild:
    """To a dynamic supervisor: stop ``id`` in order, and forget it."""

    id: str


@dataclass(frozen=True, slots=True)
class KillChild:
    """To any supervisor: end ``id`` now, as a crash would (chaos); its restart type decides what follows."""

    id: str


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """To any supervised actor: your picture, with ``depth`` levels below you and ``limit`` children of each."""

    token: int = 0
    depth: int = 8
    limit: int = 100
    deadline_s: float = 1.0


@dataclass(frozen=True, slots=True)
class SnapshotReply:
    """The picture that ``token`` asked for."""

    token: int
    snapshot: Snapshot


ToSupervised: TypeAlias = Start | Stop | Forwarded | ToPath | SnapshotRequest
ToParent: TypeAlias = Started | ChildExiting | ToChild | WhichChild | WhichChildren | KillChild | SnapshotReply
ToDynamic: TypeAlias = StartChild | TerminateChild
