"""Callers who come back: over real sockets, into the same session or another gateway's."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import websockets
from hypothesis import given
from hypothesis import strategies as st

from actors.ids import SessionId
from actors.messages import EndCall
from actors.store_messages import DeleteDocument, SaveDocument
from actors.topology import SESSIONS_PATH, STORE_PATH
from gateway.app import Gateway
from gateway.backlog import Backlog
from gateway.config import Settings
from gateway.resume import Claim, Live, LiveCalls, ResumeTokens, Void
from supervisor.messages import KillChild, ToChild, ToPath
from tests.gateway.test_calls import PATIENCE_S, Agent, eventually, register, running, said, until

SESSION = SessionId("3f2b")


def tokens(ttl_s=60, now=1000.0, secret=b"s"):
    return ResumeTokens(secret, ttl_s, lambda: now)


def test_a_token_says_what_was_signed():
    assert tokens().read(tokens().issue(SESSION, 3, 2)) == Claim(SESSION, 3, 2, 1060)


def test_a_token_expires_and_belongs_to_its_secret():
    token = tokens().issue(SESSION, 0)
    assert tokens(now=1059.9).read(token) is not None
    assert tokens(now=1060).read(token) is None
    assert tokens(secret=b"t").read(token) is None


def test_for_a_call_that_is_here_no_token_expires():
    wall = iter((1000.0, 9000.0, 9000.0, 9000.0))
    calls = LiveCalls(ResumeTokens(b"s", 60, lambda: next(wall)))
    relay = SimpleNamespace(session_id=SESSION, claim=0, is_connected=True)
    token = calls.tokens.issue(SESSION, 0)
    assert calls.find(token) == Void()
    calls.add(relay)
    assert calls.find(token) == Live(relay, 0)
    assert calls.find(token.replace(".0.0.", ".1.0.")) == Void()


@given(st.data())
def test_no_changed_token_is_read(data):
    token = tokens().issue(SESSION, 1)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda letter: letter != token[at]))
    changed = tokens().read(token[:at] + other + token[at + 1 :])
    last = len(token) - 1  # its six bits hold two that no byte of the signature needs
    assert changed is None or at == last


@given(st.text() | st.just("a.0.0.9999999999." + "A" * 43))
def test_nothing_else_is_a_token(text):
    assert tokens().read(text) is None


@given(st.lists(st.binary(max_size=40)), st.integers(-3, 60))
def test_a_backlog_gives_what_came_after_as_far_as_it_goes(frames, seen):
    backlog = Backlog(max_bytes=200)
    for frame in frames:
        backlog.add(frame)
    start, missed = backlog.after(seen)
    assert frames[start:] == missed
    assert start >= min(max(seen, 0), len(frames))
    assert start <= max(seen, 0) or sum(map(len, frames[start - 1 :])) > 200


# --- over sockets --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(**settings):
    gateway = Gateway(Settings(host="127.0.0.1", port=0, patience_s=2, dial_s=2, **{"history_calls": 0, **settings}))
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


def dial(gateway, token="", seen=None):
    query = f"?resume={token}" + ("" if seen is None else f"&seen={seen}") if token else ""
    return websockets.connect(f"ws://127.0.0.1:{gateway.port}/sonic{query}", max_queue=None)


def connected(message):
    return message["type"] == "connected"


async def ask(socket, text):
    await socket.send(json.dumps({"type": "text_input", "text": text}))


async def test_a_lost_connection_is_taken_up_in_the_same_session_with_what_was_missed():
    async with running(Agent("triage")) as agent, serving() as gateway:
        await register(gateway, agent, "triage")
        async with dial(gateway) as first:
            hello = await until(first, connected)
            await ask(first, "one")
            await until(first, said)
            agent.mute = True
            first.transport.abort()
        session = gateway.calls.get(hello["sessionId"])
        await eventually(lambda: not session.is_connected)
        (link,) = agent.sockets
        await link.send(json.dumps({"type": "transcript", "role": "assistant", "text": "missed", "isFinal": True}))
        await link.send(b"late speech")
        await eventually(lambda: session.counters().dropped_frames == 1)
        agent.mute = False
        async with dial(gateway, hello["resumeToken"]) as second:
            again = await until(second, connected)
            assert (again["sessionId"], again["resumed"], again["agent"]) == (hello["sessionId"], True, "triage")
            assert again["received"] == 1
            assert again["resumeToken"] != hello["resumeToken"]
            assert (await until(second, said))["text"] == "missed"
            await ask(second, "two")
            assert (await until(second, said))["text"] == "triage heard two"
        assert agent.opened == 1
        assert agent.texts == ["one", "two"]


async def test_a_caller_says_what_he_has_seen():
    async with running(Agent("triage")) as agent, serving() as gateway:
        await register(gateway, agent, "triage")
        async with dial(gateway) as first:
            hello = await until(first, connected)
            frames = []
            await ask(first, "one")
            await until(first, lambda message: frames.append(message) or said(message))
        async with dial(gateway, hello["resumeToken"], seen=1) as second:
            again = await until(second, connected)
            assert again["seq"] == 1
            replayed = [await until(second, lambda _: True) for _ in frames[1:]]
            assert replayed == frames[1:]


async def test_one_caller_at_a_time():
    async with running(Agent("triage")) as agent, serving() as gateway:
        await register(gateway, agent, "triage")
        async with dial(gateway) as first:
            hello = await until(first, connected)
            async with dial(gateway, hello["resumeToken"]) as second:
                await until(second, connected)
                with pytest.raises(websockets.ConnectionClosed):
                    await until(first, lambda _: False)
                assert first.close_code == 4409
                async with dial(gateway, hello["resumeToken"]) as third:
                    with pytest.raises(websockets.ConnectionClosed):
                        await until(third, lambda _: False)
                    assert third.close_code == 4403
                await ask(second, "still me")
                assert (await until(second, said))["text"] == "triage heard still me"


@pytest.mark.parametrize("token", ["nonsense", tokens(secret=b"other", now=time.time()).issue(SESSION, 0)])
async def test_a_token_that_is_not_ours_begins_a_new_call(token):
    async with serving() as gateway, dial(gateway, token) as socket:
        hello = await until(socket, connected)
        assert "resumed" not in hello
        assert hello["sessionId"] != SESSION


async def test_another_gateway_takes_up_the_calls_of_one_that_stops(tmp_path):
    shared = {"store": "sqlite", "data_dir": tmp_path, "resume_secret": "between us"}
    async with running(Agent("banking")) as agent, serving(**shared) as second:
        async with serving(**shared) as first:
            await register(first, agent, "banking")
            await register(second, agent, "banking")
            caller = await dial(first)
            hello = await until(caller, connected)
            await caller.send(json.dumps({"type": "select_workflow", "workflowId": "banking"}))
            await ask(caller, "my account is 12345678")
            await until(caller, said)
        notes = []
        with pytest.raises(websockets.ConnectionClosed):
            await until(caller, lambda message: notes.append(message) and False)
        assert caller.close_code == 1012
        assert notes[-1] == {"type": "status", "state": "closing", "received": 1}
        async with dial(second, hello["resumeToken"]) as again:
            greeting = await until(again, connected)
            assert (greeting["sessionId"], greeting["resumed"]) == (hello["sessionId"], True)
            await ask(again, "and now?")
            assert (await until(again, said))["text"] == "banking heard and now?"
        assert agent.texts == ["my account is 12345678", "and now?"]
        assert agent.inits[-1]["resume"] is True
        assert agent.inits[-1]["memory"]["account"] == "12345678"


async def test_who_never_got_the_greeting_of_a_call_that_was_taken_up_gets_it_again(tmp_path):
    shared = {"store": "sqlite", "data_dir": tmp_path, "resume_secret": "between us"}
    async with running(Agent("triage")) as agent, serving(**shared) as second:
        async with serving(**shared) as first:
            await register(first, agent, "triage")
            await register(second, agent, "triage")
            caller = await dial(first)
            hello = await until(caller, connected)
            await ask(caller, "one")
            await until(caller, said)
        lost = await dial(second, hello["resumeToken"], seen=4)
        await eventually(lambda: len(second.calls) == 1)
        lost.transport.abort()
        (relay,) = second.calls
        await eventually(lambda: not relay.is_connected)
        async with dial(second, hello["resumeToken"], seen=4) as again:
            greeting = await until(again, connected)
            assert greeting["resumed"] is True
            assert greeting["received"] == 1  # as the first gateway counted
            assert greeting["seq"] == 0
            await ask(again, "two")
            assert (await until(again, said))["text"] == "triage heard two"
        assert agent.texts == ["one", "two"]


async def test_who_takes_up_a_crashed_call_knows_which_texts_were_taken():
    async with running(Agent("triage")) as agent, serving() as gateway:
        await register(gateway, agent, "triage")
        async with dial(gateway) as first:
            hello = await until(first, connected)
            for text in ("one", "two"):
                await ask(first, text)
                await until(first, said)
            first.transport.abort()
        session = hello["sessionId"]
        await eventually(lambda: not gateway.calls.get(session).is_connected)
        await gateway.ask(SESSIONS_PATH, KillChild(session), 0.0)
        await eventually(lambda: not len(gateway.calls))
        async with dial(gateway, hello["resumeToken"]) as second:
            again = await until(second, connected)
            assert (again["resumed"], again["received"]) == (True, 2)
            await ask(second, "three")
            await until(second, said)
            second.transport.abort()
        await eventually(lambda: not gateway.calls.get(session).is_connected)
        async with dial(gateway, again["resumeToken"]) as third:
            assert (await until(third, connected))["received"] == 3


async def kill_elsewhere(gateway, session):
    """Crash a session as if another gateway had had it: this one knows nothing of its end by itself."""
    await gateway.ask(SESSIONS_PATH, KillChild(session), 0.0)
    await eventually(lambda: not len(gateway.calls))
    gateway.calls._ended.clear()


async def test_a_crashed_call_is_taken_up_where_it_was_though_the_store_has_lost_it():
    async with running(Agent("triage")) as agent, serving() as gateway:
        await register(gateway, agent, "triage")
        async with dial(gateway) as first:
            hello = await until(first, connected)
            await ask(first, "one")
            await until(first, said)
            await gateway.ask(SESSIONS_PATH, KillChild(hello["sessionId"]), 0.0)
            await eventually(lambda: not len(gateway.calls))
        lost = DeleteDocument("calls", hello["sessionId"])
        gateway.base.tell(gateway._node, ToPath(STORE_PATH, lost, gateway._node))
        async with dial(gateway, hello["resumeToken"]) as again:
            greeting = await until(again, connected)
            assert (greeting["resumed"], greeting["received"]) == (True, 1)
            await ask(again, "two")
            await until(again, said)
        assert agent.texts == ["one", "two"]


async def test_a_call_that_was_ended_for_good_is_not_taken_up():
    async with running(Agent("triage")) as agent, serving() as gateway:
        await register(gateway, agent, "triage")
        async with dial(gateway) as first:
            hello = await until(first, connected)
            await ask(first, "one")
            await until(first, said)
            await gateway.ask(SESSIONS_PATH, ToChild(hello["sessionId"], EndCall()), 0.0)
            await first.wait_closed()
        await eventually(lambda: not len(gateway.calls))
        async with dial(gateway, hello["resumeToken"]) as again:
            assert "resumed" not in await until(again, connected)


async def test_who_missed_the_greeting_that_began_a_new_count_is_not_told_of_that_count():
    async with running(Agent("triage")) as agent, serving() as gateway:
        await register(gateway, agent, "triage")
        async with dial(gateway) as first:
            hello = await until(first, connected)
            await ask(first, "one")
            await until(first, said)
            bare = SaveDocument("calls", hello["sessionId"], {"agent": "triage", "unanswered": []})
            await kill_elsewhere(gateway, hello["sessionId"])
            gateway.base.tell(gateway._node, ToPath(STORE_PATH, bare, gateway._node))
        missed = await dial(gateway, hello["resumeToken"])  # he reads none of it
        await eventually(lambda: any(relay.is_attached for relay in gateway.calls))
        await kill_elsewhere(gateway, hello["sessionId"])
        assert "received" not in await until(missed, connected)
        async with dial(gateway, hello["resumeToken"]) as third:
            again = await until(third, connected)
            assert again["resumed"] is True
            assert "received" not in again
            await ask(third, "two")
            await until(third, said)
            await kill_elsewhere(gateway, hello["sessionId"])
        async with dial(gateway, again["resumeToken"]) as fourth:
            hello = await until(fourth, connected)
            assert hello["received"] == 1
            await kill_elsewhere(gateway, hello["sessionId"])
        old = SaveDocument("calls", hello["sessionId"], {"agent": "triage", "unanswered": [], "received": 9})
        gateway.base.tell(gateway._node, ToPath(STORE_PATH, old, gateway._node))
        async with dial(gateway, hello["resumeToken"]) as fifth:
            assert "received" not in await until(fifth, connected)
        await missed.close()


async def test_without_a_window_nobody_is_given_a_token():
    async with serving(park_s=0) as gateway, dial(gateway) as socket:
        assert "resumeToken" not in await until(socket, connected)
        await socket.close()
        async with asyncio.timeout(PATIENCE_S):
            await eventually(lambda: len(gateway.calls) == 0)


async def test_who_comes_back_finds_his_place_in_a_full_gateway_that_is_drained_and_the_others_do_not():
    bounds = {"max_sessions": 1, "per_address": 1, "connect_rate": 0.001, "connect_burst": 1}
    async with running(Agent("triage")) as agent, serving(**bounds) as gateway:
        await register(gateway, agent, "triage")
        async with dial(gateway) as first:
            token = (await until(first, connected))["resumeToken"]
            await ask(first, "one")
            await until(first, said)
            first.transport.abort()
        gateway.drain.begin(PATIENCE_S)
        async with dial(gateway, token) as second:
            await ask(second, "two")
            assert (await until(second, said))["text"] == "triage heard two"
            for other in ("", f"{token}x"):
                with pytest.raises(websockets.InvalidStatus) as refused:
                    await dial(gateway, other)
                assert refused.value.response.status_code == 503
