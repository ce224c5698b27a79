from hypothesis import given
from hypothesis import strategies as st

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
