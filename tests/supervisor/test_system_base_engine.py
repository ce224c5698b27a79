"""Thespian's semantics on the engine alone: no loop, no thread, a clock that the test moves."""
# ruff: noqa: N802 - the signatures are Thespian's

import asyncio
import sys
from datetime import timedelta

import pytest
from thespian.actors import (
    Actor,
    ActorExitRequest,
    ActorSystemMessage,
    ChildActorExited,
    DeadEnvelope,
    NoCompatibleSystemForActor,
    PoisonMessage,
    WakeupMessage,
)
from thespian.initmsgs import initializing_messages

from supervisor.system_base import CreationFailed, DeadLetter, Engine, MessageFailed, SlowTurn
from supervisor.system_base import engine as engine_module
from supervisor.voidable import Voidable


class World:
    """An engine, one outside address, and a clock."""

    def __init__(self, **options):
        self.at = 0.0
        self.notices = []
        self.woken = 0
        self.engine = Engine(lambda: self.at, self.wake, self.notices.append, **options)
        self.outside = self.engine.open_endpoint()

    def wake(self):
        self.woken += 1

    def create(self, actor, name=None, requirements=None):
        return self.engine.create_root(actor, requirements, name)

    def tell(self, target, *messages):
        for message in messages:
            self.engine.post(target, message, self.outside.address)

    def run(self):
        while self.engine.run_batch(1_000, float("inf")):
            pass

    def advance(self, seconds):
        self.at += seconds
        self.engine.fire_due()
        self.run()

    def heard(self):
        return self.outside.drain()

    def ask(self, target, *messages):
        self.tell(target, *messages)
        self.run()
        return self.heard()

    def noticed(self, kind):
        return [notice for notice in self.notices if isinstance(notice, kind)]


@pytest.fixture
def world():
    return World()


class Echo(Actor):
    def receiveMessage(self, message, sender):
        if not isinstance(message, ActorSystemMessage):
            self.send(sender, message)


class Faulty(Actor):
    """Tells what it was given, then raises at whatever names an exception."""

    def receiveMessage(self, message, sender):
        if isinstance(message, ActorSystemMessage):
            return
        self.send(sender, message)
        if isinstance(message, type):
            raise message
        if message == "exit":
            sys.exit()


class Parent(Actor):
    """Creates a child from a class, forwards ``('down', x)`` to the newest, reports what it hears from them."""

    def __init__(self):
        super().__init__()
        self.outside, self.child = None, None

    def receiveMessage(self, message, sender):
        match message:
            case type() as actor:
                self.outside, self.child = sender, self.createActor(actor)
                self.send(sender, self.child)
            case ("down", *messages):
                self.outside = sender
                for each in messages:
                    self.send(self.child, each)
            case ActorExitRequest():
                if self.outside:
                    self.send(self.outside, "parent exits")
            case PoisonMessage():
                self.send(self.outside, ("poison", message.poisonMessage, message.details))
            case ChildActorExited():
                self.send(self.outside, "child exited")
            case _:
                self.send(self.outside, message)


class Talkative(Actor):
    def receiveMessage(self, message, sender):
        self.send(sender, "child exits" if isinstance(message, ActorExitRequest) else message)


class Undertaker(Actor):
    def receiveMessage(self, message, sender):
        match message:
            case "volunteer" | "resign":
                self.outside = sender
                self.handleDeadLetters(message == "volunteer")
            case DeadEnvelope():
                self.send(self.outside, (self.myAddress, message.deadMessage))


# --- order and failure ---


def test_a_failing_message_is_delivered_twice_in_its_place_and_comes_back_as_poison(world):
    faulty = world.create(Faulty)
    *seen, last = world.ask(faulty, "a", KeyError, "c")
    assert seen[:3] == ["a", KeyError, KeyError]
    poison = next(message for message in (*seen, last) if isinstance(message, PoisonMessage))
    assert poison.poisonMessage is KeyError
    assert "KeyError" in poison.details
    assert last == "c"
    assert [notice.attempt for notice in world.noticed(MessageFailed)] == [1, 2]
    assert world.ask(faulty, "alive") == ["alive"]


