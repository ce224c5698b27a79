"""The collector leaves what calls hold alone, and finds old cycles when few calls are there, or memory has grown."""

import gc
import weakref

import pytest

from gateway import collector
from gateway.collector import Collector


@pytest.fixture
def spared():
    thresholds = gc.get_threshold()
    spared = Collector()
    spared.spare()
    yield spared
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class Knot:
    """A cycle; ``size`` blocks hang on it."""

    def __init__(self, size=0):
        self.itself = self
        self.held = [str(number) for number in range(size)]


def old(knot):
    """Make it old, by as many passes over the young as make a look worth it."""
    for _ in range(collector.WORTH):
        gc.collect(0)
    return weakref.ref(knot)


def grow():
    """As many objects as a gateway full of calls holds, made by and by; returns what holds them."""
    return [[] for _ in range(20 * collector.YOUNG)]


def test_young_cycles_are_found_by_themselves(spared):
    knot = weakref.ref(Knot())
    kept = grow()
    assert knot() is None
    assert kept


def test_no_automatic_pass_looks_at_what_is_old(spared):
    before = gc.get_stats()
    kept = grow()
    young, *older = [now["collections"] - then["collections"] for then, now in zip(before, gc.get_stats(), strict=True)]
    assert young >= 10
    assert older == [0, 0]
    assert kept


def test_old_cycles_are_found_when_few_calls_are_there(spared):
    knot = old(Knot())
    spared.look(collector.FEW + 1)
    assert knot() is not None
    spared.look(collector.FEW)
    assert knot() is None


def test_there_is_no_look_before_it_is_worth_it(spared):
    knot = Knot()
    gc.collect(0)
    gone = weakref.ref(knot)
    del knot
    spared.look(0)
    assert gone() is not None


def test_old_cycles_are_found_when_memory_has_grown_beyond_what_calls_hold(spared):
    calls = collector.FEW + 1
    allowed = collector.ROOM + calls * collector.HELD
    knot = old(Knot(allowed // 2))
    spared.look(calls)
    assert knot() is not None
    more = old(Knot(allowed))
    spared.look(calls)
    assert (knot(), more()) == (None, None)


def test_what_a_look_has_left_is_not_looked_for_again(spared):
    calls = collector.FEW + 1
    kept = [str(number) for number in range(2 * collector.ROOM + calls * collector.HELD)]
    old(Knot())
    spared.look(calls)
    knot = old(Knot())
    spared.look(calls)
    assert knot() is not None
    kept.clear()
    spared.look(collector.FEW)
    assert knot() is None
