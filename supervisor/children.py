"""Bookkeeping of one parent's children: who lives, in which state, under which address. It decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import proxy

from thespian.actors import ActorExitRequest

from supervisor import events
from supervisor.child import Child, ChildDown, ChildState, ChildTimer, ExitSettled, StartImpossible, Wait
from supervisor.errors import NeverStartedError, StartTimeoutError
from supervisor.messages import ChildExiting, ChildRef, Start, Started, Stop
from supervisor.reasons import Killed, StartFailed
from supervisor.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from thespian.actors import ActorAddress

    from supervisor.messages import Runtime
    from supervisor.spec import ChildSpec

ABANDON_S = 5.0  # a killed child whose end no system confirms within this is written off: a stuck process


# Globals are found sooner than members of an enumeration.
_STARTING, _RUNNING, _STOPPING = ChildState.STARTING, ChildState.RUNNING, ChildState.STOPPING


class Owner(Protocol):
    """What the bookkeeping needs of the parent actor."""

    path: str
    runtime: Runtime

    @property
    def myAddress(self) -> ActorAddress:  # noqa: N802 - Thespian's name
        """The parent's address."""

    def createActor(self, actorClass: object) -> ActorAddress:  # noqa: N802, N803 - Thespian's names
        """Create a child actor."""

    def send(self, targetAddr: ActorAddress, msg: object) -> None:  # noqa: N803 - Thespian's name
        """Send a message."""

    def start_timer(self, name: Hashable, seconds: float) -> None:
        """Start a named timer."""

    def cancel_timer(self, name: Hashable) -> None:
        """Cancel a named timer."""

    def emit(self, event: events.SupervisionEvent) -> None:
        """Tell the sink."""