def test_a_poison_message_that_poisons_goes_no_further(world):
    class Allergic(Actor):
        def receiveMessage(self, message, sender):
            if isinstance(message, PoisonMessage):
                raise KeyError(message)

    allergic = world.create(Allergic)
    assert world.ask(allergic, PoisonMessage("old")) == []
    assert world.engine.dead_letters == 0


def test_system_exit_ends_that_actor_only(world):
    parent, other = world.create(Parent), world.create(Echo)
    world.ask(parent, Faulty)
    assert world.ask(parent, ("down", "exit")) == ["exit", "child exited"]
    assert world.ask(other, "here") == ["here"]


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit])
def test_no_exception_of_a_handler_stalls_the_system(world, error):
    faulty, other = world.create(Faulty), world.create(Echo)
    world.tell(faulty, error)
    world.tell(other, "here")
    world.run()
    assert "here" in world.heard()
    assert world.ask(faulty, "alive") == ["alive"]


def test_a_sink_that_raises_costs_one_message_and_no_actor(world):
    def refuse(notice):
        raise OSError(notice)

    faulty, other = world.create(Faulty), world.create(Echo)
    world.engine.notify = refuse
    world.tell(faulty, KeyError, "next")
    world.tell(other, "here")
    with pytest.raises(OSError, match="MessageFailed"):
        world.run()
    world.run()
    assert world.heard() == [KeyError, "here", "next"]


@pytest.mark.parametrize("lasting", [False, True])
def test_an_actor_may_refuse_to_see_a_message_twice(world, lasting):
    class Once(Faulty):
        no_retry = lasting

    heard = world.ask(world.create(Once), KeyError)
    assert heard.count(KeyError) == (1 if lasting else 2)
    assert isinstance(heard[-1], PoisonMessage)


def test_a_coroutine_as_handler_is_refused_in_words(world):
    class Async(Actor):
        async def receiveMessage(self, message, sender):
            pass

    (poison,) = world.ask(world.create(Async), "x")
    assert "synchronous" in poison.details


def test_whatever_mailbox_runs_next_each_pair_stays_in_order():
    world = World(choose=lambda ready: ready.pop())
    first, second = world.create(Echo), world.create(Echo)
    for number in range(50):
        world.tell(first, (1, number))
        world.tell(second, (2, number))
    world.run()
    heard = world.heard()
    assert heard[0][0] == 2
    for actor in (1, 2):
        assert [number for who, number in heard if who == actor] == list(range(50))


def test_one_busy_actor_does_not_keep_the_others_waiting(world):
    class Restless(Actor):
        def receiveMessage(self, message, sender):
            self.send(self.myAddress, message)

    restless, echo = world.create(Restless), world.create(Echo)
    world.tell(restless, "again")
    world.tell(echo, "here")
    assert world.engine.run_batch(100, float("inf"))
    assert world.heard() == ["here"]
    assert world.engine.handled <= 100 + engine_module.TURN_MESSAGES


def test_the_driver_is_woken_from_outside_only_for_it_looks_by_itself_after_a_batch(world):
    class Relay(Actor):
        def receiveMessage(self, message, sender):
            if message:
                self.send(self.createActor(Relay), message - 1)
                self.wakeupAfter(timedelta(hours=1))

    world.tell(world.create(Relay), 5)
    assert world.woken == 1
    world.run()
    assert (world.engine.handled, len(world.engine.wakeups), world.woken) == (6, 5, 1)
    world.tell(world.create(Relay), 0)
    assert world.woken == 2


def test_a_slow_turn_is_noticed(world):
    class Slow(Actor):
        def receiveMessage(self, message, sender):
            if message == "slow":
                world.at += 0.3

    slow = world.create(Slow)
    world.ask(slow, "fast", "slow")
    (notice,) = world.noticed(SlowTurn)
    assert (notice.actor, notice.seconds) == ("Slow", pytest.approx(0.3))


