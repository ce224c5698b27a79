"""A few hundred worlds hold every invariant; every deliberate bug breaks one."""

import pytest

from tests.simulation.mutants import MUTANTS, replaced
from tests.simulation.world import World

SEEDS = 200
ENOUGH_SEEDS = 300
"""Worlds within which every mutant must be noticed."""


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_every_world_holds_every_invariant(first):
    for seed in range(first, first + 20):
        World(seed).run()


def test_a_seed_is_the_same_world_again():
    first, second = World(11, log=True), World(11, log=True)
    first.run()
    second.run()
    assert first.log == second.log
    assert len(first.log) > 20


def live_many():
    for seed in range(ENOUGH_SEEDS):
        World(seed).run()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_deliberate_bug_is_noticed(name):
    with replaced(*MUTANTS[name]), pytest.raises(Exception):  # noqa: B017, PT011 - a crash is noticed, too
        live_many()
