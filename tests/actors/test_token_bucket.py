"""No more than the rate and the burst, in any stretch of time."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from actors.token_bucket import TokenBucket


@given(st.lists(st.floats(0, 5), min_size=1, max_size=200), st.floats(0.5, 20), st.integers(1, 20))
def test_a_bucket_gives_no_more_than_its_rate_in_any_stretch(pauses, rate, burst):
    bucket, now, taken = TokenBucket(rate, burst), 0.0, []
    for pause in pauses:
        now += pause
        wait_s = bucket.take(now)
        assert 0 <= wait_s <= 1 / rate + 1e-6
        taken += [now] if wait_s == 0 else []
    for first, began in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - began) * rate + 1e-3


@given(st.floats(0, 1e6), st.floats(0.5, 1000), st.integers(1, 20))
def test_who_waits_as_long_as_told_is_served(began, rate, burst):
    bucket = TokenBucket(rate, burst)
    while not (wait_s := bucket.take(began)):
        pass
    assert bucket.take(began + wait_s) == 0


def test_a_wait_is_never_shorter_than_a_timer_can_measure():
    bucket = TokenBucket(100.0, 1)
    bucket.take(5.0)
    for early_s in (1e-9, 1e-8, 1e-7, 4e-7):
        assert timedelta(seconds=bucket.wait_s(5.01 - early_s)) or not bucket.wait_s(5.01 - early_s)


def test_a_rate_of_nothing_bounds_nothing():
    assert all(TokenBucket(0, 1).take(0) == 0 for _ in range(1000))
