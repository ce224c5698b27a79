"""Faults C and D of the gateway that this one replaces, by number: traffic lost, mangled or doubled."""

import asyncio
import json

import aiohttp
import pytest

from tests.chaos.stage import Caller, Scripted, bank, calling, request, words
from tests.gateway.test_calls import call, eventually, running, said

pytestmark = pytest.mark.real


async def test_c19_what_is_said_before_the_agent_is_there_reaches_it_in_order(tmp_path):
    triage = Scripted("triage")
    triage.ready.clear()
    async with bank(tmp_path, triage) as gateway, calling(gateway) as caller:
        for text in ("one", "two", "three"):
            await caller.say(text)
            await caller.socket.send(text.encode() * 2)
        await caller.send("ping")
        await caller.hear("pong")
        triage.ready.set()
        await caller.hear(lambda message: said(message) and message["text"].endswith("three"))
        assert triage.texts == ["one", "two", "three"]
        await eventually(lambda: b"threethree" in triage.heard)
        assert [frame for frame in triage.heard if isinstance(frame, bytes)] == [b"oneone", b"twotwo", b"threethree"]


async def test_c21_c23_an_agents_audio_is_heard_whatever_its_bytes_are(tmp_path):
    frames = [b"\x7b\x01" * 160, b"{not json", b"\x7b", b"\x01\x02\x03"]
    triage = Scripted("triage", {"sing": [*frames, words("la")]})
    async with bank(tmp_path, triage) as gateway, calling(gateway) as caller:
        await caller.say("sing")
        await caller.hear(said)
        assert caller.audio == frames
        for frame in frames:
            await caller.socket.send(frame)
        await eventually(lambda: triage.heard[-1] == frames[-1])
        assert [frame for frame in triage.heard if isinstance(frame, bytes)] == frames
        assert not caller.kinds("error")


async def test_c22_json_in_a_binary_frame_is_json_for_the_other_side(tmp_path):
    triage = Scripted("triage", {"go": [json.dumps(words("in disguise")).encode()]})
    async with bank(tmp_path, triage) as gateway, calling(gateway) as caller:
        await caller.socket.send(json.dumps({"type": "text_input", "text": "go"}).encode())
        assert (await caller.hear(said))["text"] == "in disguise"
        assert not caller.audio


async def test_c24_d35_every_update_of_a_line_is_shown_and_no_line_twice(tmp_path):
    updates = [words(text, id="t1", isFinal=text.endswith(".")) for text in ("Hel", "Hello the", "Hello there.")]
    reused = words("Another turn.", id="t1")
    triage = Scripted("triage", {"go": [*updates, updates[-1], reused, words("end")]})
    async with bank(tmp_path, triage) as gateway, calling(gateway) as caller:
        await caller.say("go")
        await caller.hear(lambda message: message.get("text") == "end")
        shown = [message["text"] for message in caller.kinds("transcript")]
        assert shown == ["Hel", "Hello the", "Hello there.", "Another turn.", "end"]


async def test_c25_d36_what_is_not_for_callers_stays_here(tmp_path):
    inside = [
        {"type": "TEXT", "text": "raw"},
        {"type": "AUDIO", "audio": "AAAA"},
        request("nobody"),
        {"type": "update_memory", "memory": {"userName": "Sarah"}},
        words("[System: User has been transferred]", role="user"),
        words("I want to check_balance", role="user"),
    ]
    triage = Scripted("triage", {"I want to check_balance": [], "go": [*inside, words("end")]})
    async with bank(tmp_path, triage) as gateway, calling(gateway) as caller:
        await caller.send("text_input", text="I want to check_balance", skipTranscript=True)
        await caller.say("go")
        await caller.hear(lambda message: message.get("text") == "end")
        assert not {"TEXT", "AUDIO", "handoff_request", "update_memory"} & {message["type"] for message in caller.got}
        assert [message["text"] for message in caller.kinds("transcript")] == ["end"]