class Children:
    """The children of ``owner``, in start order. Every operation on one child is O(1)."""

    def __init__(self, owner: Owner, *, named: bool = False) -> None:
        self._owner: Owner = proxy(owner)  # no cycle: an actor that has ended is gone at once
        self._named = named
        self._by_id: dict[str, Child] = {}
        self._by_address: dict[str, Child] = {}

    def __repr__(self) -> str:
        return f"Children({len(self)} known, {self.alive_count} alive)"

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Child]:
        return iter(self._by_id.values())

    def __contains__(self, child_id: str) -> bool:
        return child_id in self._by_id

    @property
    def alive_count(self) -> int:
        """How many have an actor."""
        return len(self._by_address)

    def get(self, child_id: str) -> Child | None:
        """The child with that id, whatever its state."""
        return self._by_id.get(child_id)

    def add(self, spec: ChildSpec) -> Child:
        """Know a child without starting it. A known id is a mistake of the caller."""
        if spec.id in self._by_id:
            raise ValueError(f"child {spec.id!r} exists")
        child = self._by_id[spec.id] = Child(spec.id, f"{self._owner.path}/{spec.id}", spec)
        self._strike(child)
        return child

    def forget(self, child_id: str) -> None:
        """Know a child no more; one that is alive is killed first and its end has no effect."""
        child = self._by_id.pop(child_id, None)
        if child is not None:
            self._cancel_timers(child)
            self._strike(child)
            if child.address is not None:
                self._owner.send(child.address, ActorExitRequest())
                self._by_address.pop(child.address.actorAddressString, None)

    def reference(self, child_id: str) -> ChildRef | None:
        """A running child's address, of this incarnation."""
        child = self._by_id.get(child_id)
        if child is None or child.address is None or child.state is not _RUNNING:
            return None
        return ChildRef(child_id, child.address, child.incarnation)

    def address_of(self, child_id: str) -> ActorAddress | None:
        """Where to send to a child that is starting or running."""
        child = self._by_id.get(child_id)
        if child is None or not (child.state is _RUNNING or child.state is _STARTING):
            return None
        return child.address

    # --- acting on a child ---

    def start(self, child: Child) -> None:
        """Begin the next incarnation. Its outcome comes later, as a message, never as an exception."""
        owner, spec = self._owner, child.spec
        child.incarnation += 1
        child.reason = child.started_at = None
        self._enter(child, _STARTING)
        try:
            address = owner.createActor(spec.actor)
        except Exception as error:  # noqa: BLE001 - whatever the system objects to is this child's failed start
            owner.send(owner.myAddress, StartImpossible(spec.id, child.incarnation, error))
            return
        child.address = address
        self._by_address[address.actorAddressString] = child
        owner.send(address, Start(spec.id, child.path, child.incarnation, spec.args, owner.runtime))
        self._name(child)
        if spec.start_s is not None:
            self._wait(child, Wait.START, spec.start_s)

    def restart_after(self, child: Child, seconds: float) -> None:
        """Begin the next incarnation after ``seconds``; at once, without a timer, where there are none."""
        child.attempt += 1
        if seconds <= 0:
            self.start(child)
            return
        self._enter(child, ChildState.BACKOFF)
        self._wait(child, Wait.BACKOFF, seconds)

    def stop(self, child: Child) -> None:
        """Ask a child to stop, and kill it if it is late. One that has no actor will get none."""
        self._owner.cancel_timer(ChildTimer(Wait.BACKOFF, child.id))
        if child.address is None:
            self._enter(child, ChildState.EXITED)
            return
        if child.state is _STOPPING:
            return
        self._owner.cancel_timer(ChildTimer(Wait.START, child.id))
        self._enter(child, _STOPPING)
        self._strike(child)
        if child.spec.shutdown_s == 0:
            self.kill(child)
            return
        self._owner.send(child.address, Stop())
        if child.spec.shutdown_s is not None:
            self._wait(child, Wait.STOP, child.spec.shutdown_s)

    def kill(self, child: Child) -> None:
        """End a child now, as a crash would."""
        if child.address is not None:
            self._owner.send(child.address, ActorExitRequest())
            self._wait(child, Wait.ABANDON, ABANDON_S)

    # --- what comes back ---

    def handle_started(self, message: Started, sender: ActorAddress) -> Child | None:
        """The child's word: it has started. Stale ones have no effect."""
        child = self._current(message.id, message.incarnation)
        if child is None or child.state is not _STARTING or child.reason is not None:
            return None
        if child.address is not sender:
            self._move(child, sender)
        if child.waits:
            self._owner.cancel_timer(ChildTimer(Wait.START, child.id))
        began = child.since
        self._enter(child, _RUNNING)
        child.started_at = child.since
        self._name(child)
        self._emit(child, events.ChildStarted(child.path, child.incarnation, child.since - began))
        return child

    def handle_exiting(self, message: ChildExiting) -> None:
        """The child's last word: kept until the system confirms the end."""
        child = self._current(message.id, message.incarnation)
        if child is not None and child.reason is None:
            child.reason = message.reason

    def handle_exited(self, address: ActorAddress) -> ChildDown | None:
        """The system's word. If the child said nothing yet, its message may still be queued behind this one: wait."""
        child = self._at(address)
        if child is None:
            return None
        if child.reason is None:
            self._owner.send(self._owner.myAddress, ExitSettled(child.id, child.incarnation))
            return None
        return self._gone(child)

    def handle_settled(self, message: ExitSettled) -> ChildDown | None:
        """By now, silence means that the child was killed, or never came to life."""
        child = self._current(message.id, message.incarnation)
        return None if child is None or not child.alive else self._gone(child)

    def handle_impossible(self, message: StartImpossible) -> ChildDown | None:
        """No actor could be created."""
        child = self._current(message.id, message.incarnation)
        if child is None or child.state is not _STARTING:
            return None
        child.reason = StartFailed(message.error)
        return self._gone(child)

    def handle_timer(self, timer: ChildTimer) -> ChildDown | None:
        """A deadline of a child has come."""
        child = self._by_id.get(timer.id)
        if child is None:
            return None
        match timer.wait:
            case Wait.BACKOFF:
                self._enter(child, ChildState.WAITING)
                self.start(child)
            case Wait.ABANDON:
                self._emit(child, events.ChildOverdue(child.path, child.incarnation, "kill"))
                return self._gone(child)
            case Wait.START:
                self._overdue(child, "start")
                child.reason = child.reason or StartFailed(StartTimeoutError(child.id, child.spec.start_s or 0.0))
            case Wait.STOP:
                self._overdue(child, "stop")
        return None

    def pictures(self, limit: int) -> dict[str, Snapshot]:
        """What the parent alone knows of its first ``limit`` children."""
        shown: dict[str, Snapshot] = {}
        for child in self._by_id.values():
            if len(shown) >= limit:
                break
            shown[child.id] = Snapshot(
                path=child.path,
                kind=child.spec.kind.value,
                state=child.state.value,
                incarnation=child.incarnation,
                last_exit=child.last_exit,
                last_event=child.last_event,
            )
        return shown

    # --- inside ---

    def _emit(self, child: Child, event: events.SupervisionEvent) -> None:
        child.last_event = type(event).__name__
        self._owner.emit(event)

    def _enter(self, child: Child, state: ChildState) -> None:
        child.state = state
        child.since = self._owner.runtime.clock.now()

    def _current(self, child_id: str, incarnation: int) -> Child | None:
        child = self._by_id.get(child_id)
        return child if child is not None and child.incarnation == incarnation else None

    def _at(self, address: ActorAddress) -> Child | None:
        child = self._by_address.get(address.actorAddressString)
        if child is not None:
            return child
        # Across processes one actor can have two spellings of its address, which only == can tell to be the same.
        return next((child for child in self._by_address.values() if child.address == address), None)

    def _move(self, child: Child, address: ActorAddress) -> None:
        """A remote child's address becomes known when it has started."""
        if child.address is not None and child.address.actorAddressString != address.actorAddressString:
            self._by_address.pop(child.address.actorAddressString, None)
            self._by_address[address.actorAddressString] = child
            child.address = address

    def _overdue(self, child: Child, deadline: str) -> None:
        self._emit(child, events.ChildOverdue(child.path, child.incarnation, deadline))
        self.kill(child)

    def _wait(self, child: Child, wait: Wait, seconds: float) -> None:
        child.waits += (wait,)
        self._owner.start_timer(ChildTimer(wait, child.id), seconds)

    def _cancel_timers(self, child: Child) -> None:
        for wait in child.waits:
            self._owner.cancel_timer(ChildTimer(wait, child.id))
        child.waits = ()

    def _name(self, child: Child) -> None:
        if self._named and child.address is not None:
            self._owner.runtime.names.enter(child.path, child.address)

    def _strike(self, child: Child) -> None:
        if self._named:
            self._owner.runtime.names.strike(child.path)

    def _gone(self, child: Child) -> ChildDown:
        asked = child.state is _STOPPING
        reason = child.reason
        if reason is None:
            reason = StartFailed(NeverStartedError(child.id)) if child.state is _STARTING else Killed()
        if child.address is not None:
            self._by_address.pop(child.address.actorAddressString, None)
        if child.waits:
            self._cancel_timers(child)
        self._strike(child)
        child.address, child.reason, child.last_exit = None, None, reason
        self._enter(child, ChildState.EXITED)
        lived_s = 0.0 if child.started_at is None else child.since - child.started_at
        if child.started_at is not None and lived_s >= child.spec.healthy_after_s:
            child.attempt = 0
        self._emit(child, events.ChildExited(child.path, child.incarnation, reason, lived_s))
        return ChildDown(child, reason, asked)
