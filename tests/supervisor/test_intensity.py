from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from supervisor.intensity import RestartWindow


@given(st.integers(0, 5), st.lists(st.floats(0, 10), max_size=60))
def test_no_period_ever_holds_more_than_intensity(intensity, gaps):
    window, now, restarts = RestartWindow(intensity, 7.0), 0.0, []
    for gap in gaps:
        now += gap
        left = window.remaining(now)
        exceeded = window.record(now)
        assert exceeded == (left <= 0)
        if not exceeded:
            restarts.append(now)
    for start in restarts:
        assert sum(1 for at in restarts if 0 <= at - start <= 7.0) <= intensity


def test_the_budget_comes_back_after_the_period():
    window = RestartWindow(1, 5.0)
    assert not window.record(0.0)
    assert window.record(5.0)
    assert not window.record(5.1)


class Restarting(RuleBasedStateMachine):
    """Any order of waiting, asking and restarting, against the list of all restarts there were."""

    @initialize(intensity=st.integers(0, 4), period=st.floats(0.5, 20))
    def begin(self, intensity, period):
        self.window, self.now, self.restarts = RestartWindow(intensity, period), 0.0, []

    @rule(seconds=st.floats(0, 25))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def restart(self):
        left = self.window.remaining(self.now)
        assert self.window.record(self.now) is (left <= 0)
        self.restarts += [self.now] if left > 0 else []

    @invariant()
    def what_is_left_is_what_was_not_spent(self):
        recent = [at for at in self.restarts if self.now - at <= self.window.period_s]
        assert self.window.remaining(self.now) == self.window.intensity - len(recent) >= 0


TestRestarting = Restarting.TestCase
