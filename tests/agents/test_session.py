"""The six agents over real sockets, as a gateway sees them."""

import asyncio
import json
import urllib.request

from websockets.asyncio.client import connect

from agents.voice import FRAME_BYTES, Voice
from tests.agents.gateway_end import bank_agent, session

VERIFIED = {"verified": True, "userName": "Sarah Jones", "account": "12345678", "sortCode": "112233"}


async def test_triage_greets_and_hands_a_balance_wish_to_verification():
    async with bank_agent("triage") as port, session(port) as end:
        await end.until("usage")
        assert "How can I help" in end.said()
        await end.send("text_input", text="I want to check my balance")
        request = await end.until("handoff_request")
        user = next(m for m in end.seen if m["type"] == "transcript" and m["role"] == "user")
        result = next(m for m in end.seen if m["type"] == "tool_result")
    assert (user["text"], user["isFinal"]) == ("I want to check my balance", True)
    assert user["id"]
    assert request["targetAgentId"] == "idv"
    assert request["context"]["userIntent"] == "check_balance"
    assert result["success"] is True
    assert result["result"]["handoffRequest"]["targetAgentId"] == "idv"
    assert result["toolName"] == "transfer_to_idv"


async def test_idv_verifies_and_hands_to_banking():
    async with bank_agent("idv") as port, session(port, {"userIntent": "check_balance"}) as end:
        await end.send("user_input", text="account one two three four five six seven eight")
        await end.send("user_input", text="sort code double one double two double three")
        request = await end.until("handoff_request")
    assert request["targetAgentId"] == "banking"
    assert request["context"] | VERIFIED == request["context"]


async def test_banking_answers_the_intent_at_once():
    async with bank_agent("banking") as port, session(port, VERIFIED | {"userIntent": "check_balance"}) as end:
        result = await end.until("tool_result", toolName="agentcore_balance")
        await end.until("usage")
    assert json.loads(result["result"]["content"][0]["text"])["balance"] == 1200
    assert "Hello Sarah" in end.said()
    assert "£1,200.00" in end.said()


async def test_hidden_greeting_is_neither_shown_nor_answered():
    async with bank_agent("triage") as port, session(port) as end:
        await end.send("text_input", text="Hello", skipTranscript=True)
        await end.send("text_input", text="what can you do")
        await end.until("usage")
        await end.until("usage")
    assert [m["text"] for m in end.seen if m.get("role") == "user"] == ["what can you do"]
    assert end.said().count("Welcome") == 1


async def test_bad_frames_are_answered_and_the_session_goes_on():
    async with bank_agent("triage") as port:
        async with connect(f"ws://127.0.0.1:{port}/session") as socket:
            answers = []
            for frame in ("{", "[]", '{"type": 1}', '{"type": "text_input", "text": "hi"}', "[" * 100_000):
                await socket.send(frame)
                answers.append(json.loads(await socket.recv())["type"])
            assert answers == ["error"] * 5
            await socket.send('{"type": "session_init", "sessionId": "s", "memory": 7}')
            assert json.loads(await socket.recv())["type"] == "connected"
        async with session(port) as end:
            await end.send("text_input", text=5)
            await end.until("error")
            await end.send("text_input", text="mortgage")
            await end.until("handoff_request", targetAgentId="mortgage")


async def test_two_sockets_with_one_session_id_live_apart():
    async with bank_agent("triage") as port, session(port) as second:
        async with session(port):
            pass
        await second.send("text_input", text="help")
        await second.until("transcript", role="user")
        await second.until("usage")


async def test_health_on_the_same_port():
    async with bank_agent("idv") as port, session(port):
        with await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/health") as answer:
            health = json.load(answer)
    assert health | {"status": "healthy", "agentId": "idv", "mode": "text", "activeSessions": 1} == health


async def test_resume_apologises_and_does_not_answer_twice():
    memory = VERIFIED | {"userIntent": "check_balance", "lastUserMessage": "my balance"}
    async with bank_agent("banking") as port, session(port, memory, resume=True, restored="restored") as end:
        await end.until("usage")
    assert "I'm with you again" in end.said()
    assert not [m for m in end.seen if m["type"] == "tool_use"]


class Heard:
    def __init__(self, text="", *, final=False, started=False):
        self.text, self.final, self.started = text, final, started


class ScriptedEar:
    """An ear that hears what the test puts into it."""

    def __init__(self):
        self.reports = asyncio.Queue()
        self.grammars = []
        self.fed = b""

    def feed(self, pcm16k):
        self.fed += pcm16k

    def end_of_speech(self):
        self.reports.put_nowait(Heard("what is my balance", final=True))

    async def utterances(self):
        while True:
            yield await self.reports.get()

    def expect(self, grammar):
        self.grammars.append(grammar)

    def close(self):
        self.grammars.append("closed")


