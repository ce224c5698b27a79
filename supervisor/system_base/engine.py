"""The actor runtime: mailboxes, turns, endings. Synchronous, single-threaded, and without a clock or a loop of its own.

A driver calls `run_batch` while there is something to do and `fire_due` when time has passed; asyncio drives it in
production, a seeded scheduler in simulation. Messages are passed as the objects they are, never copied.
"""

from __future__ import annotations

import traceback
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any

from thespian.actors import (
    ActorExitRequest,
    ActorSystemException,
    ActorSystemMessage,
    ChildActorExited,
    DeadEnvelope,
    InvalidActorAddress,
    PoisonMessage,
    WakeupMessage,
)
from thespian.system.messages.status import Thespian_ActorStatus, Thespian_StatusReq
from thespian.system.timing import ExpirationTimer

from supervisor.system_base.address import Address
from supervisor.system_base.cell import Cell, CellPhase
from supervisor.system_base.creation import instantiate
from supervisor.system_base.external import Endpoint
from supervisor.system_base.notices import CreationFailed, DeadLetter, MessageFailed, SlowTurn
from supervisor.system_base.reference import Reference
from supervisor.system_base.timers import Wakeups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta

    from thespian.actors import ActorAddress

    from supervisor.system_base.notices import Notice

TURN_MESSAGES = 16
"""How many messages one actor may take before the next one's turn."""

SLOW_TURN_S = 0.2

MAILBOX_LIMIT = 100_000
"""A full mailbox refuses the newest: it becomes a dead letter. ActorExitRequest and ChildActorExited always fit."""

_ALWAYS_FIT = (ActorExitRequest, ChildActorExited)
_NEVER_DEAD_LETTERS = (ActorExitRequest, ChildActorExited, DeadEnvelope)

_LIVE, _EXITING, _ABORTED, _DEAD = CellPhase.LIVE, CellPhase.EXITING, CellPhase.ABORTED, CellPhase.DEAD
# Globals are found sooner than attributes of an enumeration, which CPython 3.11 looks up in Python's own slow way.

_systems = count(1)


def ignore(_: Notice) -> None:
    """Take a notice and do nothing with it."""