# --- endings ---


def test_children_exit_before_their_parent_and_nothing_is_left(world):
    parent = world.create(Parent)
    world.ask(parent, Talkative)
    assert world.ask(parent, ActorExitRequest()) == ["parent exits"]
    assert len(world.engine) == 0
    assert not world.engine._names
    assert parent.target is None


def test_mail_for_an_exiting_actor_is_dead(world):
    parent = world.create(Parent)
    world.ask(parent, Talkative)
    world.tell(parent, ActorExitRequest(), "too late")
    world.run()
    assert [notice.message for notice in world.noticed(DeadLetter)] == ["too late", "child exits"]


def test_not_recursive_leaves_the_children_alive(world):
    parent = world.create(Parent)
    (child,) = world.ask(parent, Talkative)
    world.tell(parent, ActorExitRequest(recursive=False))
    world.run()
    world.heard()
    assert world.ask(child, "alive") == ["alive"]
    assert len(world.engine) == 1


def test_ending_what_is_left_counts_every_message_that_was_not_delivered(world):
    parent = world.create(Parent)
    (child,) = world.ask(parent, Talkative)
    world.tell(child, "one", "two")
    world.tell(parent, "three")
    world.engine.end_all()
    world.run()
    assert [notice.message for notice in world.noticed(DeadLetter)] == ["one", "two", "three"]
    assert len(world.engine) == 0


def test_a_child_that_cannot_be_made_is_reported_before_its_mail_comes_back(world):
    class Stillborn(Actor):
        def __init__(self):
            raise OSError("no disk")

    class Hopeful(Parent):
        def receiveMessage(self, message, sender):
            super().receiveMessage(message, sender)
            if isinstance(message, type):
                self.send(self.child, "hello")

    _, *rest = world.ask(world.create(Hopeful), Stillborn)
    assert rest == ["child exited", ("poison", "hello", "Child Aborted")]
    assert "no disk" in world.noticed(CreationFailed)[0].details


def test_a_root_that_cannot_be_made_raises(world):
    class Stillborn(Actor):
        def __init__(self):
            raise OSError("no disk")

    class Picky(Actor):
        @staticmethod
        def actorSystemCapabilityCheck(capabilities, requirements):
            return capabilities.get("GPU", False)

    with pytest.raises(OSError, match="no disk"):
        world.create(Stillborn)
    with pytest.raises(NoCompatibleSystemForActor):
        world.create(Picky)
    world.engine.capabilities["GPU"] = True
    world.create(Picky)
    assert len(world.engine) == 1


def test_a_thousand_actors_leave_nothing(world):
    class Short(Actor):
        def receiveMessage(self, message, sender):
            self.wakeupAfter(timedelta(hours=1))

    for number in range(1_000):
        actor = world.create(Short, name=f"short-{number}")
        world.tell(actor, "x", ActorExitRequest())
    world.run()
    engine = world.engine
    assert (len(engine), len(engine._names), len(engine.wakeups), len(engine.ready)) == (0, 0, 0, 0)
    assert len(engine.wakeups._heap) <= 64


# --- dead letters, names, timers, stash ---


def test_the_newest_dead_letter_actor_gets_them_and_no_older_one_after_it(world):
    older, newer, gone = world.create(Undertaker), world.create(Undertaker), world.create(Echo)
    world.ask(gone, ActorExitRequest())
    world.ask(older, "volunteer")
    world.ask(newer, "volunteer")
    assert world.ask(gone, "first") == [(newer, "first")]
    world.ask(newer, "resign")
    assert world.ask(gone, "second") == []
    assert world.engine.dead_letters == 2


def test_a_full_mailbox_refuses_the_newest_but_never_an_exit(world, monkeypatch):
    monkeypatch.setattr(engine_module, "MAILBOX_LIMIT", 3)
    echo = world.create(Echo)
    assert world.ask(echo, 1, 2, 3, 4, ActorExitRequest()) == [1, 2, 3]
    assert [notice.message for notice in world.noticed(DeadLetter)] == [4]
    assert len(world.engine) == 0


