"""The collector leaves what calls hold alone, and finds old cycles when few calls are there."""

import gc
import weakref

import pytest

from gateway import collector


@pytest.fixture
def spared():
    thresholds = gc.get_threshold()
    collector.spare()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class Knot:
    """A cycle."""

    def __init__(self):
        self.itself = self


def young_passes(number):
    for _ in range(number):
        gc.collect(0)


def grow():
    """As many objects as a gateway full of calls holds, made by and by; returns what holds them."""
    return [[] for _ in range(20 * collector.YOUNG)]


def test_young_cycles_are_found_by_themselves(spared):
    knot = weakref.ref(Knot())
    kept = grow()
    assert knot() is None
    assert kept


def test_no_automatic_pass_looks_at_what_is_old(spared):
    passes = gc.get_stats()
    kept = grow()
    young, *older = [
        after["collections"] - before["collections"] for before, after in zip(passes, gc.get_stats(), strict=True)
    ]
    assert young >= 10
    assert older == [0, 0]
    assert kept


@pytest.mark.parametrize(
    ("calls", "passes", "found"),
    [
        (collector.FEW, collector.WORTH, True),
        (collector.FEW + 1, collector.WORTH, False),
        (0, collector.WORTH - 10, False),
    ],
)
def test_old_cycles_are_found_when_it_is_worth_it_and_few_calls_are_there(spared, calls, passes, found):
    knot = Knot()
    old = weakref.ref(knot)
    young_passes(passes)
    del knot
    collector.look(calls)
    assert (old() is None) is found
