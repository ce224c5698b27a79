"""One timer for all that wait equally long: each is looked at in its time, and nothing stays when all have gone."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from gateway.keepalive import LATE_PART, Keepalive, Queue
from gateway.socket_core import SocketLimits
from tests.simulation.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Clock:
    at = 0.0


class World(Network):  # type: ignore[misc]  # untyped
    """A loop under a virtual clock."""

    def __init__(self) -> None:
        super().__init__(Clock(), random.Random(1))

    @property
    def timers(self) -> int:
        return sum(entry[3].step is not None for entry in self._due)

    def pass_time(self, until: float) -> None:
        while (due := self.next_due()) is not None and due <= until:
            self.clock.at = max(self.clock.at, due)
            self.take_due()()
        self.clock.at = until


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    asyncio._set_running_loop(made)
    yield made
    asyncio._set_running_loop(None)


class One:
    """Notes when it is looked at, and may react."""

    def __init__(self, world: World, react: Callable[[], None] = lambda: None) -> None:
        self.world, self.react = world, react
        self.looks: list[float] = []

    def keep_alive(self) -> None:
        self.looks.append(self.world.clock.at)
        self.react()


def test_each_is_looked_at_once_in_its_time_and_one_timer_does_for_all(world: World) -> None:
    queue, ones = Queue(10.0), []
    for number in range(100):
        world.pass_time(number * 0.01)
        ones.append(One(world))
        queue.add(ones[-1])
        assert world.timers == 1
    world.pass_time(30.0)
    for number, one in enumerate(ones):
        [at] = one.looks
        assert number * 0.01 + 10.0 - 10.0 / LATE_PART <= at <= number * 0.01 + 10.0 + 10.0 / LATE_PART
    assert (len(queue), world.timers) == (0, 0)


def test_who_is_added_again_within_its_look_waits_once_more(world: World) -> None:
    queue = Queue(10.0)
    one = One(world, lambda: queue.add(one))
    queue.add(one)
    world.pass_time(35.0)
    assert one.looks == pytest.approx([10.0, 20.0, 30.0])
    assert world.timers == 1


def test_who_is_added_again_leaves_the_others_their_own_time(world: World) -> None:
    queue, ones = Queue(10.0), []

    def again() -> One:
        one = One(world, lambda: queue.add(one))
        return one

    for begun in (0.0, 2.5, 7.0):
        world.pass_time(begun)
        ones.append(again())
        queue.add(ones[-1])
    world.pass_time(100.0)
    for begun, one in zip((0.0, 2.5, 7.0), ones, strict=True):
        assert one.looks == pytest.approx([begun + 10.0 * turn for turn in range(1, len(one.looks) + 1)])
        assert len(one.looks) >= 9
    assert (len(queue), world.timers) == (3, 1)


def test_all_may_go_and_one_come_within_a_look(world: World) -> None:
    queue, late = Queue(10.0), One(world)

    def change() -> None:
        queue.discard(late)
        queue.add(one)

    one = One(world, change)
    queue.add(one)
    world.pass_time(5.0)
    queue.add(late)
    world.pass_time(25.0)
    assert (one.looks, late.looks, world.timers) == (pytest.approx([10.0, 20.0]), [], 1)


def test_a_look_that_goes_wrong_takes_no_others_along(world: World) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    queue, ones = Queue(10.0), [One(world, fail), One(world), One(world)]
    for one in ones[:2]:
        queue.add(one)
    world.pass_time(5.0)
    queue.add(ones[2])
    with pytest.raises(ZeroDivisionError):
        world.pass_time(30.0)
    world.pass_time(30.0)
    for one, due in zip(ones, (10.0, 10.0, 15.0), strict=True):
        assert one.looks == pytest.approx([due], abs=2 * 10.0 / LATE_PART)
    assert (len(queue), world.timers) == (0, 0)


def test_who_is_discarded_is_not_looked_at_and_the_last_one_takes_the_timer_along(world: World) -> None:
    queue, early, late = Queue(10.0), One(world), One(world)
    queue.add(early)
    world.pass_time(5.0)
    queue.add(late)
    queue.discard(early)
    queue.discard(early)
    world.pass_time(14.0)
    assert (early.looks, late.looks, world.timers) == ([], [], 1)
    queue.discard(late)
    assert world.timers == 0
    world.pass_time(60.0)
    assert late.looks == []


def test_one_whose_look_ends_another_spares_that_one_its_look(world: World) -> None:
    queue, other = Queue(10.0), One(world)
    one = One(world, lambda: queue.discard(other))
    queue.add(one)
    queue.add(other)
    world.pass_time(60.0)
    assert (len(one.looks), other.looks, world.timers) == (1, [], 0)


def test_a_socket_that_is_forgotten_waits_neither_for_words_nor_for_an_answer(world: World) -> None:
    keepalive, one = Keepalive(SocketLimits(ping_interval_s=20.0, ping_deadline_s=10.0)), One(world)
    keepalive.quiet.add(one)
    keepalive.silent.add(one)
    assert world.timers == 2
    keepalive.forget(one)
    world.pass_time(60.0)
    assert (one.looks, world.timers) == ([], 0)
