"""Every message of supervision. All are public, frozen, and picklable where their payload is."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

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


class Runtime(Struct, frozen=True):
    """What every actor of a tree is given: time, chance, where events go, and who the fixed actors are."""

    clock: Clock = field(default_factory=MonotonicClock)
    sink: EventSink = field(default_factory=NoSink)
    uniform: Callable[[], float] = system_uniform
    names: Names = field(default_factory=Names)


class Start(Struct, frozen=True):
    """Parent to child, first message: begin. The sender is the parent from then on."""

    id: str
    path: str
    incarnation: int
    args: object
    runtime: Runtime


class Started(Struct, frozen=True):
    """Child to parent: ready."""

    id: str
    incarnation: int


class ChildExiting(Struct, frozen=True):
    """Child to parent, last message: why it ends."""

    id: str
    incarnation: int
    reason: ExitReason


class Stop(Struct, frozen=True):
    """Parent to child: finish, then end; the parent kills after ``shutdown_s``."""


class Forwarded(Struct, frozen=True):
    """A message passed on by a supervisor; the receiver handles ``message`` as if ``sender`` had sent it."""

    message: object
    sender: ActorAddress


class ToChild(Struct, frozen=True):
    """To a supervisor: pass ``message`` on to its child ``id``, or answer `NoSuchChild`."""

    id: str
    message: object


class ToPath(Struct, frozen=True):
    """Pass ``message`` through the tree to the actor at ``path``; ``sender`` gets `NoSuchChild` if there is none."""

    path: str
    message: object
    sender: ActorAddress


class NoSuchChild(Struct, frozen=True):
    """Nobody under that id or path is running; ``message`` comes back untouched."""

    id: str
    message: object = None


class WhichChild(Struct, frozen=True):
    """To a supervisor: who is ``id`` now? Answer: `ChildRef` or `NoSuchChild`."""

    id: str


class WhichChildren(Struct, frozen=True):
    """To a supervisor: who runs? Answer: `ChildList`, at most ``limit`` entries."""

    limit: int = 1_000


class ChildRef(Struct, frozen=True):
    """A running child. The address is of this incarnation only."""

    id: str
    address: ActorAddress
    incarnation: int


class ChildList(Struct, frozen=True):
    """The running children of a supervisor, and how many there are in all."""

    children: tuple[ChildRef, ...]
    total: int


class StartChild(Struct, frozen=True):
    """To a dynamic supervisor: start this child. Answer: `ChildStarted` or `ChildRefused`."""

    spec: ChildSpec


class ChildStarted(Struct, frozen=True):
    """The child has started; messages may be sent to ``address``."""

    id: str
    address: ActorAddress


class ChildRefused(Struct, frozen=True):
    """The child does not run. ``reason``: max_children, duplicate, shutting_down or start_failed (see ``error``)."""

    id: str
    reason: str
    error: Exception | None = None


class TerminateChild(Struct, frozen=True):
    """To a dynamic supervisor: stop ``id`` in order, and forget it."""

    id: str


class KillChild(Struct, frozen=True):
    """To any supervisor: end ``id`` now, as a crash would (chaos); its restart type decides what follows."""

    id: str


class SnapshotRequest(Struct, frozen=True):
    """To any supervised actor: your picture, with ``depth`` levels below you and ``limit`` children of each."""

    token: int = 0
    depth: int = 8
    limit: int = 100
    deadline_s: float = 1.0


class SnapshotReply(Struct, frozen=True):
    """The picture that ``token`` asked for."""

    token: int
    snapshot: Snapshot


ToSupervised: TypeAlias = Start | Stop | Forwarded | ToPath | SnapshotRequest
ToParent: TypeAlias = Started | ChildExiting | ToChild | WhichChild | WhichChildren | KillChild | SnapshotReply
ToDynamic: TypeAlias = StartChild | TerminateChild
