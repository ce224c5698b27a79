"""Faults A and B of the gateway that this one replaces, by number: crashes of the whole, and hand-over races."""

import asyncio

import aiohttp
import pytest

from gateway.store import MemoryStore
from tests.chaos.stage import Scripted, bank, calling, request, tool, words
from tests.gateway.test_calls import PATIENCE_S, eventually, said

pytestmark = pytest.mark.real


async def test_a1_two_wishes_to_hand_over_in_one_tick_move_the_caller_once(tmp_path):
    triage = Scripted("triage", {"go": [request("banking"), request("idv")]})
    banking, idv = Scripted("banking"), Scripted("idv")
    async with bank(tmp_path, triage, banking, idv) as gateway, calling(gateway) as caller:
        await caller.ask("hello")
        await caller.say("go")
        assert (await caller.hear("handoff_event"))["target"] == "banking"
        assert await caller.ask("still there?") == "banking heard still there?"
        assert (banking.opened, idv.opened) == (1, 0)


async def test_a2_a_caller_who_leaves_before_his_agent_is_introduced_ends_nothing_else(tmp_path):
    triage = Scripted("triage")
    async with bank(tmp_path, triage) as gateway:
        triage.ready.clear()
        async with calling(gateway):
            await eventually(lambda: triage.heard)
        await eventually(lambda: not gateway.calls.ids())
        triage.ready.set()
        async with calling(gateway) as caller:
            assert await caller.ask("hello") == "triage heard hello"


