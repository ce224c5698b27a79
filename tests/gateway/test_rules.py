"""The rules that let one gateway fit every frontend and every agent, by number: a whole gateway, real sockets."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any, Self

import aiohttp
import pytest
import websockets

from gateway.app import Gateway
from gateway.config import Settings

pytestmark = pytest.mark.real
PATIENCE_S = 20.0
ACCOUNT, SORT_CODE = "12345678", "112233"


class Agent:
    """An agent that says what the test tells it to, and keeps what it hears."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.ready: dict[str, Any] | None = {"type": "connected"}
        self.heard: list[Any] = []
        self.sockets: list[Any] = []
        self.closed = 0
        self.changed = asyncio.Event()

    async def serve(self, socket: Any) -> None:
        self.sockets.append(socket)
        try:
            async for frame in socket:
                message = json.loads(frame) if isinstance(frame, str) else frame
                self.heard.append(message)
                self.changed.set()
                if isinstance(message, dict) and message["type"] == "session_init" and self.ready is not None:
                    await socket.send(json.dumps(self.ready))
        finally:
            self.closed += 1
            self.changed.set()

    async def say(self, *messages: Any, socket: int = -1) -> None:
        for message in messages:
            await self.sockets[socket].send(message if isinstance(message, bytes | str) else json.dumps(message))

    async def until(self, wanted: Any) -> Any:
        """The first thing heard that is wanted: a type, bytes, or what a function likes."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self.changed.clear()
                for message in self.heard:
                    if matches(message, wanted):
                        return message
                await self.changed.wait()

    def texts(self) -> list[tuple[str, str]]:
        return [(m["type"], m["text"]) for m in self.heard if isinstance(m, dict) and "text" in m]


def matches(message: Any, wanted: Any) -> bool:
    if callable(wanted):
        return isinstance(message, dict) and bool(wanted(message))
    return message == wanted if isinstance(wanted, bytes) else isinstance(message, dict) and message["type"] == wanted


class Stage:
    """A gateway, its agents and one caller."""

    def __init__(self) -> None:
        self.agents: dict[str, Agent] = {}
        self.caller: Any
        self.gateway: Gateway
        self.shown: list[Any] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.gateway = Gateway(Settings(host="127.0.0.1", port=0, park_s=0, patience_s=5, history_calls=0))
        await self.gateway.start()
        self._stack.push_async_callback(self.gateway.stop)
        url = f"ws://127.0.0.1:{self.gateway.port}/sonic"
        self.caller = await self._stack.enter_async_context(websockets.connect(url, max_queue=None))
        await self.until("connected")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.caller.close()
        await self._stack.aclose()

    async def cast(self, name: str, mode: str = "hybrid", capabilities: Any = None) -> Agent:
        agent = self.agents[name] = Agent(mode)
        server = await self._stack.enter_async_context(websockets.serve(agent.serve, "127.0.0.1", 0))
        body = {
            "id": name,
            "url": f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            "capabilities": {"mode": mode} if capabilities is None else capabilities,
        }
        async with aiohttp.ClientSession() as client:
            answer = await client.post(f"http://127.0.0.1:{self.gateway.port}/api/agents/register", json=body)
            assert answer.status == 200
        return agent

    async def send(self, *messages: Any) -> None:
        for message in messages:
            await self.caller.send(message if isinstance(message, bytes) else json.dumps(message))

    async def choose(self, name: str, **more: Any) -> None:
        await self.send({"type": "select_workflow", "workflowId": name, **more})
        await self.until("session_start")

    async def until(self, wanted: Any) -> Any:
        """The next thing that the caller is shown and that is wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = await self.caller.recv()
                message = json.loads(frame) if isinstance(frame, str) else frame
                self.shown.append(message)
                if matches(message, wanted):
                    return message

    async def settled(self) -> list[Any]:
        """All that the caller was shown, once what was said before has come through."""
        await self.send({"type": "ping"})
        await self.until("pong")
        return self.shown

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.shown if isinstance(message, dict)]


def transcript(text: str, role: str = "assistant", **more: Any) -> dict[str, Any]:
    return {"type": "transcript", "role": role, "text": text, "isFinal": True, **more}


def tool_result(tool: str, use: str = "t", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "toolName": tool, "toolUseId": use, "success": True, "result": {}, **more}


IDV_GOOD = {"content": [{"text": json.dumps({"auth_status": "VERIFIED", "customer_name": "Ann", "account": ACCOUNT})}]}


# --- to the client -------------------------------------------------------------------------------------------------


