"""`Parent`: a supervised actor that has children and lets its subclass decide what their endings mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, assert_never

from msgspec import Struct
from msgspec.structs import replace
from thespian.actors import ChildActorExited

from supervisor.children import Child, ChildDown, Children, ChildTimer, ChildUp, ExitSettled, StartImpossible
from supervisor.messages import (
    ChildExiting,
    ChildList,
    ChildRef,
    Forwarded,
    KillChild,
    NoSuchChild,
    SnapshotReply,
    SnapshotRequest,
    Started,
    ToChild,
    ToPath,
    WhichChild,
    WhichChildren,
)
from supervisor.reasons import ExitReason, Normal
from supervisor.snapshot import UNRESPONSIVE, Gathering, Snapshot
from supervisor.supervised import Phase, Supervised

if TYPE_CHECKING:
    from collections.abc import Hashable

    from thespian.actors import ActorAddress

    from supervisor.spec import ChildSpec

CHILD_DEADLINE_SHARE = 0.8  # a child gets this share of its parent's time, so that its parent can still answer
MAX_GATHERINGS = 64  # snapshot requests that wait at one parent; more are answered without children


class GatherTimer(Struct, frozen=True):
    """The name of a gathering's deadline timer."""

    number: int


class Parent(Supervised):
    """Base of supervisors, and of actors that own children and decide for themselves (a session and its links).

    Start children with ``self.start_child(spec)``. ``exit`` stops them first, in reverse start order and each within
    its deadline; an exception takes them along at once.
    """

    kind: ClassVar[str] = "supervisor"
    stop_together: ClassVar[bool] = True
    """Stop all children at the same time, or one after the other in reverse start order."""
    names_children: ClassVar[bool] = False
    """Children are fixed, few and known to others by path: `Names` has them while they run."""

    protocol: ClassVar[frozenset[type]] = Supervised.protocol | {
        Started,
        ChildExiting,
        ChildActorExited,
        StartImpossible,
        ExitSettled,
        ToChild,
        WhichChild,
        WhichChildren,
        KillChild,
        SnapshotReply,
    }

    def __init__(self) -> None:
        super().__init__()
        self.children = Children(self, named=self.names_children)
        self._ending: ExitReason | None = None
        self._gatherings: dict[int, tuple[Gathering, ActorAddress, int]] = {}
        self._gathered = 0

    # --- what a subclass implements ---

    def on_child_started(self, child: Child) -> None:
        """A child reported `Started`."""

    def on_child_exited(self, child: Child, reason: ExitReason) -> None:
        """A child ended that nobody had asked to stop. It stays known until ``self.children.forget(child.id)``."""

    def on_child_stopped(self, child: Child, reason: ExitReason) -> None:  # noqa: ARG002 - a hook
        """A child ended that this actor had asked to stop."""
        self.children.forget(child.id)

    # --- what a subclass calls ---

    def start_child(self, spec: ChildSpec) -> Child:
        """Add a child and start its first incarnation; ``ValueError`` if the id is in use."""
        child = self.children.add(spec)
        self.children.start(child)
        return child

    def stop_child(self, child_id: str) -> None:
        """Stop a child in order; nothing happens if it is not known."""
        child = self.children.get(child_id)
        if child is None:
            return
        if child.alive:
            self.children.stop(child)
        else:
            self.children.forget(child_id)

    def send_to_child(self, child_id: str, message: object) -> bool:
        """Send to a child that is starting or running; False if it is neither."""
        address = self.children.address_of(child_id)
        if address is not None:
            self.send(address, message)
        return address is not None

    def exit(self, reason: ExitReason | None = None) -> None:
        """Stop the children, then end with ``reason``. A second call has no effect."""
        if self._phase is Phase.STOPPING or self._phase is Phase.ENDED:
            return
        self._phase = Phase.STOPPING
        self._ending = Normal() if reason is None else reason
        for child in reversed(list(self.children)):
            if self.stop_together or not child.alive:
                self.children.stop(child)
        self._stop_next()

    # --- the rest is machinery ---

    def handle_protocol(self, message: object, sender: ActorAddress) -> None:
        """React to a message of `protocol`."""
        if self._phase is Phase.ENDED:
            super().handle_protocol(message, sender)
            return
        match message:
            case Started():
                self._note(self.children.handle_started(message, sender))
            case ChildExiting():
                self.children.handle_exiting(message)
            case ChildActorExited():
                self._note(self.children.handle_exited(message.childAddress))
            case ExitSettled():
                self._note(self.children.handle_settled(message))
            case StartImpossible():
                self._note(self.children.handle_impossible(message))
            case ToChild(child_id, inner):
                self._forward(child_id, inner, sender)
            case WhichChild(child_id):
                self.send(sender, self.children.reference(child_id) or NoSuchChild(child_id))
            case WhichChildren(limit):
                self.send(sender, self._list(limit))
            case KillChild(child_id):
                self._kill(child_id, sender)
            case SnapshotReply():
                self._handle_snapshot_reply(message)
            case _:
                super().handle_protocol(message, sender)

    def handle_own_timer(self, name: Hashable) -> None:
        """Children's deadlines are this class's own; the rest is the subclass's."""
        match name:
            case ChildTimer():
                self._note(self.children.handle_timer(name))
            case GatherTimer():
                self._answer_gathering(name.number)
            case _:
                super().handle_own_timer(name)

    def handle_to_path(self, message: ToPath) -> None:
        """Downwards if the path leads below this actor."""
        below = message.path.removeprefix(self.path + "/")
        if below == message.path:
            super().handle_to_path(message)
            return
        child_id, _, rest = below.partition("/")
        address = self.children.address_of(child_id)
        if address is None:
            self.send(message.sender, NoSuchChild(message.path, message.message))
        else:
            self.send(address, message if rest else Forwarded(message.message, message.sender))

    def handle_snapshot(self, request: SnapshotRequest, sender: ActorAddress) -> None:
        """Answer when the children shown have answered, or at the deadline."""
        own = self.own_picture()
        if request.depth <= 0 or not len(self.children) or len(self._gatherings) >= MAX_GATHERINGS:
            self.send(sender, SnapshotReply(request.token, own))
            return
        missing = self.children.pictures(request.limit)
        gathering = Gathering(own, missing, order=tuple(missing))
        self._gathered += 1
        self._gatherings[self._gathered] = (gathering, sender, request.token)
        self._ask_children(gathering, request)

    # --- inside ---

    def own_picture(self) -> Snapshot:
        """This actor, with what it knows of its budget and its number of children."""
        return replace(self.picture(), children_total=len(self.children), restarts_left=self.restarts_left())

    def restarts_left(self) -> int | None:
        """What remains of this actor's restart budget, if it has one."""
        return None

    def _ask_children(self, gathering: Gathering, request: SnapshotRequest) -> None:
        inner = replace(
            request,
            token=self._gathered,
            depth=request.depth - 1,
            deadline_s=request.deadline_s * CHILD_DEADLINE_SHARE,
        )
        for child_id, known in list(gathering.missing.items()):
            address = self.children.address_of(child_id)
            if address is None:
                gathering.take(child_id, known)
            else:
                gathering.missing[child_id] = replace(known, state=UNRESPONSIVE)
                self.send(address, inner)
        if gathering.missing:
            self.start_timer(GatherTimer(self._gathered), request.deadline_s)
        else:
            self._answer_gathering(self._gathered)

    def _handle_snapshot_reply(self, reply: SnapshotReply) -> None:
        entry = self._gatherings.get(reply.token)
        if entry is not None and entry[0].take(reply.snapshot.path.rpartition("/")[2], reply.snapshot):
            self._answer_gathering(reply.token)

    def _answer_gathering(self, number: int) -> None:
        entry = self._gatherings.pop(number, None)
        if entry is not None:
            gathering, sender, token = entry
            self.cancel_timer(GatherTimer(number))
            self.send(sender, SnapshotReply(token, gathering.result()))

    def _note(self, fact: ChildUp | ChildDown | None) -> None:
        match fact:
            case None:
                pass
            case ChildUp(child):
                if self._phase is not Phase.STOPPING:
                    self.on_child_started(child)
            case ChildDown(child, reason, asked):
                self._note_down(child, reason, asked=asked)
            case _:
                assert_never(fact)

    def _note_down(self, child: Child, reason: ExitReason, *, asked: bool) -> None:
        if self._phase is Phase.STOPPING:
            self._stop_next()
        elif asked:
            self.on_child_stopped(child, reason)
        else:
            self.on_child_exited(child, reason)

    def _stop_next(self) -> None:
        """One step of the ending: what is still to be stopped, or the end itself."""
        if not self.children.alive_count:
            if self._ending is not None:
                self._end(self._ending)
        elif not self.stop_together:
            self.children.stop(next(child for child in reversed(list(self.children)) if child.alive))

    def _forward(self, child_id: str, message: object, sender: ActorAddress) -> None:
        if not self.send_to_child(child_id, Forwarded(message, sender)):
            self.send(sender, NoSuchChild(child_id, message))

    def _kill(self, child_id: str, sender: ActorAddress) -> None:
        child = self.children.get(child_id)
        if child is None or not child.alive:
            self.send(sender, NoSuchChild(child_id))
        else:
            self.children.kill(child)

    def _list(self, limit: int) -> ChildList:
        references: list[ChildRef] = []
        for child in self.children:
            if len(references) >= limit:
                break
            reference = self.children.reference(child.id)
            if reference is not None:
                references.append(reference)
        return ChildList(tuple(references), len(self.children))
