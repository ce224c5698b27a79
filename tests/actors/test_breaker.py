from __future__ import annotations

from itertools import pairwise

import pytest

from actors.breaker import Breaker, BreakerSettings, BreakerState

SETTINGS = BreakerSettings(threshold=3, window_s=10.0, open_s=5.0, max_open_s=15.0)


@pytest.fixture
def breaker():
    return Breaker(SETTINGS)


def fail(breaker, *times):
    for now in times:
        breaker.fail(now)


def test_failures_within_the_window_open_it(breaker):
    fail(breaker, 0.0, 1.0)
    assert breaker.allows(1.0)
    fail(breaker, 2.0)
    assert breaker.state(2.0) is BreakerState.OPEN
    assert not breaker.allows(6.9)


def test_failures_far_apart_do_not(breaker):
    fail(breaker, 0.0, 11.0, 22.0, 33.0)
    assert breaker.state(33.0) is BreakerState.CLOSED


def test_half_open_has_room_for_one_probe_at_a_time(breaker):
    fail(breaker, 0.0, 0.0, 0.0)
    assert breaker.allows(5.0)
    breaker.attempt(5.0)
    assert not breaker.allows(5.1)
    assert breaker.allows(10.0), "a probe that never answered is given up"


def test_a_failed_probe_opens_it_for_longer_up_to_the_bound(breaker):
    fail(breaker, 0.0, 0.0, 0.0)
    until = [5.0]
    for _ in range(3):
        breaker.attempt(until[-1])
        breaker.fail(until[-1])
        until.append(next(now / 2 for now in range(400) if breaker.allows(now / 2)))
    assert [later - earlier for earlier, later in pairwise(until)] == [10.0, 15.0, 15.0]


def test_success_closes_it_and_forgets(breaker):
    fail(breaker, 0.0, 0.0, 0.0)
    breaker.succeed()
    fail(breaker, 1.0, 1.0)
    assert breaker.state(1.0) is BreakerState.CLOSED
    fail(breaker, 1.0)
    assert not breaker.allows(5.9)
    assert breaker.allows(6.0), "the doubling began anew"


def test_failures_while_open_change_nothing(breaker):
    fail(breaker, 0.0, 0.0, 0.0, 4.9, 4.9)
    assert breaker.allows(5.0)