async def json_is_text_and_audio_is_binary(stage: Stage) -> None:
    triage = await stage.cast("triage")
    await stage.choose("triage")
    audio = [b"{not json", b'{"no": "type"}', b'{"type": 7}', b"3333", b'["type"]', b' {"type":"x"}']
    await triage.say(b'{"type":"metadata","data":{}}', *audio)
    assert (await stage.until("metadata"))["data"] == {}
    for frame in audio:
        await stage.until(frame)
    await stage.send(b'{"type":"ping"}')
    await stage.until("pong")
    for frame in audio:
        await stage.send(frame)
        await triage.until(frame)


async def connected_and_session_start_come_once(stage: Stage) -> None:
    triage, idv = await stage.cast("triage"), await stage.cast("idv")
    session = stage.shown[0]["sessionId"]
    start = {"type": "session_start", "data": {"sessionId": session}}
    triage.ready = idv.ready = start
    await stage.send({"type": "select_workflow", "workflowId": "triage"})
    shown = await stage.until("session_start")
    assert (shown["sessionId"], shown["data"]["sessionId"]) == (session, session)
    await triage.say({"type": "connected"}, start, tool_result("transfer_to_idv"))
    await stage.until("handoff_event")
    await idv.say({"type": "connected"}, start, {"type": "metadata"})
    await stage.until("metadata")
    assert stage.kinds().count("connected") == stage.kinds().count("session_start") == 1


