"""The failure table, row by row, and the budget above it."""

import pytest

from actors.failover import BARRING, TABLE, Again, Budget, FallBack, Fault, GiveUp, Row, WhenNone, cause_of, decide
from actors.link_end import FailureKind, LinkEnd, LinkFailed, Phase
from actors.ports import SessionSettings
from supervisor.reasons import Crashed, Killed, Normal, Shutdown, StartFailed

SETTINGS = SessionSettings()


def failed(kind):
    return Crashed(LinkFailed(LinkEnd(kind, Phase.LIVE)))


ROWS = {
    FailureKind.UNREACHABLE: Row(avoid=True, bar=False, when_none=WhenNone.BACK_OFF),
    FailureKind.REJECTED: Row(avoid=True, bar=True, when_none=WhenNone.FALL_BACK),
    FailureKind.BAD_DATA: Row(avoid=True, bar=True, when_none=WhenNone.FALL_BACK),
    FailureKind.AGENT_LEFT: Row(avoid=False, bar=False, when_none=WhenNone.FALL_BACK, returns=1),
    FailureKind.BROKEN: Row(avoid=True, bar=False, when_none=WhenNone.BACK_OFF),
    FailureKind.HALF_OPEN: Row(avoid=True, bar=False, when_none=WhenNone.BACK_OFF),
}


def test_every_cause_has_a_row():
    assert set(TABLE) == set(FailureKind) | set(Fault)
    assert {FailureKind.REJECTED, FailureKind.BAD_DATA} == BARRING


@pytest.mark.parametrize("kind", ROWS)
def test_row(kind):
    move = decide(failed(kind), SETTINGS, Budget(), now=0.0, u=0.0)
    assert move == Again(ROWS[kind], SETTINGS.backoff_initial_s)


@pytest.mark.parametrize("reason", [Crashed(ValueError()), Killed(), StartFailed(ValueError())])
def test_our_own_faults_try_the_same_again(reason):
    move = decide(reason, SETTINGS, Budget(), now=0.0, u=0.0)
    assert isinstance(move, Again)
    assert not move.row.avoid


@pytest.mark.parametrize("reason", [Normal()])
def test_an_asked_end_is_no_cause(reason):
    assert cause_of(reason) is None
    assert cause_of(Shutdown()) is None


def test_a_second_departure_of_a_young_link_falls_back():
    left = failed(FailureKind.AGENT_LEFT)
    assert decide(left, SETTINGS, Budget(), now=0.0, u=0.0, returned=1) == FallBack()
    assert decide(left, SETTINGS, Budget(), now=0.0, u=0.0, returned=1, on_fallback=True) == GiveUp()


def test_a_spent_budget_falls_back_once_and_then_gives_up():
    budget = Budget()
    for _ in range(SETTINGS.intensity):
        budget = budget.spend(SETTINGS, 0.0)
    broken = failed(FailureKind.BROKEN)
    assert decide(broken, SETTINGS, budget, now=1.0, u=0.0) == FallBack()
    assert decide(broken, SETTINGS, budget, now=1.0, u=0.0, on_fallback=True) == GiveUp()
    assert isinstance(decide(broken, SETTINGS, budget, now=SETTINGS.period_s + 1, u=0.0), Again)


def test_the_backoff_grows_to_its_bound_and_begins_anew_when_healthy():
    budget, delays = Budget(), []
    for now in range(0, 320, 40):
        move = decide(failed(FailureKind.UNREACHABLE), SETTINGS, budget, now=float(now), u=0.0)
        delays.append(move.after_s)
        budget = budget.spend(SETTINGS, float(now))
    assert delays == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert budget.healthy().attempt == 0
    assert len(budget.spent) <= SETTINGS.intensity
