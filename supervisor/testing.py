"""For tests of supervised actors: virtual time, a seeded scheduler, a probe, and actors named by their fault."""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from thespian.actors import ActorAddress, ActorExitRequest, ChildActorExited, WakeupMessage

from supervisor.messages import Runtime, SnapshotReply, SnapshotRequest, Start
from supervisor.supervised import LATER, StartLater, Supervised

if TYPE_CHECKING:
    from datetime import timedelta

    from supervisor.events import SupervisionEvent
    from supervisor.snapshot import Snapshot
    from supervisor.spec import ChildSpec

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


@dataclass(slots=True)
class _Cell:
    address: ActorAddress
    parent: ActorAddress
    actor: Supervised
    mailbox: deque[tuple[object, ActorAddress]] = field(default_factory=deque)
    children: list[ActorAddress] = field(default_factory=list)


class _Reference:
    """What Thespian's `Actor` asks of its system."""

    globalName = ""  # noqa: N815 - Thespian's name

    def __init__(self, stage: Stage, address: ActorAddress) -> None:
        self._stage = stage
        self.address = address

    def createActor(self, actor: type | str, *_: object) -> ActorAddress:  # noqa: N802 - Thespian's name
        return self._stage.create(actor, self.address)

    def actor_send(self, target: ActorAddress, message: object) -> None:
        self._stage.post(target, message, self.address)

    def wakeupAfter(self, period: timedelta, payload: object) -> None:  # noqa: N802 - Thespian's name
        self._stage.wake(self.address, period, payload)


class Stage:
    """Runs a tree in one thread under virtual time. The seed decides which of the ready mailboxes runs next.

    Each mailbox is FIFO, so the order of messages between two actors is kept, and nothing else is: what a real system
    may reorder, some seed will. ``outside`` is the probe that gets what is sent to the outside; ``events`` is the sink.
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.clock = VirtualClock()
        self.outside = Probe()
        self.events = Probe()
        self.runtime = Runtime(self.clock, self.events, self.random.random)
        self.address = ActorAddress("outside")
        self.dead_letters = 0
        self._cells: dict[str, _Cell] = {}
        self._wakeups: list[tuple[float, int, str, WakeupMessage]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._cells)

    def start(self, spec: ChildSpec) -> ActorAddress:
        """Create the root of a tree, start it, and run until nothing is left to do now."""
        root = self.create(spec.actor, self.address)
        self.tell(root, Start(spec.id, spec.id, 1, spec.args, self.runtime))
        return root

    def tell(self, target: ActorAddress, message: object) -> None:
        """Send from the outside, and run until nothing is left to do now."""
        self.post(target, message, self.address)
        self.run()

    def advance(self, seconds: float) -> None:
        """Let time pass, wakeup by wakeup."""
        until = self.clock.at + seconds
        while self._wakeups and self._wakeups[0][0] <= until:
            at, _, key, message = heapq.heappop(self._wakeups)
            self.clock.at = max(at, self.clock.at)
            cell = self._cells.get(key)
            if cell is not None:
                cell.mailbox.append((message, cell.address))
            self.run()
        self.clock.at = until

    def snapshot(self, target: ActorAddress, **limits: int) -> Snapshot:
        """The tree's picture now; ``AssertionError`` if some actor is silent: let time pass and look again."""
        self.tell(target, SnapshotRequest(**limits))
        return self.outside.last(SnapshotReply).snapshot

    def actor(self, path: str) -> Supervised:
        """The running actor at ``path``; ``LookupError`` if there is none."""
        for cell in self._cells.values():
            if cell.actor.path == path:
                return cell.actor
        raise LookupError(path)

    def run(self, limit: int = 1_000_000) -> None:
        """Deliver until every mailbox is empty; ``AssertionError`` after ``limit`` messages."""
        for _ in range(limit):
            ready = [cell for cell in self._cells.values() if cell.mailbox]
            if not ready:
                return
            self._deliver(self.random.choice(ready))
        raise AssertionError(f"still busy after {limit} messages")

    # --- what references call ---

    def create(self, actor: type | str, parent: ActorAddress) -> ActorAddress:
        """Create an actor; one whose constructor fails never lives, and its parent is told."""
        made = _resolve(actor)
        self._count += 1
        address = ActorAddress(f"actor-{self._count}")
        try:
            instance = made()
        except Exception:  # noqa: BLE001 - as Thespian does
            self.post(parent, ChildActorExited(address), address)
            return address
        instance._myRef = _Reference(self, address)  # noqa: SLF001 - Thespian's own seam
        self._cells[address.actorAddressString] = _Cell(address, parent, instance)
        if (above := self._cells.get(parent.actorAddressString)) is not None:
            above.children.append(address)
        return address

    def post(self, target: ActorAddress, message: object, sender: ActorAddress) -> None:
        """Put a message into a mailbox."""
        cell = self._cells.get(target.actorAddressString)
        if cell is not None:
            cell.mailbox.append((message, sender))
        elif target == self.address:
            self.outside.seen.append(message)
        else:
            self.dead_letters += 1

    def wake(self, target: ActorAddress, period: timedelta, payload: object) -> None:
        """Schedule a wakeup."""
        self._count += 1
        due = self.clock.at + period.total_seconds()
        entry = (due, self._count, target.actorAddressString, WakeupMessage(period, payload))
        heapq.heappush(self._wakeups, entry)

    def _deliver(self, cell: _Cell) -> None:
        message, sender = cell.mailbox.popleft()
        cell.actor.receiveMessage(message, sender)
        if isinstance(message, ActorExitRequest):
            self._end(cell)

    def _end(self, cell: _Cell) -> None:
        for child in cell.children:
            below = self._cells.get(child.actorAddressString)
            if below is not None:
                below.actor.receiveMessage(ActorExitRequest(), cell.address)
                self._end(below)
        self.dead_letters += len(cell.mailbox)
        del self._cells[cell.address.actorAddressString]
        if (above := self._cells.get(cell.parent.actorAddressString)) is not None:
            above.children = [child for child in above.children if child != cell.address]
        self.post(cell.parent, ChildActorExited(cell.address), cell.address)


def _resolve(actor: type | str) -> type:
    if isinstance(actor, type):
        return actor
    module, _, name = actor.rpartition(".")
    found = getattr(import_module(module), name)
    if not isinstance(found, type):
        raise TypeError(f"not a class: {actor}")
    return found


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