class ToneMouth:
    def __init__(self, frames):
        self.frames = frames
        self.spoken = []

    async def synthesise(self, text):
        self.spoken.append(text)
        return b"\x01\x02" * (FRAME_BYTES // 2) * self.frames


async def test_spoken_balance_is_said_in_words_and_heard_in_frames():
    ear, mouth = ScriptedEar(), ToneMouth(1)
    async with (
        bank_agent("banking", Voice(lambda: ear, lambda: mouth)) as port,
        session(port, VERIFIED | {"userIntent": "check_balance"}) as end,
    ):
        await end.until("session_start")
        await end.until("usage")
        await end.socket.send(b"\x01" * 641)
        await end.send("end_of_speech")
        await end.until("transcript", role="user", isFinal=True, text="what is my balance")
        await end.until("usage")
    assert "Your balance is one thousand two hundred pounds." in mouth.spoken
    assert "1,200" in end.said()
    assert {len(frame) for frame in end.audio} == {FRAME_BYTES}
    assert ear.fed == b"\x01" * 640
    assert ear.grammars[-1] == "closed"


async def test_caller_who_speaks_over_the_agent_interrupts_it():
    ear, mouth = ScriptedEar(), ToneMouth(1_000)
    async with bank_agent("triage", Voice(lambda: ear, lambda: mouth)) as port, session(port) as end:
        await end.until("transcript", role="assistant")
        ear.reports.put_nowait(Heard(started=True))
        await end.until("interruption", data={"reason": "caller_spoke"})
        ear.reports.put_nowait(Heard("mort"))
        ear.reports.put_nowait(Heard("mortgage please", final=True))
        lines = [await end.until("transcript", role="user"), await end.until("transcript", role="user")]
    assert len(end.audio) < 100
    assert lines[0]["id"] == lines[1]["id"]
    assert [line["isFinal"] for line in lines] == [False, True]


async def test_a_hand_off_that_failed_is_admitted():
    async with bank_agent("triage") as port, session(port) as end:
        await end.send("text_input", text="mortgage")
        await end.until("handoff_request")
        await end.send("handoff_failed", targetAgentId="mortgage")
        await end.until(
            "transcript", text="I'm sorry, I can't put you through just now. Is there anything else I can do?"
        )


async def test_a_broken_ear_leaves_the_keyboard():
    ear = ScriptedEar()
    async with bank_agent("triage", Voice(lambda: ear, lambda: ToneMouth(1))) as port, session(port) as end:
        await end.until("usage")
        ear.reports.put_nowait(None)
        assert "type" in (await end.until("error"))["message"]
        await end.send("text_input", text="mortgage")
        await end.until("handoff_request")


class SlowMouth(ToneMouth):
    """Speaks the first sentence at once and the second when the test says so."""

    def __init__(self):
        super().__init__(frames=2)
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def synthesise(self, text):
        if self.spoken:
            self.asked.set()
            await self.answer.wait()
        return await super().synthesise(text)


async def test_caller_who_speaks_while_the_next_sentence_is_made_is_not_talked_over():
    ear, mouth = ScriptedEar(), SlowMouth()
    async with bank_agent("triage", Voice(lambda: ear, lambda: mouth)) as port, session(port) as end:
        await mouth.asked.wait()
        ear.reports.put_nowait(Heard(started=True))
        await end.until("interruption")
        mouth.answer.set()
        last = await end.until("transcript", role="assistant", isFinal=True)
        await end.until("usage")
    assert last["text"] == "Welcome to Understudy Bank."
    assert len(end.audio) == 2


async def test_a_typed_line_stops_the_sound_and_not_the_words():
    ear, mouth = ScriptedEar(), ToneMouth(1_000)
    async with bank_agent("triage", Voice(lambda: ear, lambda: mouth)) as port, session(port) as end:
        await end.until("transcript", role="assistant", isFinal=False)
        while not end.audio:
            end.audio.append(await end.socket.recv())
        await end.send("text_input", text="mortgage")
        greeting = await end.until("transcript", role="assistant", isFinal=True)
    assert greeting["text"] == "Welcome to Understudy Bank. How can I help you today?"


async def test_speech_that_was_not_understood_is_asked_again():
    ear = ScriptedEar()
    async with bank_agent("triage", Voice(lambda: ear, lambda: ToneMouth(1))) as port, session(port) as end:
        await end.until("usage")
        ear.reports.put_nowait(Heard(started=True))
        ear.reports.put_nowait(Heard(final=True))
        asked = await end.until("transcript", role="assistant", isFinal=True)
        await end.until("usage")
    assert asked["text"].startswith("I'm sorry, I didn't understand that.")
    assert not [message for message in end.seen if message.get("role") == "user"]