def test_who_wants_to_hear_at_once_keeps_no_mail(world):
    heard = []
    ear = world.engine.open_endpoint(heard.append)
    world.engine.post(ear.address, "one", world.outside.address)
    assert (heard, ear.drain()) == (["one"], [])
    world.engine.close_endpoint(ear)
    world.engine.post(ear.address, "two", world.outside.address)
    assert heard == ["one"]
    assert world.engine.dead_letters == 1


def test_a_name_is_one_actor_until_it_ends(world):
    first = world.create(Echo, name="one")
    assert world.create("no.such.Actor", name="one") == first
    world.ask(first, ActorExitRequest())
    assert world.create(Echo, name="one") != first


class Sleeper(Actor):
    """Asked with (milliseconds, payload), it answers with the payload when it wakes."""

    def receiveMessage(self, message, sender):
        if isinstance(message, WakeupMessage):
            self.send(self.asker, message.payload)
        else:
            self.asker = sender
            milliseconds, payload = message
            self.wakeupAfter(timedelta(milliseconds=milliseconds), payload)


def test_wakeups_come_in_due_order_and_not_before(world):
    sleeper = world.create(Sleeper)
    world.ask(sleeper, *((milliseconds, milliseconds) for milliseconds in (30, 10, 20, 10)))
    assert world.heard() == []
    world.advance(0.009)
    assert world.heard() == []
    world.advance(0.1)
    assert world.heard() == [10, 10, 20, 30]
    assert world.engine.wakeups.next_due() is None


class Bell(Voidable):
    number: int = 0


def test_a_wakeup_whose_payload_has_become_void_wakes_nobody(world):
    class Lookalike:
        void = True

    bells, other = [Bell(number) for number in range(3)], Lookalike()
    sleeper = world.create(Sleeper)
    world.ask(sleeper, *((10, payload) for payload in (*bells, other)))
    bells[0].void = bells[2].void = True
    world.advance(0.1)
    assert world.heard() == [bells[1], other]
    assert world.engine.wakeups.next_due() is None
    bells[1].void = True
    world.ask(sleeper, (10, bells[1]))
    assert world.engine.wakeups.next_due() is None
    world.ask(sleeper, ActorExitRequest())
    assert len(world.engine.wakeups) == 0


def test_void_wakeups_do_not_pile_up_behind_one_that_is_due_earlier(world):
    sleeper = world.create(Sleeper)
    world.ask(sleeper, (1_000, Bell()))
    for _ in range(1000):
        bell = Bell()
        world.ask(sleeper, (60_000, bell))
        bell.void = True
    assert len(world.engine.wakeups._heap) <= 64
    assert world.engine.wakeups.next_due() == 1


def test_what_one_actor_stashes_another_never_answers(world):
    @initializing_messages([("ready", str)])
    class Stashing(Actor):
        def receiveMessage(self, message, sender):
            if not isinstance(message, ActorSystemMessage):
                self.send(sender, (self.ready, message))

    mine, theirs = world.create(Stashing), world.create(Stashing)
    other = world.engine.open_endpoint()
    world.engine.post(mine, 1, world.outside.address)
    world.engine.post(theirs, 2, other.address)
    world.run()
    world.engine.post(theirs, "they", other.address)
    world.run()
    assert world.heard() == []
    assert other.drain() == [("they", 2)]
    assert world.ask(mine, "mine") == [("mine", 1)]


# --- several systems ---


def test_an_actor_runs_only_in_its_own_system(world):
    elsewhere = World()
    echo = elsewhere.create(Echo)
    world.tell(echo, "hello")
    world.run()
    elsewhere.run()
    assert elsewhere.engine.handled + len(world.noticed(DeadLetter)) == 1
    assert world.engine.handled == 0
