"""A few hundred worlds hold every invariant; every deliberate bug breaks one; a seed is the same world anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import runner
from tests.simulation.mutants import MUTANTS, replaced
from tests.simulation.world import World

SEEDS = 200
ENOUGH_SEEDS = 2000
"""Worlds within which every mutant must be noticed; most are in the first, the rarest in one of four hundred."""
CROWD = 150


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_every_world_holds_every_invariant(first):
    tally = runner.run(range(first, first + 20))
    assert tally.failed is None, "\n".join(runner.explain(tally.failed))


def test_a_crowd_holds_every_invariant():
    World(7, CROWD).run()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_deliberate_bug_is_noticed(name):
    with replaced(*MUTANTS[name]):
        tally = runner.run(range(ENOUGH_SEEDS))
    assert tally.failed is not None


def replay(seed, hash_seed):
    command = [sys.executable, "-m", "tests.simulation", "--replay", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    folder = Path(__file__).parents[2]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=True).stdout


def test_a_seed_is_the_same_world_in_every_process():
    first, second = replay(11, "1"), replay(11, "2")
    assert first == second
    assert first.count(b"\n") > 20


def test_several_cores_find_what_one_finds():
    one, two = (runner.run_many(0, 12, callers=2, jobs=jobs, chunk=4) for jobs in (1, 2))
    assert (one.worlds, one.lives, one.steps, one.virtual_s) == (two.worlds, two.lives, two.steps, two.virtual_s)
    assert one.worlds == 12


def test_a_failure_is_told_by_the_lines_of_its_caller_only():
    with replaced(*MUTANTS["the stash swallows texts"]):
        seed = runner.run(range(ENOUGH_SEEDS)).failed
        lines = runner.explain(seed)
    owner = lines[-1].partition("caller ")[2].partition(":")[0]
    assert "S3" in lines[-1]
    assert {line.split()[1] for line in lines[:-1] if line[11:16].strip()} == {owner}