@pytest.mark.parametrize(("mode", "kind"), [("text", "user_input"), ("voice", "text_input"), ("", "text_input")])
async def test_c27_c28_every_agent_is_spoken_to_as_it_understands(tmp_path, mode, kind):
    triage = Scripted("triage")
    async with bank(tmp_path) as gateway, running(triage):
        body = {"id": "triage", "url": triage.url, "capabilities": {"mode": mode}}
        async with aiohttp.ClientSession() as client:
            await client.post(f"http://127.0.0.1:{gateway.port}/api/agents/register", json=body)
        async with calling(gateway) as caller:
            await caller.send("end_of_speech")
            assert await caller.ask("hello") == "triage heard hello"
            assert triage.kinds() == ["session_init", "end_of_speech", "end_audio", kind]


async def test_c29_an_agent_may_finish_for_a_caller_whose_connection_has_just_ended(tmp_path):
    triage = Scripted("triage")
    async with bank(tmp_path, triage, park_s=20, linger_s=10) as gateway, calling(gateway) as caller:
        await caller.ask("hello")
        triage.mute = True
        token = caller.got[0]["resumeToken"]
        await caller.say("a last wish")
        caller.socket.transport.abort()
        await eventually(lambda: triage.texts[-1] == "a last wish")
        (link,) = triage.sockets
        await link.send(json.dumps(words("It is done.")))
        async with asyncio.timeout(10), call_again(gateway, token) as again:
            assert (await again.hear(said))["text"] == "It is done."


def call_again(gateway, token):
    """The same caller on another connection."""

    class Again:
        async def __aenter__(self):
            self.socket = await call(gateway, f"?resume={token}")
            return Caller(self.socket)

        async def __aexit__(self, *_):
            await self.socket.close()

    return Again()


async def test_c30_an_agent_hears_the_words_before_what_they_taught_us(tmp_path):
    triage = Scripted("triage")
    async with bank(tmp_path, triage) as gateway, calling(gateway) as caller:
        await caller.ask("hello")
        await caller.ask("my account is 12345678")
        await eventually(lambda: triage.kinds()[-1] == "memory_update")
        assert triage.kinds()[-2:] == ["user_input", "memory_update"]
        assert triage.heard[-1]["graphState"]["account"] == "12345678"


async def test_c32_a_very_large_result_of_a_tool_passes_whole(tmp_path):
    rows = [{"id": number, "text": "x" * 90} for number in range(2000)]
    result = {"type": "tool_result", "toolName": "get_transactions", "toolUseId": "t", "success": True, "result": rows}
    triage = Scripted("triage", {"list": [result, words("There they are.")]})
    async with bank(tmp_path, triage) as gateway, calling(gateway) as caller:
        await caller.say("list")
        assert (await caller.hear("tool_result"))["result"] == rows
        await caller.hear(said)


async def test_d33_d34_a_caller_is_greeted_once_and_told_of_one_start_however_many_agents_there_are(tmp_path):
    start = {"type": "session_start", "data": {"sessionId": "the agent's"}}
    twice = [{"type": "connected"}, start, start, {"type": "usage", "inputTokens": 1, "outputTokens": 2}]
    triage = Scripted("triage", {"go": [*twice, request("banking")]})
    banking = Scripted("banking", {"more": [*twice, words("end")]})
    async with bank(tmp_path, triage, banking) as gateway, calling(gateway) as caller:
        await caller.ask("hello")
        await caller.say("go")
        await caller.hear("handoff_event")
        await caller.say("more")
        await caller.hear(lambda message: message.get("text") == "end")
        assert len(caller.kinds("connected")) == len(caller.kinds("session_start")) == 1
        assert caller.kinds("session_start")[0]["sessionId"] == caller.kinds("connected")[0]["sessionId"]
        assert len(caller.kinds("usage")) == 2
