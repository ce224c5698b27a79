"""`Supervised`: an actor whose every ending becomes exactly one exit reason, told to its parent."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from thespian.actors import Actor, ActorExitRequest, WakeupMessage

from supervisor import events
from supervisor.inline_caches import keep_own_caches
from supervisor.messages import (
    ChildExiting,
    Forwarded,
    NoSuchChild,
    Runtime,
    SnapshotReply,
    SnapshotRequest,
    Start,
    Started,
    Stop,
    ToPath,
)
from supervisor.reasons import Crashed, ExitReason, Killed, Normal, Shutdown, StartFailed, without_traceback
from supervisor.snapshot import Snapshot
from supervisor.timers import Arm, TimerFired, Timers

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from thespian.actors import ActorAddress


class Phase(Enum):
    """The life of an actor; it only moves forward."""

    NEW = "new"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class StartLater(Enum):
    """What ``handle_start`` returns when the actor will call ``self.started()`` itself."""

    LATER = "later"


LATER = StartLater.LATER

Reaction: TypeAlias = "Callable[[Any, Any, ActorAddress], None]"
"""A method that takes one type of message, and its sender."""

_NEW, _STARTING, _RUNNING, _ENDED = Phase.NEW, Phase.STARTING, Phase.RUNNING, Phase.ENDED  # found sooner than Phase.X
_NOT_STARTED = Runtime()


class Supervised(Actor):  # type: ignore[misc]  # Thespian is untyped
    """Base of all supervised actors. Subclasses implement `handle_start` and `handle`; see docs/supervision.md.

    No exception reaches Thespian, so no message is ever delivered twice. A subclass that has an ``__init__`` takes no
    arguments and calls ``super().__init__()``; what an actor needs comes with ``handle_start``.
    """

    kind: ClassVar[str] = "worker"

    def __init__(self) -> None:
        super().__init__()
        self.id = ""
        self.path = ""
        self.incarnation = 0
        self.runtime = _NOT_STARTED
        self.parent: ActorAddress | None = None
        self._phase = _NEW
        self._timers = Timers()
        self._last_event: str | None = None

    def __init_subclass__(cls, **more: object) -> None:
        super().__init_subclass__(**more)
        keep_own_caches(cls, "receiveMessage")

    # --- what a subclass implements ---

    def handle_start(self, args: object) -> StartLater | None:
        """Begin. None: started. `LATER`: ``self.started()`` follows in time. An exception: `StartFailed`."""

    def handle(self, message: object, sender: ActorAddress) -> None:
        """React to one message. An exception ends the actor as `Crashed`."""

    def handle_timer(self, name: Hashable) -> None:
        """React to a timer of `start_timer`; a cancelled or restarted one never gets here."""

    def handle_stop(self) -> None:
        """The parent asks to stop. Drain if need be, then ``exit``; the parent kills after ``shutdown_s``."""
        self.exit(Shutdown())

    def on_exit(self, reason: ExitReason) -> None:
        """Last words: release what this actor owns. Called once, for every ending that leaves time for it."""

    def snapshot(self) -> Mapping[str, object]:
        """What `Snapshot.detail` shows; plain values, no secrets."""
        return {}

    # --- what a subclass calls ---

    @property
    def phase(self) -> Phase:
        """Where in its life this incarnation is."""
        return self._phase

    def started(self) -> None:
        """Report `Started` to the parent. Only the first call has an effect."""
        if self._phase is _STARTING:
            self._phase = _RUNNING
            self.tell_parent(Started(self.id, self.incarnation))

    def exit(self, reason: ExitReason | None = None) -> None:
        """End with ``reason`` (`Normal` if None). Messages that come later are not handled."""
        self._end(Normal() if reason is None else reason)

    def start_timer(self, name: Hashable, seconds: float) -> None:
        """Call ``handle_timer(name)`` after ``seconds``; a running timer of that name is replaced."""
        arm = self._timers.start(name, seconds, self.runtime.clock.now())
        if arm is not None:
            self.wakeupAfter(timedelta(seconds=arm.seconds), arm.payload)

    def cancel_timer(self, name: Hashable) -> None:
        """Stop the timer ``name``; nothing happens if it does not run."""
        self._timers.cancel(name)

    def tell_parent(self, message: object) -> None:
        """Send ``message`` to the parent."""
        if self.parent is not None:
            self.send(self.parent, message)

    def send_to(self, path: str, message: object) -> None:
        """Send ``message`` to the actor now at ``path``; `NoSuchChild` comes back if there is none.

        The way to reach a sibling (``node/registry``): the path outlives its restarts, an address does not. A fixed
        actor is reached by name; every other path leads through the tree.
        """
        names = self.runtime.names
        address = names.find(path)
        if address is not None:
            self.send(address, message)
        elif path in names:
            self.send(self.myAddress, NoSuchChild(path, message))
        else:
            self.handle_to_path(ToPath(path, message, self.myAddress))

    def emit(self, event: events.SupervisionEvent) -> None:
        """Give ``event`` to the sink; a failing sink cannot harm the actor."""
        self._last_event = type(event).__name__
        try:
            self.runtime.sink.emit(event)
        except Exception:  # noqa: BLE001 - observers must not decide who lives; there is nobody left to tell
            return

    # --- the rest is machinery ---

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path or '?'} #{self.incarnation} {self._phase.value}>"

    def receiveMessage(self, message: object, sender: ActorAddress) -> None:  # noqa: N802 - Thespian's name
        """Thespian's entry. Lets no `Exception` out."""
        phase = self._phase
        if phase is _ENDED:
            return
        try:
            reaction = self.protocol.get(type(message))
            if reaction is not None:
                reaction(self, message, sender)
            elif phase is _NEW:
                self.send(sender, NoSuchChild(self.id, message))
            else:
                self.handle(message, sender)
        except Exception as error:  # noqa: BLE001 - the one place where an exception becomes an exit reason
            self._fail("start" if phase is _NEW or phase is _STARTING else "message", error)

    def handle_to_path(self, message: ToPath) -> None:
        """Pass ``message`` on: it is for this actor, for one below, or for the parent to find."""
        if message.path == self.path:
            self.send(self.myAddress, Forwarded(message.message, message.sender))
        elif self.parent is None or message.path.startswith(self.path + "/") or "/" not in self.path:
            self.send(message.sender, NoSuchChild(message.path, message.message))
        else:
            self.send(self.parent, message)

    def handle_snapshot(self, request: SnapshotRequest, sender: ActorAddress) -> None:
        """Answer with this actor's picture."""
        self.send(sender, SnapshotReply(request.token, self.picture()))

    def picture(self) -> Snapshot:
        """This actor, without children."""
        return Snapshot(
            path=self.path,
            kind=self.kind,
            state=self._phase.value,
            incarnation=self.incarnation,
            mailbox_depth=getattr(self._myRef, "mailbox_depth", None),
            last_event=self._last_event,
            detail=self.snapshot(),
        )

    def handle_own_timer(self, name: Hashable) -> None:
        """React to a timer that is due; a subclass with timers of its own machinery looks at the name first."""
        self.handle_timer(name)

    def _handle_start(self, start: Start, sender: ActorAddress) -> None:
        if self._phase is not _NEW:
            return
        self.id, self.path, self.incarnation = start.id, start.path, start.incarnation
        self.runtime, self.parent = start.runtime, sender
        self._phase = _STARTING
        if self.handle_start(start.args) is not LATER:
            self.started()

    def _handle_wakeup(self, message: Any, sender: ActorAddress) -> None:
        if self._phase is _NEW:
            return
        payload = message.payload
        if not isinstance(payload, TimerFired):
            self.handle(message, sender)  # a plain wakeupAfter of the subclass
            return
        fired = self._timers.fired(payload, self.runtime.clock.now())
        if isinstance(fired, Arm):
            self.wakeupAfter(timedelta(seconds=fired.seconds), fired.payload)
        elif fired:
            self.handle_own_timer(payload.name)

    def _handle_exit_request(self, _: ActorExitRequest, __: ActorAddress) -> None:
        self._phase = _ENDED
        self._last_words(Killed())

    def _handle_forwarded(self, message: Forwarded, _: ActorAddress) -> None:
        self.receiveMessage(message.message, message.sender)

    def _fail(self, where: str, error: Exception) -> None:
        if self._phase is _ENDED:
            return
        self.emit(events.ActorFailed(self.path, self.incarnation, where, error))
        without_traceback(error)
        self._end(StartFailed(error) if self._phase in (_NEW, _STARTING) else Crashed(error))

    def _end(self, reason: ExitReason) -> None:
        if self._phase is _ENDED:
            return
        self._phase = _ENDED
        self._last_words(reason)
        self.tell_parent(ChildExiting(self.id, self.incarnation, reason))
        self.send(self.myAddress, ActorExitRequest())

    def _last_words(self, reason: ExitReason) -> None:
        try:
            self.on_exit(reason)
        except Exception as error:  # noqa: BLE001 - the ending has its reason already
            self.emit(events.ActorFailed(self.path, self.incarnation, "exit", error))
            without_traceback(error)

    protocol: ClassVar[Mapping[type, Reaction]] = {
        Start: _handle_start,
        Stop: lambda self, *_: self.handle_stop(),
        Forwarded: _handle_forwarded,
        ToPath: lambda self, message, _: self.handle_to_path(message),
        SnapshotRequest: lambda self, message, sender: self.handle_snapshot(message, sender),
        WakeupMessage: _handle_wakeup,
        ActorExitRequest: _handle_exit_request,
    }
    """What takes the messages that never reach `handle`; nothing does once the actor has ended.

    By exact type, for `isinstance` is slow on a struct's class. A subclass adds its own.
    """
