"""The base on a loop: beside sockets, from other threads, by name, and several at once."""
# ruff: noqa: N802 - the signatures are Thespian's

import asyncio
import threading
import time
from datetime import timedelta

import pytest
import uvloop
from thespian.actors import Actor, ActorExitRequest, ActorSystem, ActorSystemMessage, PoisonMessage, WakeupMessage

from supervisor.system_base import AsyncioSystemBase, OutOfScopeError, WouldDeadlockError, actor_system, register


class Echo(Actor):
    def receiveMessage(self, message, sender):
        if message == "cancelled":
            raise asyncio.CancelledError
        if message == "where":
            self.send(sender, threading.get_ident())
        elif not isinstance(message, ActorSystemMessage):
            self.send(sender, message)


class Restless(Actor):
    """Sends itself a message at every message, for ever."""

    def receiveMessage(self, message, sender):
        if not isinstance(message, ActorSystemMessage):
            self.send(self.myAddress, message)


class Sleeper(Actor):
    def receiveMessage(self, message, sender):
        if isinstance(message, WakeupMessage):
            self.send(self.asker, message.payload)
        elif not isinstance(message, ActorSystemMessage):
            self.asker = sender
            self.wakeupAfter(timedelta(milliseconds=message), message)


class Forwarder(Actor):
    """Passes ``(target, message)`` on."""

    def receiveMessage(self, message, sender):
        if isinstance(message, tuple):
            self.asker = sender
            self.send(*message)
        elif not isinstance(message, ActorSystemMessage):
            self.send(self.asker, message)


@pytest.fixture
async def system():
    system = actor_system({"GPU": True})
    yield system
    await system._systemBase.shutdown_async()


@pytest.fixture
def base(system):
    return system._systemBase


@pytest.fixture
def named():
    register()
    systems = []

    def make():
        systems.append(ActorSystem("asyncioBase", transientUnique=True))
        return systems[-1]

    yield make
    for system in systems:
        system.shutdown()


async def test_asks_may_overlap_and_each_gets_its_own_answer(system, base):
    echo = system.createActor(Echo)
    assert await asyncio.gather(*(base.ask_async(echo, number, 5) for number in range(100))) == list(range(100))
    assert len(base.engine._endpoints) == 1


async def test_an_answer_that_does_not_come_is_none_and_leaves_nothing(system, base):
    silent = system.createActor(Restless)
    assert await base.ask_async(silent, ActorExitRequest(), 0.01) is None
    assert await base.listen_async(0.01) is None
    assert len(base.engine._endpoints) == 1
    assert not base._outside._waiting


@pytest.mark.parametrize("call", ["ask", "listen", "shutdown"])
async def test_a_call_that_would_wait_for_its_own_loop_says_what_to_use(system, call):
    arguments = {"ask": (system.createActor(Echo), 1), "listen": (1,), "shutdown": ()}[call]
    with pytest.raises(WouldDeadlockError, match=f"await {call}_async"):
        getattr(system, call)(*arguments)


async def test_telling_on_the_loop_returns_before_it_is_handled(system, base):
    echo = system.createActor(Echo)
    system.tell(echo, "x")
    assert base.mailbox_depth(echo) == 1
    assert base.statistics()["waiting"] == 1
    assert await base.listen_async(5) == "x"
    assert base.mailbox_depth(echo) == 0


async def test_a_teller_tells_as_the_system_does(system, base):
    echo = system.createActor(Echo)
    base.teller()(echo, "x")
    assert base.mailbox_depth(echo) == 1
    assert await base.listen_async(5) == "x"


async def test_blocking_calls_work_from_other_threads(system):
    echo = system.createActor(Echo)
    here = threading.get_ident()
    assert await asyncio.to_thread(system.ask, echo, "where", 5) == here

    def private():
        with system.private() as mine:
            return mine.ask(mine.createActor(Echo), threading.get_ident(), 5)

    answers = await asyncio.gather(*(asyncio.to_thread(private) for _ in range(4)))
    assert here not in answers


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_blocking_calls_run_a_loop_that_stands_still(new_loop):
    loop = new_loop()
    base = AsyncioSystemBase(loop=loop)
    system = ActorSystem(systemBase=base, transientUnique=True)
    sleeper = system.createActor(Sleeper)
    assert system.ask(sleeper, 5, 5) == 5
    assert system.listen(0.001) is None
    system.shutdown()
    assert base.statistics()["actors"] == 0
    loop.close()


async def test_a_burst_never_keeps_a_socket_waiting(system):
    restless = system.createActor(Restless)
    for _ in range(100):
        system.tell(restless, "again")
    reader, writer = await asyncio.open_connection(sock=(pair := _socket_pair())[0])
    pair[1].sendall(b"x" * 20)
    for _ in range(20):
        assert await asyncio.wait_for(reader.readexactly(1), 5) == b"x"
    system.tell(restless, ActorExitRequest())
    writer.close()
    await writer.wait_closed()
    pair[1].close()