class Engine:
    """One system's actors. ``wake`` is called whenever there may be something new to do; not from within a turn.

    A batch tells by its result whether there is more to do, and its driver looks for new wakeups after it anyway.
    """

    def __init__(
        self,
        now: Callable[[], float],
        wake: Callable[[], None],
        notify: Callable[[Notice], None] = ignore,
        choose: Callable[[deque[Cell]], Cell] = deque.popleft,
        turn_messages: int = TURN_MESSAGES,
    ) -> None:
        self.now = now
        self.wake = wake
        self.notify = notify
        self.choose = choose
        self.turn_messages = turn_messages
        self.capabilities: dict[str, object] = {}
        self.wakeups = Wakeups()
        self.ready: deque[Cell] = deque()
        self.handled = 0
        self.dead_letters = 0
        self.prefix = f"/A{next(_systems)}"
        self.system_address = Address(f"{self.prefix}~System", self)
        self.accept = self.post
        """How another system hands a message over; a driver with a thread of its own replaces it."""
        self._numbers = count(1)
        self._cells: dict[str, Cell] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._names: dict[str, Cell] = {}
        self._dead_letter_actor: Cell | None = None
        self._running: Cell | None = None
        self._at = 0.0  # when the message before the present one was done; a clock is read once a message

    # --- what is there ---

    def __len__(self) -> int:
        return len(self._cells)

    def cells(self) -> Iterable[Cell]:
        """Every actor there is."""
        return self._cells.values()

    def roots(self) -> list[Cell]:
        """Return the actors without a living parent."""
        return [cell for cell in self._cells.values() if cell.parent is None]

    def find(self, address: ActorAddress) -> Cell | Endpoint | None:
        """Return who is behind an address, also one that has travelled as text."""
        if type(address) is Address:
            return address.target
        key = address.actorAddressString
        return self._cells.get(key) or self._endpoints.get(key)

    # --- creating ---

    def open_endpoint(self, hear: Callable[[object], None] | None = None) -> Endpoint:
        """Make an address for somebody outside of the system, who takes what comes, or hears it at once."""
        address = Address(f"{self.prefix}~External~{next(self._numbers)}", self)
        endpoint = Endpoint(address, hear)
        address.target = endpoint
        self._endpoints[address.actorAddressString] = endpoint
        return endpoint

    def close_endpoint(self, endpoint: Endpoint) -> None:
        """Forget an outside address; mail for it becomes dead letters."""
        self._endpoints.pop(endpoint.address.actorAddressString, None)
        endpoint.address.target = None

    def create_root(self, actor: object, requirements: Mapping[str, object] | None, name: str | None) -> Address:
        """Create an actor for the outside. Raises what keeps it from living."""
        if name and (known := self._names.get(name)) is not None:
            return known.address
        instance = instantiate(actor, self.capabilities, requirements)
        return self._settle(instance, None, name).address

    def create_child(
        self, parent: Cell, actor: object, requirements: Mapping[str, object] | None, name: str | None
    ) -> Address:
        """Create an actor for an actor. One that cannot live gets an address all the same.

        Its parent is told by `ChildActorExited`, then gets back as poison whatever it sent there meanwhile. A named
        actor is nobody's child. Raises for a specification that is no class at all.
        """
        if parent.phase is _DEAD:
            raise InvalidActorAddress(parent.address, "an actor that has ended; it creates no children")
        if name and (known := self._names.get(name)) is not None:
            return known.address
        if parent.phase is _EXITING:
            return self._abort(parent, actor, "the parent is exiting")
        try:
            instance = instantiate(actor, self.capabilities, requirements)
        except ImportError:
            raise
        except ActorSystemException as error:
            if isinstance(actor, str) and "." not in actor:
                raise
            return self._abort(parent, actor, str(error))
        except (Exception, SystemExit):  # noqa: BLE001 - a constructor's fault ends only what it constructs
            return self._abort(parent, actor, traceback.format_exc())
        return self._settle(instance, None if name else parent, name).address

    def _settle(self, instance: Any, parent: Cell | None, name: str | None) -> Cell:
        address = Address(f"{self.prefix}~{next(self._numbers)}", self)
        cell = Cell(address, instance, parent, name)
        address.target = cell
        instance._myRef = Reference(self, cell, address)  # noqa: SLF001 - the seam that Thespian gives to system bases
        self._cells[address.actorAddressString] = cell
        if parent is not None:
            if parent.children is None:
                parent.children = {}
            parent.children[address.actorAddressString] = cell
        if name:
            self._names[name] = cell
        return cell

    def _abort(self, parent: Cell, actor: object, details: str) -> Address:
        address = Address(f"{self.prefix}~{next(self._numbers)}", self)
        cell = Cell(address, None, parent, None)
        cell.phase = _ABORTED
        cell.failure = "Child Aborted"
        address.target = cell
        self.notify(CreationFailed(address.actorAddressString, str(actor), details))
        self.post(parent.address, ChildActorExited(address), address)
        self.ready.append(cell)
        return address

    # --- sending ---

    def post(self, target: ActorAddress, message: object, sender: ActorAddress) -> None:
        """Put a message into a mailbox; what has no mailbox becomes a dead letter.

        An actor of another system in this process is reached through that system, so that it runs only there.
        """
        if type(target) is Address:
            if target.home is not self:
                target.home.accept(target, message, sender)
                return
            cell = target.target
        else:
            cell = self.find(target)
        if cell is None:
            self._dead_letter(target, message, sender)
            return
        if type(cell) is Endpoint:
            cell.put(message)
            return
        mailbox = cell.mailbox
        if not mailbox:
            cell.mailbox = ((message, sender),)
            if cell.phase is not _ABORTED:
                self.ready.append(cell)
                if self._running is None:
                    self.wake()
        elif len(mailbox) >= MAILBOX_LIMIT and not isinstance(message, _ALWAYS_FIT):
            self._dead_letter(target, message, sender)
        elif type(mailbox) is deque:
            mailbox.append((message, sender))
        else:
            cell.mailbox = deque((*mailbox, (message, sender)))

    def _dead_letter(self, target: ActorAddress, message: object, sender: ActorAddress) -> None:
        if isinstance(message, _NEVER_DEAD_LETTERS):
            return
        self.dead_letters += 1
        wanted_by = self._dead_letter_actor
        if wanted_by is not None and wanted_by.address is not target:
            self.post(wanted_by.address, DeadEnvelope(target, message), sender)
        else:
            self.notify(DeadLetter(target.actorAddressString, message))

    def handle_dead_letters(self, address: ActorAddress, *, enable: bool) -> None:
        """Name the actor that gets dead letters: the newest that asked, none after it stops."""
        cell = self.find(address)
        if enable:
            self._dead_letter_actor = cell if isinstance(cell, Cell) else None
        elif cell is self._dead_letter_actor:
            self._dead_letter_actor = None

    def wakeup_after(self, cell: Cell, period: timedelta, payload: object) -> None:
        """Schedule a `WakeupMessage`; it goes with its actor."""
        if cell.phase is _LIVE:
            self.wakeups.add(self.now() + period.total_seconds(), cell, period, payload)
            if self._running is None:
                self.wake()

    # --- running ---

    def fire_due(self) -> None:
        """Post the wakeups that are due, in due order."""
        for cell, period, payload in self.wakeups.pop_due(self.now()):
            self.post(cell.address, WakeupMessage(period, payload), cell.address)

    def run_batch(self, messages: int, until: float) -> bool:
        """Run turns until so many messages were handled or time is up; tells whether there is more to do."""
        ready, choose = self.ready, self.choose
        end = self.handled + messages
        self._at = self.now()
        while ready and self.handled < end:
            self._take_turn(choose(ready))
            if self._at >= until:
                break
        return bool(ready)

    def _take_turn(self, cell: Cell) -> None:
        """Let an actor handle what it has. What escapes (a sink that raises, an interrupt) costs one message only."""
        if cell.phase is _ABORTED:
            self._return_mail(cell)
            return
        self._running = cell
        actor, left, now = cell.instance, self.turn_messages, self.now
        try:
            while left and cell.mailbox:
                left -= 1
                self.handled += 1
                message, sender = cell.mailbox[0]
                if cell.phase is _EXITING or isinstance(message, ActorSystemMessage):
                    self._deliver_system(cell, message, sender)
                else:
                    again = False
                    try:  # what `_call` does, without its frame: a tenth of what a message costs
                        answer = actor.receiveMessage(message, sender)  # type: ignore[attr-defined]
                        if answer is not None:
                            _refuse_coroutine(actor, answer)
                    except BaseException as error:  # noqa: BLE001 - see `_call`
                        again = self._fault(cell, message, sender, error, 1)
                    if again:
                        self._call(cell, message, sender, (2,))
                at = now()
                if at - self._at >= SLOW_TURN_S:
                    self._notice_slow(cell, actor, message, at - self._at)
                self._at = at
                cell.drop_first()
        except BaseException:
            cell.drop_first()
            raise
        finally:
            self._running = None
            if cell.mailbox:
                self.ready.append(cell)

    def _return_mail(self, cell: Cell) -> None:
        cell.phase = _DEAD
        cell.address.target = None
        for message, sender in cell.mailbox:
            if not isinstance(message, (*_NEVER_DEAD_LETTERS, PoisonMessage)):
                self.post(sender, PoisonMessage(message, cell.failure), cell.address)
        cell.mailbox = ()

    def _deliver_system(self, cell: Cell, message: object, sender: ActorAddress) -> None:
        """Deliver what concerns the system, or anything to an actor that is exiting."""
        if cell.phase is _EXITING:
            self._deliver_exiting(cell, message, sender)
        elif isinstance(message, Thespian_StatusReq):
            self.post(sender, self._status(cell), cell.address)
        else:
            self._call(cell, message, sender)
            if isinstance(message, ActorExitRequest) and cell.phase is _LIVE:
                self._begin_exit(cell, recursive=message.isRecursive)

    def _call(self, cell: Cell, message: object, sender: ActorAddress, attempts: tuple[int, ...] = (1, 2)) -> None:
        """Deliver, and once more if the handler raises; then the sender gets the message back as poison.

        Any exception but an interrupt is the actor's own: a `CancelledError` from a future must not stop the system.
        """
        for attempt in attempts:
            try:
                answer = cell.instance.receiveMessage(message, sender)  # type: ignore[attr-defined]
                if answer is not None:
                    _refuse_coroutine(cell.instance, answer)
            except BaseException as error:  # noqa: BLE001 - whatever a handler raises is its own affair
                if not self._fault(cell, message, sender, error, attempt):
                    return
            else:
                return

    def _notice_slow(self, cell: Cell, actor: object, message: object, took_s: float) -> None:
        kind = type(message).__name__
        self.notify(SlowTurn(cell.address.actorAddressString, type(actor).__name__, kind, took_s))

    def _fault(self, cell: Cell, message: object, sender: ActorAddress, error: BaseException, attempt: int) -> bool:
        """Do what a handler's exception asks for; True: let it try once more."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        if isinstance(error, SystemExit):
            self.end(cell)
            return False
        details = traceback.format_exc()
        actor, kind = type(cell.instance).__name__, type(message).__name__
        self.notify(MessageFailed(cell.address.actorAddressString, actor, kind, attempt, details))
        is_exit = isinstance(message, ActorExitRequest)
        if attempt == 1 and not is_exit and not getattr(cell.instance, "no_retry", False):
            return True
        if not is_exit and not isinstance(message, PoisonMessage):
            self.post(sender, PoisonMessage(message, details), cell.address)
        return False

    def _status(self, cell: Cell) -> object:
        status = Thespian_ActorStatus(cell.address, type(cell.instance).__name__, self.system_address)
        for child in (cell.children or {}).values():
            status.addChild(child.address)
        for message, sender in list(cell.mailbox)[1:]:
            status.addReceivedMessage(sender, cell.address, type(message).__name__)
        now = self.now()
        status.addWakeups([(cell.address, ExpirationTimer(max(0.0, due - now))) for due in self.wakeups.of(cell)])
        return status

    # --- ending ---

    def begin_shutdown(self) -> None:
        """Ask every root to exit, its children with it."""
        for root in self.roots():
            self.post(root.address, ActorExitRequest(), self.system_address)

    def end_all(self) -> None:
        """End whatever is left, without asking."""
        for cell in list(self._cells.values()):
            self.end(cell)

    def _begin_exit(self, cell: Cell, *, recursive: bool) -> None:
        children = list((cell.children or {}).values())
        if not recursive:
            for child in children:
                child.parent = None
            cell.children = None
            children = []
        if not children:
            self.end(cell)
            return
        cell.phase = _EXITING
        self.wakeups.drop_all_of(cell)
        for child in children:
            self.post(child.address, ActorExitRequest(), cell.address)

    def _deliver_exiting(self, cell: Cell, message: object, sender: ActorAddress) -> None:
        """An exiting actor sees nothing more; it ends with its last child."""
        if not isinstance(message, ChildActorExited):
            self._dead_letter(cell.address, message, sender)
        elif not cell.children:
            self.end(cell)

    def end(self, cell: Cell) -> None:
        """End an actor now, its children with it, and forget it entirely."""
        if cell.phase is _DEAD:
            return
        first = 1 if cell is self._running else 0  # the message being handled is no undelivered one
        cell.phase = _DEAD
        for child in list((cell.children or {}).values()):
            self.end(child)
        key = cell.address.actorAddressString
        self._cells.pop(key, None)
        cell.address.target = None
        if cell.name and self._names.get(cell.name) is cell:
            del self._names[cell.name]
        if self._dead_letter_actor is cell:
            self._dead_letter_actor = None
        if cell.timers >= 0:
            self.wakeups.drop_all_of(cell)
        undelivered = list(cell.mailbox)[first:]
        cell.mailbox = ()
        for message, sender in undelivered:
            self._dead_letter(cell.address, message, sender)
        parent, cell.parent, cell.children = cell.parent, None, None
        cell.instance = None
        if parent is not None and parent.phase is not _DEAD:
            if parent.children is not None:
                parent.children.pop(key, None)
            self.post(parent.address, ChildActorExited(cell.address), cell.address)


def _refuse_coroutine(actor: object, answer: Any) -> None:
    """Raise where a handler's answer would have to be awaited; it is closed, lest it complains when it is collected."""
    if hasattr(answer, "__await__"):
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        raise TypeError(f"{type(actor).__name__}: handlers are synchronous, not coroutines")