async def numbers_steps_and_turns_are_flat_and_nested(stage: Stage) -> None:
    triage = await stage.cast("triage")
    await stage.choose("triage")
    await triage.say(
        {"type": "usage", "inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
        {"type": "workflow_update", "data": {"currentStep": "ask"}},
        {"type": "workflow_update", "currentNode": "answer"},
        {"type": "contentStart", "role": "user"},
        {"type": "contentEnd", "data": {"stopReason": "x"}},
    )
    usage = await stage.until("usage")
    assert (usage["inputTokens"], usage["data"]["inputTokens"], usage["data"]["outputTokens"]) == (1, 1, 2)
    assert (await stage.until("workflow_update"))["currentStep"] == "ask"
    assert (await stage.until("workflow_update"))["currentStep"] == "answer"
    assert (await stage.until("contentStart"))["data"] == {"role": "user"}
    assert (await stage.until("contentEnd"))["stopReason"] == "x"


async def transcripts_are_shown_once_and_instructions_never(stage: Stage) -> None:
    triage = await stage.cast("triage")
    await stage.choose("triage")
    await stage.send({"type": "text_input", "text": "Hello", "skipTranscript": True})
    await triage.until(lambda message: message.get("text") == "Hello")
    await triage.say(
        transcript("Hello", "user"),
        transcript("[System: greet]", "user"),
        transcript("[SYSTEM_INJECTION]", "user"),
        transcript("Hi", id="a-1", isFinal=False),
        transcript("Hi there", id="a-1"),
        transcript("Hi there", id="a-1"),
        transcript("my own words", "user"),
        {"type": "metadata"},
    )
    await stage.until("metadata")
    lines = [message for message in stage.shown if message["type"] == "transcript"]
    assert [line["text"] for line in lines] == ["Hi", "Hi there", "my own words"]
    assert all(line["id"] and line["timestamp"] for line in lines)


async def a_hand_off_is_told_once_and_by_the_agents_name(stage: Stage) -> None:
    idv, _ = await stage.cast("idv"), await stage.cast("triage")
    await stage.choose("idv")
    use = {"type": "tool_use", "toolName": "return_to_triage", "toolUseId": "t", "input": {}}
    request = {"type": "handoff_request", "targetAgentId": "triage", "context": {}}
    await idv.say(
        {"type": "TEXT"}, {"type": "update_memory", "memory": {}}, use, tool_result("return_to_triage"), request
    )
    event = await stage.until("handoff_event")
    assert (event["target"], isinstance(event["timestamp"], int)) == ("triage", True)
    kinds = [message["type"] for message in await stage.settled()]
    assert kinds.count("handoff_event") == 1
    assert {"tool_use", "tool_result"} <= set(kinds)
    assert not {"handoff_request", "update_memory", "TEXT"} & set(kinds)


async def settings_are_acknowledged(stage: Stage) -> None:
    await stage.send({"type": "sessionConfig", "config": {"voiceId": "amy"}})
    assert await stage.until("config_applied") == {"type": "config_applied"}


# --- from the client -----------------------------------------------------------------------------------------------


async def persona_ids_name_agents(stage: Stage) -> None:
    banking = await stage.cast("banking")
    await stage.choose("persona-SimpleBanking")
    assert await banking.until("session_init")


async def workflow_ids_name_agents(stage: Stage) -> None:
    banking = await stage.cast("banking")
    await stage.send({"type": "select_workflow", "workflow": "banking-master"})
    assert await banking.until("session_init")


async def an_unknown_id_is_triage_and_an_error(stage: Stage) -> None:
    triage = await stage.cast("triage")
    await stage.send({"type": "select_workflow", "workflowId": "persona-nobody"})
    assert "persona-nobody" in (await stage.until("error"))["message"]
    assert await triage.until("session_init")


async def audio_alone_starts_a_session_and_is_kept(stage: Stage) -> None:
    triage = await stage.cast("triage")
    frames = [bytes([number]) * 100 for number in range(1, 20)]
    await stage.send(*frames)
    await triage.until(frames[-1])
    assert [frame for frame in triage.heard if isinstance(frame, bytes)] == frames


async def credentials_are_found_wherever_they_are_said(stage: Stage) -> None:
    for kind in ("text_input", "user_input", "transcript"):
        async with Stage() as other:
            triage = await other.cast("triage")
            await other.choose("triage")
            words = f"my account is {ACCOUNT} and the sort code is 11-22-33"
            if kind == "transcript":
                await triage.say(transcript(words, "user"))
            else:
                await other.send({"type": kind, "text": words})
            memory = (await triage.until("memory_update"))["memory"]
            assert (memory["account"], memory["sortCode"]) == (ACCOUNT, SORT_CODE)


# --- to agents -----------------------------------------------------------------------------------------------------


async def text_goes_under_the_name_that_the_agent_knows(stage: Stage) -> None:
    modes = {"idv": {"mode": "text"}, "banking": {"mode": "voice"}, "mortgage": {"mode": "hybrid"}, "disputes": ["x"]}
    for name, capabilities in modes.items():
        async with Stage() as other:
            agent = await other.cast(name, capabilities=capabilities)
            await other.choose(name)
            await other.send({"type": "text_input", "text": "one"}, {"type": "user_input", "text": "two"})
            await agent.until(lambda message: message.get("text") == "two")
            wanted = "user_input" if name == "idv" else "text_input"
            assert agent.texts() == [(wanted, "one"), (wanted, "two")]


async def the_end_of_speech_ends_the_audio_too(stage: Stage) -> None:
    triage = await stage.cast("triage")
    await stage.choose("triage")
    await stage.send({"type": "end_of_speech"})
    await triage.until("end_of_speech")
    await triage.until("end_audio")


async def an_agent_is_ready_when_it_says_so(stage: Stage) -> None:
    for ready in ("connected", "session_ack", "session_start", "metadata"):
        async with Stage() as other:
            triage = await other.cast("triage")
            triage.ready = None
            await other.send(
                {"type": "select_workflow", "workflowId": "triage"}, {"type": "text_input", "text": "early"}
            )
            await triage.until("session_init")
            await other.settled()
            assert triage.texts() == []
            await triage.say({"type": ready})
            await triage.until(lambda message: message.get("text") == "early")
            assert next(message["type"] for message in triage.heard) == "session_init"


async def an_agent_has_one_socket_per_session(stage: Stage) -> None:
    triage = await stage.cast("triage")
    await stage.choose("triage")
    await triage.sockets[0].close(1011)
    async with asyncio.timeout(PATIENCE_S):
        while len(triage.sockets) < 2:
            triage.changed.clear()
            await triage.changed.wait()
    assert triage.closed == 1
    await stage.send({"type": "text_input", "text": "still there?"})
    await triage.until(lambda message: message.get("text") == "still there?")


async def a_socket_that_is_not_current_has_no_effect(stage: Stage) -> None:
    triage, idv = await stage.cast("triage"), await stage.cast("idv")
    await stage.choose("triage")
    await triage.say(tool_result("transfer_to_idv"), transcript("late words"), tool_result("transfer_to_banking", "u"))
    await stage.until("handoff_event")
    async with asyncio.timeout(PATIENCE_S):
        while not triage.closed:
            triage.changed.clear()
            await triage.changed.wait()
    await idv.say({"type": "metadata"})
    await stage.until("metadata")
    await stage.settled()
    assert stage.kinds().count("handoff_event") == 1


async def memory_carries_the_graph_state_with_the_credentials(stage: Stage) -> None:
    triage, idv = await stage.cast("triage"), await stage.cast("idv")
    await stage.choose("triage")
    assert "graphState" in await triage.until("session_init")
    await stage.send({"type": "text_input", "text": f"account {ACCOUNT} sort code 11-22-33"})
    update = await triage.until("memory_update")
    assert (update["graphState"]["account"], update["graphState"]["sortCode"]) == (ACCOUNT, SORT_CODE)
    request = {"type": "handoff_request", "targetAgentId": "idv", "context": {}, "graphState": {"currentNode": "n"}}
    await triage.say(request)
    state = (await idv.until("session_init"))["graphState"]
    assert (state["account"], state["sortCode"], state["currentNode"]) == (ACCOUNT, SORT_CODE, "n")


async def many_signals_are_one_hand_off(stage: Stage) -> None:
    triage, banking = await stage.cast("triage"), await stage.cast("banking")
    await stage.choose("triage")
    request = {"targetAgentId": "persona-SimpleBanking", "context": {"userIntent": "balance"}}
    await triage.say(
        {"type": "tool_use", "toolName": "transfer_to_banking", "toolUseId": "t", "input": {}},
        tool_result("transfer_to_banking", result={"handoffRequest": request}),
        {"type": "handoff_request", **request},
    )
    await stage.until("handoff_event")
    await stage.settled()
    assert stage.kinds().count("handoff_event") == 1
    assert len(banking.sockets) == 1


async def a_hand_off_that_failed_is_none(stage: Stage) -> None:
    triage, banking = await stage.cast("triage"), await stage.cast("banking")
    await stage.choose("triage")
    failed = [{"success": False}, {"error": "Already called"}, {"error": {"code": 1}}, {"result": {"error": "blocked"}}]
    for number, more in enumerate(failed):
        await triage.say(tool_result("transfer_to_banking", str(number), **more))
    await triage.say({"type": "tool_error", "toolName": "transfer_to_banking", "toolUseId": "e"}, {"type": "metadata"})
    await stage.until("metadata")
    await stage.settled()
    assert "handoff_event" not in stage.kinds()
    assert banking.sockets == []


async def a_verified_caller_goes_where_he_wanted(stage: Stage) -> None:
    idv, mortgage = await stage.cast("idv"), await stage.cast("mortgage")
    await stage.choose("idv")
    await stage.send({"type": "text_input", "text": "I want to ask about a mortgage"})
    await idv.until("memory_update")
    await idv.say(tool_result("perform_idv_check", result=IDV_GOOD))
    event = await stage.until("handoff_event")
    assert (event["target"], event["reason"]) == ("mortgage", "verified_state_gate")
    assert (await mortgage.until("session_init"))["memory"]["verified"] is True


async def the_session_has_one_id_everywhere(stage: Stage) -> None:
    triage = await stage.cast("triage")
    await stage.choose("triage")
    init = await triage.until("session_init")
    assert init["sessionId"] == init["traceId"] == stage.shown[0]["sessionId"]


RULES = [
    (1, json_is_text_and_audio_is_binary),
    (2, connected_and_session_start_come_once),
    (3, numbers_steps_and_turns_are_flat_and_nested),
    (4, transcripts_are_shown_once_and_instructions_never),
    (5, a_hand_off_is_told_once_and_by_the_agents_name),
    (6, settings_are_acknowledged),
    (7, persona_ids_name_agents),
    (7, workflow_ids_name_agents),
    (7, an_unknown_id_is_triage_and_an_error),
    (8, audio_alone_starts_a_session_and_is_kept),
    (9, credentials_are_found_wherever_they_are_said),
    (10, text_goes_under_the_name_that_the_agent_knows),
    (11, the_end_of_speech_ends_the_audio_too),
    (12, an_agent_is_ready_when_it_says_so),
    (13, an_agent_has_one_socket_per_session),
    (13, a_socket_that_is_not_current_has_no_effect),
    (14, memory_carries_the_graph_state_with_the_credentials),
    (15, many_signals_are_one_hand_off),
    (15, a_hand_off_that_failed_is_none),
    (15, a_verified_caller_goes_where_he_wanted),
    (16, the_session_has_one_id_everywhere),
]


def test_every_rule_has_its_row() -> None:
    assert {number for number, _ in RULES} == set(range(1, 17))


@pytest.mark.parametrize("rule", [pytest.param(rule, id=f"{number}-{rule.__name__}") for number, rule in RULES])
async def test_rule(rule: Any) -> None:
    async with Stage() as stage:
        await rule(stage)
