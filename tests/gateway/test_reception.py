"""Callers at the door whose sessions begin late, not at all, or are on their way out."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
import websockets

from actors.topology import SESSIONS_PATH
from actors.verdict import Verdict
from gateway import reception
from gateway.close_codes import TO_CALLER
from supervisor.messages import ChildRefused, Forwarded, NoSuchChild, StartChild, TerminateChild, ToPath
from tests.gateway.test_calls import PATIENCE_S, Agent, eventually, register, running, said, until
from tests.gateway.test_resume import connected, dial, serving

pytestmark = pytest.mark.real


class Held:
    """The actor system, which gets no order to start a session before it is let through."""

    def __init__(self, base):
        self._base, self.waiting = base, []

    def __getattr__(self, name):
        return getattr(self._base, name)

    def tell(self, to, message):
        if isinstance(message, ToPath | Forwarded) and isinstance(message.message, StartChild):
            self.waiting.append((to, message))
        else:
            self._base.tell(to, message)

    def let_through(self):
        for to, message in self.waiting:
            self._base.tell(to, message)


@pytest.fixture
async def bank():
    async with running(Agent("triage")) as agent, serving() as gateway:
        await register(gateway, agent, "triage")
        yield gateway


async def ask(socket, text):
    await socket.send(json.dumps({"type": "text_input", "text": text}))
    return (await until(socket, said))["text"]


async def closed(socket):
    async with asyncio.timeout(PATIENCE_S):
        with suppress(websockets.ConnectionClosed):
            async for _ in socket:
                pass
    return socket.close_code


def relay_of(gateway, hello):
    return gateway.calls.get(hello["sessionId"])


async def test_who_leaves_before_his_session_begins_finds_it_when_he_is_back(bank):
    calls, held = bank.calls, Held(bank.base)
    bank.reception._base = held
    async with dial(bank) as first:
        hello = await until(first, connected)
        await first.send(json.dumps({"type": "text_input", "text": "one"}))
        await eventually(lambda: relay_of(bank, hello).counters().received == 1)
        first.transport.abort()
    relay = calls.get(hello["sessionId"])
    await eventually(lambda: not relay.is_connected)
    held.let_through()
    await eventually(lambda: relay.is_attached)
    async with dial(bank, hello["resumeToken"]) as second:
        again = await until(second, connected)
        assert (again["sessionId"], again["resumed"]) == (hello["sessionId"], True)
        assert (await until(second, said))["text"] == "triage heard one"


async def test_who_comes_back_to_a_session_that_is_just_over_is_told_to_come_again(bank):
    async with dial(bank) as first:
        hello = await until(first, connected)
        relay = bank.calls.get(hello["sessionId"])
        await eventually(lambda: relay.is_attached)
        relay.release()
        assert await closed(first) == 1012
        assert bank.calls.get(hello["sessionId"]) is None


async def test_who_comes_back_while_the_session_before_is_on_its_way_out_gets_the_next_one(bank):
    async with dial(bank) as first:
        hello = await until(first, connected)
        await ask(first, "one")
        bank.calls._forget(bank.reception.calls.get(hello["sessionId"]))
        async with dial(bank, hello["resumeToken"]) as second:
            await until(second, connected)
            await second.send(json.dumps({"type": "text_input", "text": "two"}))
            end = TerminateChild(hello["sessionId"])
            bank.base.tell(bank._node, ToPath(SESSIONS_PATH, end, bank._node))
            assert (await until(second, said))["text"] == "triage heard two"


async def test_who_gets_no_session_is_not_left_waiting_for_ever(bank, monkeypatch):
    monkeypatch.setattr(reception, "STARTING_S", 0.05)
    monkeypatch.setattr(reception, "LOOK_S", 0.05)
    bank.reception._base = Held(bank.base)
    async with dial(bank) as socket:
        assert await closed(socket) == 1012
    assert not bank.calls.ids()


async def test_a_session_whose_start_was_lost_is_asked_for_again(bank, monkeypatch):
    monkeypatch.setattr(reception, "LOOK_S", 0.05)
    bank.reception._base = held = Held(bank.base)
    async with dial(bank) as socket:
        await until(socket, connected)
        await eventually(lambda: held.waiting)
        bank.reception._base = bank.base
        await ask(socket, "one")
        assert not bank.reception._starting


@pytest.mark.parametrize("lost", [False, True])
async def test_who_is_refused_a_session_is_told_and_forgotten(bank, lost):
    bank.reception._base = held = Held(bank.base)
    async with dial(bank) as socket:
        await until(socket, connected)
        ((_, asked),) = held.waiting
        start = asked.message
        answer = NoSuchChild(SESSIONS_PATH, start) if lost else ChildRefused(start.spec.id, "max_children")
        bank.base.tell(asked.sender, answer)
        assert await closed(socket) == TO_CALLER[Verdict.REFUSED].code
    assert not bank.calls.ids()
    assert not bank.reception._starting


async def test_who_has_a_session_is_no_longer_waited_for(bank):
    async with dial(bank) as socket:
        await until(socket, connected)
        await ask(socket, "one")
        assert not bank.reception._starting