async def test_a3_e43_a_store_that_fails_ends_no_call_and_hangs_nobody(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise OSError("no store")

    for name in ("load", "save", "delete"):
        monkeypatch.setattr(MemoryStore, name, broken)
    async with bank(tmp_path, Scripted("triage")) as gateway, calling(gateway) as caller:
        assert await caller.ask("hello") == "triage heard hello"
        async with aiohttp.ClientSession() as client, asyncio.timeout(PATIENCE_S):
            assert (await client.get(f"http://127.0.0.1:{gateway.port}/health")).status in {200, 503}


async def test_a4_c20_whatever_comes_first_starts_one_session_and_nothing_of_it_is_lost(tmp_path):
    triage = Scripted("triage")
    async with bank(tmp_path, triage) as gateway, calling(gateway, workflow="") as caller:
        await caller.socket.send(b"\0\1" * 320)
        for _ in range(5):
            await caller.send("select_workflow", workflowId="triage")
        assert await caller.ask("hello") == "triage heard hello"
        assert triage.opened == 1
        assert triage.kinds() == ["session_init", "audio", "user_input"]


async def test_b5_b13_c26_what_the_old_agent_still_says_is_heard_and_what_the_caller_says_waits(tmp_path):
    goodbye = words("Goodbye from triage.")
    triage = Scripted("triage", {"go": [*tool("banking"), *tool("banking", "u2"), goodbye]})
    banking = Scripted("banking")
    banking.ready.clear()
    async with bank(tmp_path, triage, banking) as gateway, calling(gateway) as caller:
        await caller.ask("hello")
        await caller.say("go")
        await caller.hear(lambda message: message.get("text") == goodbye["text"])
        await caller.say("my balance")
        banking.ready.set()
        answer = await caller.hear(said)
        assert answer["text"] == "banking heard my balance"
        assert len(caller.kinds("handoff_event")) == 1
        assert banking.opened == 1


async def test_b6_the_same_result_twice_is_one_hand_over(tmp_path):
    use, result = tool("idv")
    triage, idv = Scripted("triage", {"go": [use, result, result, request("idv")]}), Scripted("idv")
    async with bank(tmp_path, triage, idv) as gateway, calling(gateway) as caller:
        await caller.ask("hello")
        await caller.say("go")
        await caller.hear("handoff_event")
        assert await caller.ask("again") == "idv heard again"
        assert len(idv.inits) == 1
        assert len(caller.kinds("handoff_event")) == 1


class Keyed(Scripted):
    """Keys its state by session id, as the old agents do: the close of an older socket ends the newer one's."""

    def __init__(self, *args):
        super().__init__(*args)
        self.sessions, self.clashes = {}, 0

    async def react(self, socket, frame):
        await super().react(socket, frame)
        if self.kinds()[-1] == "session_init":
            session = self.heard[-1]["sessionId"]
            self.clashes += session in self.sessions
            self.sessions[session] = socket

    async def serve(self, socket):
        await super().serve(socket)
        self.sessions.clear()


async def test_b7_b8_a_quick_return_to_an_agent_finds_its_old_session_closed(tmp_path):
    triage = Keyed("triage", {"go": [request("banking")]})
    banking = Scripted("banking", {"back": [request("return_to_triage", isReturn=True)]})
    async with bank(tmp_path, triage, banking) as gateway, calling(gateway) as caller:
        for turn in range(3):
            assert await caller.ask(f"hello {turn}") == f"triage heard hello {turn}"
            await caller.say("go")
            await caller.hear("handoff_event")
            await caller.say("back")
            assert (await caller.hear("handoff_event"))["target"] == "triage"
        assert await caller.ask("at last") == "triage heard at last"
        assert (triage.opened, triage.clashes) == (4, 0)


@pytest.mark.parametrize("how", [{"success": False}, {"error": "Invalid tool input"}, {"result": {"error": "no"}}])
async def test_b9_a_tool_that_failed_moves_nobody(tmp_path, how):
    triage, idv = Scripted("triage", {"go": [*tool("idv", **how), words("I could not.")]}), Scripted("idv")
    async with bank(tmp_path, triage, idv) as gateway, calling(gateway) as caller:
        await caller.say("go")
        await caller.hear(said)
        assert await caller.ask("still you?") == "triage heard still you?"
        assert idv.opened == 0


async def test_b10_a_hand_over_to_nobody_leaves_the_caller_where_he_is_and_both_know(tmp_path):
    triage = Scripted("triage", {"go": [request("nobody")]})
    async with bank(tmp_path, triage) as gateway, calling(gateway) as caller:
        await caller.ask("hello")
        await caller.say("go")
        assert (await caller.hear("error"))["code"] == "handoff_failed"
        assert await caller.ask("still you?") == "triage heard still you?"
        assert triage.opened == 1
        assert "handoff_failed" in triage.kinds()


async def test_b11_who_is_verified_goes_once_to_what_he_came_for(tmp_path):
    check = {"toolName": "perform_idv_check", "toolUseId": "v"}
    verified = {"auth_status": "VERIFIED", "customer_name": "Sarah Jones", "account": "12345678"}
    script = [
        {"type": "tool_use", **check, "input": {}},
        {"type": "tool_result", **check, "success": True, "result": verified},
    ]
    idv, mortgage, banking = Scripted("idv", {"12345678": script}), Scripted("mortgage"), Scripted("banking")
    triage = Scripted("triage", {"go": [request("idv", userIntent="mortgage_inquiry")]})
    async with bank(tmp_path, triage, idv, mortgage, banking) as gateway, calling(gateway) as caller:
        await caller.say("go")
        await caller.hear("handoff_event")
        await caller.say("12345678")
        assert (await caller.hear("handoff_event"))["target"] == "mortgage"
        assert await caller.ask("rates?") == "mortgage heard rates?"
        assert (mortgage.opened, banking.opened) == (1, 0)
        assert mortgage.inits[0]["memory"]["userName"] == "Sarah Jones"


async def test_b12_a_second_visit_is_not_blocked_by_the_first(tmp_path):
    triage, idv = Scripted("triage", {"go": tool("idv")}), Scripted("idv", {"back": tool("triage")})
    async with bank(tmp_path, triage, idv) as gateway, calling(gateway) as caller:
        for _ in range(2):
            await caller.say("go")
            assert (await caller.hear("handoff_event"))["target"] == "idv"
            await caller.say("back")
            assert (await caller.hear("handoff_event"))["target"] == "triage"
        assert idv.opened == 2


async def test_b14_words_reach_an_agent_that_is_ready_and_no_earlier(tmp_path):
    triage = Scripted("triage")
    triage.ready.clear()
    async with bank(tmp_path, triage) as gateway, calling(gateway) as caller:
        await caller.say("hello")
        await eventually(lambda: triage.heard)
        await caller.send("ping")
        await caller.hear("pong")
        assert triage.kinds() == ["session_init"]
        triage.ready.set()
        assert (await caller.hear(said))["text"] == "triage heard hello"


async def test_b15_an_agent_that_takes_over_knows_that_it_need_not_greet(tmp_path):
    one, two = Scripted("triage"), Scripted("triage")
    async with bank(tmp_path, one, two) as gateway, calling(gateway) as caller:
        await caller.ask("hello")
        first, second = (one, two) if one.opened else (two, one)
        for socket in list(first.sockets):
            socket.transport.abort()
        await caller.hear(lambda message: message.get("state") == "restored")
        assert "resume" not in first.inits[0]
        assert second.inits[0]["resume"] is True
        assert second.inits[0]["memory"]["lastUserMessage"] == "hello"


async def test_b16_the_wish_survives_the_words_of_a_hand_over(tmp_path):
    triage = Scripted("triage", {"go": [request("idv", userIntent="dispute_transaction")]})
    idv = Scripted("idv", {"done": [request("disputes", userIntent="User verified", reason="User verified")]})
    disputes = Scripted("disputes")
    async with bank(tmp_path, triage, idv, disputes) as gateway, calling(gateway) as caller:
        for words_ in ("go", "done"):
            await caller.say(words_)
            await caller.hear("handoff_event")
        await eventually(lambda: disputes.inits)
        assert disputes.inits[0]["memory"]["userIntent"] == "dispute_transaction"
