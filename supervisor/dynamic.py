"""`DynamicSupervisor`: many like children, started on demand, each with a budget of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec import Struct

from supervisor import events, policy
from supervisor.directives import Escalate, Forget, Restart, Stop
from supervisor.errors import InvalidSpecError
from supervisor.intensity import RestartWindow
from supervisor.messages import ChildRefused, ChildStarted, NoSuchChild, StartChild, TerminateChild
from supervisor.parent import Parent
from supervisor.reasons import Crashed, ExitReason, StartFailed
from supervisor.supervised import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thespian.actors import ActorAddress

    from supervisor.child import Child

_STOPPING = Phase.STOPPING


class DynamicPlan(Struct, frozen=True):
    """Limits of a dynamic supervisor: children at a time, and the restart budget that *each* child has."""

    max_children: int = 10_000
    intensity: int = 3
    period_s: float = 5.0

    def __post_init__(self) -> None:
        if self.max_children < 1 or self.intensity < 0 or self.period_s <= 0:
            raise InvalidSpecError(f"not a dynamic plan: {self!r}")


class DynamicSupervisor(Parent):
    """Answers `StartChild`, `TerminateChild`, `ToChild`, `WhichChild`, `WhichChildren`.

    ``args``: a `DynamicPlan`, or None for the defaults; or override ``init``. A child whose own budget is spent is
    forgotten; its neighbours do not notice, and neither does this supervisor's parent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.plan = DynamicPlan()
        self._askers: dict[str, ActorAddress] = {}
        self._windows: dict[str, RestartWindow] = {}  # only of children that have restarted
        self._refused = 0

    def init(self, args: object) -> DynamicPlan:
        """The limits; ``args`` are the spec's."""
        if args is None:
            return DynamicPlan()
        if not isinstance(args, DynamicPlan):
            raise InvalidSpecError(f"{type(self).__name__}: override init(), or give a DynamicPlan as args")
        return args

    def snapshot(self) -> Mapping[str, object]:
        """How full it is."""
        return {"children": len(self.children), "max_children": self.plan.max_children, "refused": self._refused}

    # --- machinery ---

    def handle_start(self, args: object) -> None:
        """Take the limits; there is nothing to wait for."""
        self.plan = self.init(args)

    def handle(self, message: object, sender: ActorAddress) -> None:
        """`StartChild` and `TerminateChild`; unknown messages have no effect."""
        match message:
            case StartChild():
                self._handle_start_child(message, sender)
            case TerminateChild(child_id):
                if child_id in self.children:
                    self.stop_child(child_id)
                else:
                    self.send(sender, NoSuchChild(child_id))

    def on_child_started(self, child: Child) -> None:
        """Tell whoever asked for it."""
        asker = self._askers.pop(child.id, None)
        if asker is not None and child.address is not None:
            self.send(asker, ChildStarted(child.id, child.address))

    def on_child_stopped(self, child: Child, reason: ExitReason) -> None:
        """Its end was asked for."""
        self._forget(child, reason)

    def on_child_exited(self, child: Child, reason: ExitReason) -> None:
        """Ask the table with the child's own budget."""
        now = self.runtime.clock.now()
        window = self._windows.get(child.id)
        remaining = self.plan.intensity if window is None else window.remaining(now)
        directive = policy.decide_one(
            child.spec, reason, remaining=remaining, attempt=child.attempt, u=self.runtime.uniform()
        )
        match directive:
            case Restart(after_s):
                self._restart(child, after_s, now)
            case Stop() | Forget():
                self._forget(child, reason)
            case Escalate():
                path = f"{self.path}/{child.id}"
                self.emit(events.IntensityExceeded(path, child.id, self.plan.intensity, self.plan.period_s))
                self._forget(child, reason)
            case _:
                assert_never(directive)

    def _handle_start_child(self, message: StartChild, sender: ActorAddress) -> None:
        spec = message.spec
        refusal = self._refusal(spec.id)
        if refusal is not None:
            self._refused += 1
            self.emit(events.ChildRefused(f"{self.path}/{spec.id}", refusal))
            self.send(sender, ChildRefused(spec.id, refusal))
            return
        self._askers[spec.id] = sender
        self.start_child(spec)

    def _refusal(self, child_id: str) -> str | None:
        if self._phase is _STOPPING:
            return "shutting_down"
        if child_id in self.children:
            return "duplicate"
        if len(self.children) >= self.plan.max_children:
            return "max_children"
        return None

    def _restart(self, child: Child, after_s: float, now: float) -> None:
        window = self._windows.setdefault(child.id, RestartWindow(self.plan.intensity, self.plan.period_s))
        window.record(now)
        path = f"{self.path}/{child.id}"
        self.emit(events.ChildRestarting(path, after_s, child.attempt, window.remaining(now)))
        self.children.restart_after(child, after_s)

    def _forget(self, child: Child, reason: ExitReason) -> None:
        self.children.forget(child.id)
        self._windows.pop(child.id, None)
        asker = self._askers.pop(child.id, None)
        if asker is not None:
            error = reason.error if isinstance(reason, StartFailed | Crashed) else None
            self.send(asker, ChildRefused(child.id, "start_failed", error))
