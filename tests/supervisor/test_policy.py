import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from supervisor.backoff import AT_ONCE, Backoff
from supervisor.directives import Escalate, Forget, Restart, Stop
from supervisor.errors import InvalidSpecError
from supervisor.intensity import RestartWindow
from supervisor.policy import decide, decide_one
from supervisor.reasons import Crashed, Killed, Normal, Shutdown, StartFailed
from supervisor.spec import ChildSpec, RestartType, Strategy

ERROR = ValueError("x")
QUIET = (Normal(), Shutdown())
ABNORMAL = (Killed(), Crashed(ERROR), StartFailed(ERROR))
P, T, X = RestartType.PERMANENT, RestartType.TRANSIENT, RestartType.TEMPORARY
TABLE = (
    [(P, reason, Restart(0.0)) for reason in QUIET + ABNORMAL]
    + [(T, reason, Stop()) for reason in QUIET]
    + [(T, reason, Restart(0.0)) for reason in ABNORMAL]
    + [(X, reason, Forget()) for reason in QUIET + ABNORMAL]
)


def spec(child_id, restart=P):
    return ChildSpec(child_id, object, restart=restart, backoff=AT_ONCE)


@pytest.mark.parametrize(("restart", "reason", "expected"), TABLE)
def test_table_with_budget(restart, reason, expected):
    assert decide_one(spec("a", restart), reason, remaining=1, attempt=0, u=0.0) == expected


@pytest.mark.parametrize(("restart", "reason", "expected"), TABLE)
def test_table_without_budget_escalates_only_restarts(restart, reason, expected):
    wanted = Escalate() if isinstance(expected, Restart) else expected
    assert decide_one(spec("a", restart), reason, remaining=0, attempt=0, u=0.0) == wanted


@pytest.mark.parametrize(
    ("strategy", "failed", "stop", "start"),
    [
        (Strategy.ONE_FOR_ONE, "b", (), ("b",)),
        (Strategy.ONE_FOR_ALL, "b", ("d", "c", "a"), ("a", "b", "d")),
        (Strategy.REST_FOR_ONE, "b", ("d", "c"), ("b", "d")),
        (Strategy.REST_FOR_ONE, "d", (), ("d",)),
    ],
)
def test_strategy_touches_siblings(strategy, failed, stop, start):
    children = [spec("a"), spec("b"), spec("c", X), spec("d", T)]
    decision = decide(strategy, children, failed, Killed(), remaining=1, attempt=0, u=0.0)
    assert (decision.stop, decision.start) == (stop, start)


specs = st.lists(st.sampled_from(RestartType), min_size=1, max_size=6).map(
    lambda types: [spec(str(index), kind) for index, kind in enumerate(types)]
)


@given(specs, st.sampled_from(Strategy), st.data(), st.sampled_from(QUIET + ABNORMAL), st.integers(-1, 2))
def test_decision_invariants(children, strategy, data, reason, remaining):
    failed = data.draw(st.sampled_from(children))
    decision = decide(strategy, children, failed.id, reason, remaining=remaining, attempt=0, u=0.5)
    order = [child.id for child in children]
    assert failed.id not in decision.stop
    assert list(decision.start) == [child for child in order if child in decision.start]
    assert list(decision.stop) == [child for child in reversed(order) if child in decision.stop]
    if isinstance(decision.directive, Restart):
        assert remaining > 0
        assert failed.id in decision.start
        assert set(decision.start) <= {failed.id, *decision.stop}
    else:
        assert decision.stop == decision.start == ()


@given(st.integers(0, 5_000), st.floats(0, 1, exclude_max=True))
def test_backoff_stays_within_its_bounds(attempt, u):
    backoff = Backoff(0.05, 2.0, 2.0, 0.2)
    assert 0.04 <= backoff.delay(attempt, u) <= 2.0
    assert backoff.delay(attempt, u) <= backoff.delay(attempt + 1, u)


def test_backoff_refuses_nonsense():
    with pytest.raises(InvalidSpecError):
        Backoff(initial_s=3.0, max_s=1.0)


INTENSITY, PERIOD_S = 3, 10.0


class Family(RuleBasedStateMachine):
    """Plays the supervisor's part: children end in any order, and what the policy decides is done."""

    @initialize(children=specs, strategy=st.sampled_from(Strategy))
    def begin(self, children, strategy):
        self.children, self.strategy = children, strategy
        self.window, self.now, self.over = RestartWindow(INTENSITY, PERIOD_S), 0.0, False
        self.incarnations = {child.id: 1 for child in children}
        self.running, self.restarts = set(self.incarnations), []

    @precondition(lambda self: self.running and not self.over)
    @rule(data=st.data(), reason=st.sampled_from(QUIET + ABNORMAL), u=st.floats(0, 1, exclude_max=True))
    def a_child_ends(self, data, reason, u):
        failed = data.draw(st.sampled_from(sorted(self.running)))
        remaining = self.window.remaining(self.now)
        alive = [child for child in self.children if child.id in self.running]
        decision = decide(self.strategy, alive, failed, reason, remaining=remaining, attempt=0, u=u)
        self.running.discard(failed)
        match decision.directive:
            case Restart():
                assert not self.window.record(self.now)
                self.restarts.append(self.now)
                self.running.difference_update(decision.stop)
                for child in decision.start:
                    assert child not in self.running, "started beside its former self"
                    self.incarnations[child] += 1
                    self.running.add(child)
            case Escalate():
                assert remaining <= 0
                self.over = True
            case Stop() | Forget():
                assert decision.stop == decision.start == ()

    @rule(seconds=st.floats(0, 6))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def no_period_holds_more_than_intensity(self):
        for first in self.restarts:
            assert sum(0 <= at - first <= PERIOD_S for at in self.restarts) <= INTENSITY

    @invariant()
    def a_child_is_what_its_restart_type_says(self):
        for child in self.children:
            assert child.restart is not X or self.incarnations[child.id] == 1, "a temporary child came back"
            assert self.over or child.restart is not P or child.id in self.running, "a permanent child is gone"


TestFamily = Family.TestCase
