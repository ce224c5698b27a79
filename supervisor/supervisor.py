"""`Supervisor`: static children in order, restarted by the policy table within a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec import Struct, field

from supervisor import events, policy
from supervisor.child import Child, ChildState
from supervisor.directives import Escalate, Forget, Restart, Stop
from supervisor.errors import IntensityExceededError, InvalidSpecError
from supervisor.intensity import RestartWindow
from supervisor.parent import Parent
from supervisor.reasons import Crashed, ExitReason, StartFailed
from supervisor.spec import SupervisorPlan
from supervisor.supervised import LATER, Phase, StartLater

if TYPE_CHECKING:
    from collections.abc import Mapping


class Sequence(Struct):
    """Work in order: stop these one after the other, wait, then start those, each after the one before has started."""

    stops: list[str] = field(default_factory=list)
    delay_s: float = 0.0
    starts: list[str] = field(default_factory=list)


class Supervisor(Parent):
    """Subclass and implement ``init``; or start it with a `SupervisorPlan` as ``args``."""

    stop_together = False
    names_children = True

    def __init__(self) -> None:
        super().__init__()
        self.plan = SupervisorPlan(())
        self.window = RestartWindow(self.plan.intensity, self.plan.period_s)
        self._sequence = Sequence()

    def init(self, args: object) -> SupervisorPlan:
        """The plan; ``args`` are the spec's."""
        if not isinstance(args, SupervisorPlan):
            raise InvalidSpecError(f"{type(self).__name__}: override init(), or give a SupervisorPlan as args")
        return args

    def handle(self, message: object, sender: object) -> None:
        """A supervisor has no messages of its own; unknown ones have no effect."""

    def snapshot(self) -> Mapping[str, object]:
        """The strategy."""
        return {"strategy": self.plan.strategy.value}

    def restarts_left(self) -> int:
        """What remains of the budget."""
        return self.window.remaining(self.runtime.clock.now())

    # --- machinery ---

    def handle_start(self, args: object) -> StartLater | None:
        """Start the children in order; started when the last of them is."""
        self.plan = self.init(args)
        self.window = RestartWindow(self.plan.intensity, self.plan.period_s)
        for spec in self.plan.children:
            self.children.add(spec)
        self._sequence.starts = [spec.id for spec in self.plan.children]
        self._advance()
        return LATER

    def on_child_started(self, child: Child) -> None:  # noqa: ARG002 - a hook
        """The next one of the sequence may start."""
        self._advance()

    def on_child_stopped(self, child: Child, reason: ExitReason) -> None:  # noqa: ARG002 - a hook
        """A sibling stopped on behalf of another's restart."""
        if child.id not in self._sequence.starts:
            self.children.forget(child.id)
        self._advance()

    def on_child_exited(self, child: Child, reason: ExitReason) -> None:
        """Ask the table, and do what it says."""
        remaining = self.restarts_left()
        specs = [known.spec for known in self.children]
        uniform = self.runtime.uniform()
        decision = policy.decide(
            self.plan.strategy, specs, child.id, reason, remaining=remaining, attempt=child.attempt, u=uniform
        )
        match decision.directive:
            case Restart(after_s):
                self._restart(child, decision, after_s)
            case Stop():
                self._drop_from_sequence(child.id)
            case Forget():
                self.children.forget(child.id)
                self._drop_from_sequence(child.id)
            case Escalate():
                self._escalate(child)
            case _:
                assert_never(decision.directive)

    def _restart(self, child: Child, decision: policy.Decision, after_s: float) -> None:
        now = self.runtime.clock.now()
        self.window.record(now)
        path = f"{self.path}/{child.id}"
        self.emit(events.ChildRestarting(path, after_s, child.attempt, self.window.remaining(now)))
        if not decision.stop and decision.start == (child.id,):
            self.children.restart_after(child, after_s)
            return
        child.attempt += 1
        wanted = set(decision.start) | set(self._sequence.starts)
        stops = [known for known in decision.stop if self._is_alive(known)]
        starts = [known.id for known in self.children if known.id in wanted]
        for known_id in starts:  # a member that waits for its own backoff waits for its turn instead
            self._hold(known_id)
        self._sequence = Sequence(stops, after_s, starts)
        self._advance()

    def _advance(self) -> None:
        """Take the sequence as far as it goes without waiting."""
        sequence = self._sequence
        while sequence.stops:
            child = self.children.get(sequence.stops[0])
            if child is not None and child.alive:
                self.children.stop(child)
                return
            sequence.stops.pop(0)
        while sequence.starts:
            child = self.children.get(sequence.starts[0])
            if child is not None and child.state is not ChildState.RUNNING:
                self._begin(child, sequence)
                return
            sequence.starts.pop(0)
        self.started()

    def _begin(self, child: Child, sequence: Sequence) -> None:
        if child.alive or child.state is ChildState.BACKOFF:
            return  # its turn has come already
        if sequence.delay_s > 0:
            attempt = child.attempt
            self.children.restart_after(child, sequence.delay_s)
            child.attempt = attempt  # the delay is the failed child's, not the first one's of the group
            sequence.delay_s = 0.0
        else:
            self.children.start(child)

    def _hold(self, child_id: str) -> None:
        child = self.children.get(child_id)
        if child is not None and child.state is ChildState.BACKOFF:
            self.children.stop(child)

    def _is_alive(self, child_id: str) -> bool:
        child = self.children.get(child_id)
        return child is not None and child.alive

    def _drop_from_sequence(self, child_id: str) -> None:
        self._sequence.starts = [known for known in self._sequence.starts if known != child_id]
        self._advance()

    def _escalate(self, child: Child) -> None:
        error = IntensityExceededError(child.id, self.window.intensity, self.window.period_s)
        self.emit(events.IntensityExceeded(self.path, child.id, self.window.intensity, self.window.period_s))
        self.emit(events.Escalated(self.path, child.id))
        self.exit(StartFailed(error) if self._phase is Phase.STARTING else Crashed(error))
