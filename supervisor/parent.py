"""`Parent`: a supervised actor that has children and lets its subclass decide what their endings mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from msgspec.structs import replace
from thespian.actors import ChildActorExited

from supervisor.child import Child, ChildDown, ChildTimer, ExitSettled, StartImpossible
from supervisor.children import Children
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
from supervisor.supervised import Phase, Reaction, Supervised

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from thespian.actors import ActorAddress

    from supervisor.spec import ChildSpec

_STOPPING = Phase.STOPPING

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
        if self._phase is _STOPPING or self._phase is Phase.ENDED:
            return
        self._phase = _STOPPING
        self._ending = Normal() if reason is None else reason
        for child in reversed(list(self.children)):
            if self.stop_together or not child.alive:
                self.children.stop(child)
        self._stop_next()

    # --- the rest is machinery ---

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

    def _handle_snapshot_reply(self, reply: SnapshotReply, _: ActorAddress) -> None:
        entry = self._gatherings.get(reply.token)
        if entry is not None and entry[0].take(reply.snapshot.path.rpartition("/")[2], reply.snapshot):
            self._answer_gathering(reply.token)

    def _answer_gathering(self, number: int) -> None:
        entry = self._gatherings.pop(number, None)
        if entry is not None:
            gathering, sender, token = entry
            self.cancel_timer(GatherTimer(number))
            self.send(sender, SnapshotReply(token, gathering.result()))

    def _handle_started(self, message: Started, sender: ActorAddress) -> None:
        child = self.children.handle_started(message, sender)
        if child is not None and self._phase is not _STOPPING:
            self.on_child_started(child)

    def _note(self, down: ChildDown | None) -> None:
        if down is None:
            return
        if self._phase is _STOPPING:
            self._stop_next()
        elif down.asked:
            self.on_child_stopped(down.child, down.reason)
        else:
            self.on_child_exited(down.child, down.reason)

    def _stop_next(self) -> None:
        """One step of the ending: what is still to be stopped, or the end itself."""
        if not self.children.alive_count:
            if self._ending is not None:
                self._end(self._ending)
        elif not self.stop_together:
            self.children.stop(next(child for child in reversed(list(self.children)) if child.alive))

    def _forward(self, message: ToChild, sender: ActorAddress) -> None:
        if not self.send_to_child(message.id, Forwarded(message.message, sender)):
            self.send(sender, NoSuchChild(message.id, message.message))

    def _kill(self, message: KillChild, sender: ActorAddress) -> None:
        child = self.children.get(message.id)
        if child is None or not child.alive:
            self.send(sender, NoSuchChild(message.id))
        else:
            self.children.kill(child)

    def _tell_which(self, message: WhichChild, sender: ActorAddress) -> None:
        self.send(sender, self.children.reference(message.id) or NoSuchChild(message.id))

    def _list(self, message: WhichChildren, sender: ActorAddress) -> None:
        references: list[ChildRef] = []
        for child in self.children:
            if len(references) >= message.limit:
                break
            reference = self.children.reference(child.id)
            if reference is not None:
                references.append(reference)
        self.send(sender, ChildList(tuple(references), len(self.children)))

    protocol: ClassVar[Mapping[type, Reaction]] = {
        **Supervised.protocol,
        Started: _handle_started,
        ChildExiting: lambda self, message, _: self.children.handle_exiting(message),
        ChildActorExited: lambda self, message, _: self._note(self.children.handle_exited(message.childAddress)),
        ExitSettled: lambda self, message, _: self._note(self.children.handle_settled(message)),
        StartImpossible: lambda self, message, _: self._note(self.children.handle_impossible(message)),
        ToChild: _forward,
        WhichChild: _tell_which,
        WhichChildren: _list,
        KillChild: _kill,
        SnapshotReply: _handle_snapshot_reply,
    }