async def test_a_cancelled_handler_leaves_the_others_running(system, base):
    echo, other = system.createActor(Echo), system.createActor(Echo)
    system.tell(echo, "cancelled")
    assert isinstance(await base.listen_async(5), PoisonMessage)
    assert [await base.ask_async(each, "here", 5) for each in (echo, other)] == ["here", "here"]


async def test_a_sink_that_raises_is_reported_and_stops_nobody():
    def refuse(notice):
        raise OSError(notice)

    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    system = actor_system(notify=refuse)
    base, echo, other = system._systemBase, system.createActor(Echo), system.createActor(Echo)
    system.tell(echo, "cancelled")
    system.tell(other, "here")
    assert await base.listen_async(5) == "here"
    assert await base.ask_async(echo, "here", 5) == "here"
    assert [type(error) for error in reported] == [OSError]
    await base.shutdown_async()


async def test_wakeups_come_in_due_order(system, base):
    sleeper = system.createActor(Sleeper)
    for delay in (30, 10, 20):
        system.tell(sleeper, delay)
    assert [await base.listen_async(5) for _ in range(3)] == [10, 20, 30]


async def test_a_wakeup_that_cannot_be_delivered_is_reported_and_the_others_come(system, base, monkeypatch):
    def refuse(target, message, sender, post=base.engine.post):
        if isinstance(message, WakeupMessage) and message.payload == 10:
            raise OSError(message)
        post(target, message, sender)

    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    monkeypatch.setattr(base.engine, "post", refuse)
    sleeper = system.createActor(Sleeper)
    for delay in (10, 20):
        system.tell(sleeper, delay)
    assert await base.listen_async(5) == 20
    assert [type(error) for error in reported] == [OSError]


async def test_the_systems_capabilities_are_the_ones_actors_are_checked_against(system, base):
    assert base.engine.capabilities is system.capabilities
    assert system.capabilities["GPU"]
    assert system.capabilities["Thespian ActorSystem Name"] == "asyncioSystem"
    system.updateCapability("GPU", None)
    assert "GPU" not in base.engine.capabilities


async def test_loading_source_is_refused_in_words(system):
    with pytest.raises(OutOfScopeError, match="deploy the code with the process"):
        system.loadActorSource("some.zip")


async def test_shutting_down_leaves_no_actor_and_no_timer(system, base):
    for _ in range(10):
        system.tell(system.createActor(Sleeper), 3_600_000)
    await base.shutdown_async()
    statistics = base.statistics()
    assert (statistics["actors"], statistics["timers"], statistics["waiting"]) == (0, 0, 0)


def test_by_name_it_runs_in_a_thread_of_its_own(named):
    system = named()
    echo = system.createActor(Echo)
    assert system.ask(echo, "where", 5) != threading.get_ident()
    began = time.monotonic()
    assert system.listen(0.02) is None
    assert time.monotonic() - began >= 0.02


def test_two_systems_talk_and_each_actor_stays_in_its_own_thread(named):
    first, second = named(), named()
    echo, forwarder = first.createActor(Echo), second.createActor(Forwarder)
    home = first.ask(echo, "where", 5)
    assert second.ask(forwarder, (echo, "where"), 5) == home
    assert second.ask(echo, "where", 5) == home
    assert home != second.ask(second.createActor(Echo), "where", 5)


def test_a_system_that_was_shut_down_leaves_no_thread(named):
    before = set(threading.enumerate())  # some of an earlier test may just be ending
    system = named()
    (its,) = set(threading.enumerate()) - before
    system.shutdown()
    its.join(5)
    assert not its.is_alive()


def _socket_pair():
    import socket

    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the socket module has no other way
    return ours, theirs


class Hasty(Actor):
    """Asks for a wakeup that is due before its turn is over."""

    def receiveMessage(self, message, sender):
        if message == "last":
            self.send(sender, message)
        elif isinstance(message, int):
            self.wakeupAfter(timedelta(0))


def test_a_timer_that_is_due_at_once_during_a_burst_breaks_nothing_on_uvloop():
    async def burst():
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        base = actor_system()._systemBase
        hasty = base.newPrimaryActor(Hasty)
        for number in range(2000):
            base.tell(hasty, number)
        assert await base.ask_async(hasty, "last", 10) == "last"
        await base.shutdown_async()
        return faults

    assert uvloop.run(burst()) == []


def test_a_wakeup_between_two_ticks_of_uvloops_clock_does_not_make_the_loop_spin():
    async def sleep():
        base = actor_system()._systemBase
        fire_due, fired = base.engine.fire_due, []
        base.engine.fire_due = lambda: (fired.append(True), fire_due())
        sleeper = base.newPrimaryActor(Sleeper)
        for part in range(10):
            base.tell(sleeper, 5.05 + part / 10)
            await base.listen_async(5)
        await base.shutdown_async()
        return len(fired)

    assert uvloop.run(sleep()) < 100
