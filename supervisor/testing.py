"""For tests of supervised actors: virtual time, a seeded scheduler, a probe, and actors named by their fault."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from supervisor.messages import Runtime, SnapshotReply, SnapshotRequest, Start
from supervisor.supervised import LATER, StartLater, Supervised
from supervisor.system_base.engine import Engine, ignore

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from thespian.actors import ActorAddress

    from supervisor.events import SupervisionEvent
    from supervisor.snapshot import Snapshot
    from supervisor.spec import ChildSpec
    from supervisor.system_base import Notice
    from supervisor.system_base.cell import Cell

Message = TypeVar("Message")


@dataclass(slots=True)
class VirtualClock:
    """A clock that only its owner moves."""

    at: float = 0.0

    def now(self) -> float:
        """The virtual time."""
        return self.at


@dataclass(slots=True)
class Probe:
    """Collects messages or events, and answers questions about them without waiting."""

    seen: list[object] = field(default_factory=list)

    def emit(self, event: SupervisionEvent) -> None:
        """An `EventSink`."""
        self.seen.append(event)

    def all(self, kind: type[Message]) -> list[Message]:
        """Everything of that type, oldest first."""
        return [item for item in self.seen if isinstance(item, kind)]

    def last(self, kind: type[Message]) -> Message:
        """The newest of that type; ``AssertionError`` if there is none."""
        found = self.all(kind)
        if not found:
            raise AssertionError(f"no {kind.__name__} among {self.seen!r}")
        return found[-1]


class Stage:
    """Runs a tree on the real engine in one thread under virtual time. The seed decides which ready actor is next.

    Each mailbox is FIFO, so the order of messages between two actors is kept, and nothing else is: what a real system
    may reorder, some seed will. ``outside`` is the probe that gets what is sent to the outside; ``events`` is the sink.
    """

    def __init__(self, seed: int = 0, notify: Callable[[Notice], None] = ignore) -> None:
        self.random = random.Random(seed)
        self.clock = VirtualClock()
        self.outside = Probe()
        self.events = Probe()
        self.runtime = Runtime(self.clock, self.events, self.random.random)
        self.engine = Engine(self.clock.now, _nobody_waits, notify, self._choose, turn_messages=1)
        self._endpoint = self.engine.open_endpoint()
        self.address = self._endpoint.address

    def __len__(self) -> int:
        return len(self.engine)

    def start(self, spec: ChildSpec) -> ActorAddress:
        """Create the root of a tree, start it, and run until nothing is left to do now."""
        root = self.engine.create_root(spec.actor, None, None)
        self.tell(root, Start(spec.id, spec.id, 1, spec.args, self.runtime))
        return root

    def tell(self, target: ActorAddress, message: object) -> None:
        """Send from the outside, and run until nothing is left to do now."""
        self.post(target, message, self.address)
        self.run()

    def post(self, target: ActorAddress, message: object, sender: ActorAddress) -> None:
        """Put a message into a mailbox."""
        self.engine.post(target, message, sender)

    def advance(self, seconds: float) -> None:
        """Let happen what waits in the mailboxes, and then time pass, wakeup by wakeup."""
        self.run()
        until = self.clock.at + seconds
        while (due := self.engine.wakeups.next_due()) is not None and due <= until:
            self.clock.at = max(due, self.clock.at)
            self.engine.fire_due()
            self.run()
        self.clock.at = until

    def snapshot(self, target: ActorAddress, **limits: int) -> Snapshot:
        """The tree's picture now; ``AssertionError`` if some actor is silent: let time pass and look again."""
        self.tell(target, SnapshotRequest(**limits))
        return self.outside.last(SnapshotReply).snapshot

    def actor(self, path: str) -> Supervised:
        """The running actor at ``path``; ``LookupError`` if there is none."""
        for cell in self.engine.cells():
            if isinstance(cell.instance, Supervised) and cell.instance.path == path:
                return cell.instance
        raise LookupError(path)

    def run(self, limit: int = 1_000_000) -> None:
        """Deliver until every mailbox is empty; ``AssertionError`` after ``limit`` messages."""
        busy = self.engine.run_batch(limit, math.inf)
        self.outside.seen += self._endpoint.drain()
        if busy:
            raise AssertionError(f"still busy after {limit} messages")

    def _choose(self, ready: deque[Cell]) -> Cell:
        if len(ready) == 1:
            return ready.popleft()
        at = int(self.random.random() * len(ready))
        ready[0], ready[at] = ready[at], ready[0]
        return ready.popleft()


def _nobody_waits() -> None:
    """The stage looks by itself whether there is something to do."""


# --- toy actors, named by their fault ---


class Fault(Exception):  # noqa: N818 - it is what the toys raise, not an error of this package
    """What a toy raises."""


class Echo(Supervised):
    """No fault: answers each message with itself; ``crash`` crashes it, ``finish`` ends it normally."""

    def handle(self, message: object, sender: ActorAddress) -> None:
        """Echo."""
        if message == "crash":
            raise Fault("crash")
        if message == "finish":
            self.exit()
        else:
            self.send(sender, (self.path, self.incarnation, message))


class CrashOnStart(Supervised):
    """Raises in ``handle_start``."""

    def handle_start(self, args: object) -> None:
        """Raise."""
        raise Fault(f"start {args!r}")


class CrashOnConstruct(Supervised):
    """Raises in its constructor, before it is an actor."""

    def __init__(self) -> None:
        super().__init__()
        raise Fault("constructor")


class CrashOnMessage(Supervised):
    """Raises at every message."""

    def handle(self, message: object, sender: ActorAddress) -> None:  # noqa: ARG002 - the fault
        """Raise."""
        raise Fault(repr(message))


class CrashOnExit(Echo):
    """Raises in ``on_exit``."""

    def on_exit(self, reason: object) -> None:
        """Raise."""
        raise Fault(repr(reason))


class NeverStarted(Supervised):
    """Promises to report `Started`, and does not."""

    def handle_start(self, args: object) -> StartLater:  # noqa: ARG002 - the fault
        """Promise."""
        return LATER


class IgnoresExit(Echo):
    """Does not stop when asked; only a kill ends it."""

    def handle_stop(self) -> None:
        """Stay."""


class IgnoresSnapshot(Echo):
    """Does not answer a snapshot request."""

    def handle_snapshot(self, request: SnapshotRequest, sender: ActorAddress) -> None:
        """Stay silent."""
