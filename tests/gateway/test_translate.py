"""What an agent's message becomes for the caller, and what the session learns of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.ids import AgentId, Generation
from actors.messages import (
    AgentReported,
    HandoffRequested,
    MemoryOffered,
    ToolReturned,
    ToolUsed,
    TranscriptSeen,
)
from gateway.translate import MAX_TRANSCRIPTS, Translator

WALL_S = 1_700_000_000.5
WALL_MS = 1_700_000_000_500
FIRST, SECOND = Generation(1), Generation(2)


class Line:
    """A translator, and what it let through."""

    def __init__(self) -> None:
        self.wall = WALL_S
        self.translator = Translator("s-1", lambda: self.wall)
        self.events: list[Any] = []

    def say(self, message: dict[str, Any], generation: Generation = FIRST, agent: str = "banking") -> Any:
        """One message of the agent: what the caller gets, decoded."""
        out, event = self.translator.translate(json.dumps(message).encode(), generation, AgentId(agent))
        if event is not None:
            self.events.append(event)
        return None if out is None else json.loads(out)

    def transcript(self, text: str, role: str = "assistant", *, generation: Generation = FIRST, **more: Any) -> Any:
        return self.say({"type": "transcript", "role": role, "text": text, **more}, generation)


@pytest.fixture
def line() -> Line:
    return Line()


# --- connected, session_start --------------------------------------------------------------------------------------


def test_an_agents_connected_is_swallowed(line: Line) -> None:
    assert line.say({"type": "connected", "sessionId": "x"}) is None


def test_the_start_is_flat_and_nested_with_an_iso_time(line: Line) -> None:
    start = line.translator.start()
    assert start is not None
    assert json.loads(start) == {
        "type": "session_start",
        "sessionId": "s-1",
        "timestamp": "2023-11-14T22:13:20.500Z",
        "data": {"sessionId": "s-1"},
    }
    assert line.translator.start() is None


@pytest.mark.parametrize("sent", [{"data": {"sessionId": "agents-own"}}, {"sessionId": "agents-own"}, {}])
def test_an_agents_start_becomes_ours_and_only_once(line: Line, sent: dict[str, Any]) -> None:
    shown = line.say({"type": "session_start", **sent})
    assert (shown["sessionId"], shown["data"]) == ("s-1", {"sessionId": "s-1"})
    assert line.say({"type": "session_start", **sent}) is None
    assert line.say({"type": "session_start", **sent}, SECOND) is None
    assert line.translator.start() is None


# --- numbers, steps, turns -----------------------------------------------------------------------------------------


def test_usage_keeps_its_numbers_and_nests_them(line: Line) -> None:
    shown = line.say({"type": "usage", "inputTokens": 3, "outputTokens": 4, "totalTokens": 7, "timestamp": 1})
    numbers = {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}
    assert shown == {"type": "usage", **numbers, "timestamp": 1, "data": numbers}


def test_usage_that_is_nested_already_stays(line: Line) -> None:
    sent = {"type": "usage", "data": {"totalInputTokens": 3, "totalOutputTokens": 4}}
    assert line.say(sent) == sent


@pytest.mark.parametrize(
    ("sent", "step"),
    [
        ({"data": {"currentStep": "verify"}}, "verify"),
        ({"currentNode": "verify", "previousNode": "hello"}, "verify"),
        ({"currentStep": "verify", "currentNode": "other"}, "verify"),
        ({"currentStep": "", "data": {"currentStep": "verify"}}, "verify"),
    ],
)
def test_a_step_is_on_top(line: Line, sent: dict[str, Any], step: str) -> None:
    shown = line.say({"type": "workflow_update", **sent})
    assert shown == {"type": "workflow_update", **sent, "currentStep": step}


@pytest.mark.parametrize("sent", [{}, {"data": None}, {"data": []}, {"data": "x"}])
def test_an_update_without_a_step_passes_as_it_is(line: Line, sent: dict[str, Any]) -> None:
    assert line.say({"type": "workflow_update", **sent}) == {"type": "workflow_update", **sent}


@pytest.mark.parametrize("kind", ["contentStart", "contentEnd"])
@pytest.mark.parametrize("sent", [{"role": "user", "contentId": "c"}, {"data": {"role": "user", "contentId": "c"}}])
def test_turn_marks_are_flat_and_nested(line: Line, kind: str, sent: dict[str, Any]) -> None:
    flat = {"role": "user", "contentId": "c"}
    assert line.say({"type": kind, **sent}) == {"type": kind, **flat, "data": flat}


# --- transcripts ---------------------------------------------------------------------------------------------------


def test_a_transcript_is_shown_and_told(line: Line) -> None:
    shown = line.transcript("hello", isFinal=False, id="a-1", timestamp=5, sentiment=0.5)
    assert shown == {
        "type": "transcript", "role": "assistant", "text": "hello", "isFinal": False,
        "id": "a-1", "timestamp": 5, "sentiment": 0.5,
    }  # fmt: skip
    assert line.events == [TranscriptSeen(FIRST, "assistant", "hello", final=False)]


def test_what_is_missing_is_filled_in(line: Line) -> None:
    shown = line.transcript("hello", "user")
    assert (shown["id"], shown["timestamp"], shown["isFinal"]) == (f"user-{WALL_MS}", WALL_MS, True)
    assert line.events == [TranscriptSeen(FIRST, "user", "hello", final=True)]


@pytest.mark.parametrize("more", [{}, {"text": None}])
def test_the_oldest_agents_call_it_transcript(line: Line, more: dict[str, Any]) -> None:
    shown = line.say({"type": "transcript", "role": "assistant", "transcript": "hello", **more})
    assert shown["text"] == "hello"


@pytest.mark.parametrize("text", [None, 7, ["x"], {}])
def test_a_transcript_without_words_is_nothing(line: Line, text: object) -> None:
    assert line.say({"type": "transcript", "role": "user", "text": text}) is None
    assert line.events == []


def test_interim_updates_and_their_final_pass(line: Line) -> None:
    texts = [("h", False), ("hello", False), ("hello", True)]
    shown = [line.transcript(text, isFinal=final, id="a-1") for text, final in texts]
    assert [(each["text"], each["isFinal"]) for each in shown] == texts


@pytest.mark.parametrize("final", [True, False])
def test_an_exact_repeat_is_dropped_and_not_told_again(line: Line, *, final: bool) -> None:
    assert line.transcript("hello", isFinal=final, id="a-1")
    assert line.transcript("hello", isFinal=final, id="a-1") is None
    assert len(line.events) == 1


def test_the_same_id_with_other_words_is_no_repeat(line: Line) -> None:
    assert line.transcript("one", isFinal=True, id="a-1")
    assert line.transcript("two", isFinal=True, id="a-1")


def test_the_same_words_with_another_id_are_no_repeat(line: Line) -> None:
    assert line.transcript("yes", "user", id="u-1")
    assert line.transcript("yes", "user", id="u-2")


def test_a_final_repeated_without_an_id_is_dropped(line: Line) -> None:
    assert line.transcript("hello")
    line.wall += 1.3
    assert line.transcript("hello") is None


def test_the_same_answer_to_another_question_is_no_repeat(line: Line) -> None:
    first = line.transcript("anything else?")
    line.wall += 5
    line.transcript("the balance", "user")
    second = line.transcript("anything else?")
    assert first["id"] != second["id"]


def test_updates_without_an_id_are_one_line(line: Line) -> None:
    ids = []
    for text, final in [("a", False), ("a b", False), ("a b c", True), ("d", False), ("d e", True)]:
        line.wall += 0.1
        ids.append(line.transcript(text, isFinal=final)["id"])
    assert len(set(ids[:3])) == len(set(ids[3:])) == 1
    assert ids[0] != ids[3]


def test_two_lines_of_one_millisecond_have_two_ids(line: Line) -> None:
    assert line.transcript("one")["id"] != line.transcript("two")["id"]


def test_ids_that_clash_after_a_swap_are_told_apart(line: Line) -> None:
    assert line.transcript("hello", id="assistant-1")["id"] == "assistant-1"
    clash = line.transcript("hello", id="assistant-1", generation=SECOND)
    assert clash["id"] == "banking-2-assistant-1"
    assert line.transcript("hello there", id="assistant-1", generation=SECOND)["id"] == clash["id"]


@pytest.mark.parametrize(
    "text", ["[System: greet]", "[SYSTEM] greet", "[SYSTEM: Greet the user]", "[SYSTEM_INJECTION] x"]
)
def test_instructions_are_hidden_and_teach_nothing(line: Line, text: str) -> None:
    assert line.transcript(text, "user") is None
    assert line.events == []
    assert line.transcript(text, "assistant") is not None


def test_the_echo_of_an_injected_trigger_is_hidden(line: Line) -> None:
    line.translator.injected("I want to check_balance")
    assert line.transcript("I want to check_balance", "user") is None
    assert line.transcript("I want to check_balance please", "user") is not None
    assert [event.text for event in line.events] == ["I want to check_balance please"]


def test_nothing_is_remembered_without_bound(line: Line) -> None:
    for number in range(3 * MAX_TRANSCRIPTS):
        line.translator.injected(str(number))
        line.transcript("x", id=str(number))
    lines = line.translator._lines
    assert lines is not None
    assert max(map(len, (lines.injected, lines._transcripts, lines._owners))) == MAX_TRANSCRIPTS
    assert len(lines.unnamed) <= 2


# --- tools, hand-overs, errors -------------------------------------------------------------------------------------


def test_tools_are_forwarded_and_told(line: Line) -> None:
    use = {"type": "tool_use", "toolName": "transfer_to_idv", "toolUseId": "t", "input": {"reason": "r"}}
    result = {
        "type": "tool_result",
        "toolName": "transfer_to_idv",
        "toolUseId": "t",
        "result": {"x": 1},
        "success": True,
    }
    assert line.say(use) == use
    assert line.say(result) == result
    assert line.events == [
        ToolUsed(FIRST, "transfer_to_idv", "t", {"reason": "r"}),
        ToolReturned(FIRST, "transfer_to_idv", "t", success=True, result={"x": 1}),
    ]


def test_of_the_names_that_an_agent_gives_no_more_is_told_than_an_id_may_have(line: Line) -> None:
    long = "x" * 200_000
    use = {"type": "tool_use", "toolName": long, "toolUseId": long, "input": {}}
    assert line.say(use) == use
    line.say({"type": "handoff_request", "targetAgentId": long})
    tool, request = line.events
    assert (len(tool.tool), len(tool.use_id), len(request.target)) == (128, 128, 128)


@pytest.mark.parametrize(
    "sent",
    [
        {"type": "tool_result", "success": False},
        {"type": "tool_result", "success": True, "error": "blocked"},
        {"type": "tool_result", "success": True, "error": {"code": 7}},
        {"type": "tool_error", "error": "blocked"},
        {"type": "tool_error"},
    ],
)
def test_a_tool_that_failed_did_not_succeed(line: Line, sent: dict[str, Any]) -> None:
    assert line.say({**sent, "toolName": "transfer_to_idv", "toolUseId": "t"}) is not None
    (event,) = line.events
    assert not event.success


def test_a_request_to_hand_over_is_for_the_session_only(line: Line) -> None:
    sent = {"type": "handoff_request", "targetAgentId": "idv", "context": {"reason": "r"}, "graphState": {"n": 1}}
    assert line.say(sent) is None
    assert line.say({"type": "handoff_request", "targetPersonaId": "persona-mortgage"}) is None
    assert line.events == [
        HandoffRequested(FIRST, "idv", {"reason": "r"}, {"n": 1}),
        HandoffRequested(FIRST, "persona-mortgage"),
    ]


def test_offered_memory_is_for_the_session_only(line: Line) -> None:
    assert line.say({"type": "update_memory", "memory": {"verified": True}}) is None
    assert line.events == [MemoryOffered(FIRST, {"verified": True})]


@pytest.mark.parametrize("kind", ["handoff_event", "TEXT", "AUDIO", "TOOL", "CONTENT_START", "CONTENT_END"])
def test_what_is_not_for_the_caller_stays_here(line: Line, kind: str) -> None:
    assert line.say({"type": kind, "target": "idv"}) is None
    assert line.events == []


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"message": "no"}, "no"),
        ({"error": "no"}, "no"),
        ({"details": "no"}, "no"),
        ({"message": "", "error": "no"}, "no"),
        ({"message": {"deep": 1}, "data": {"message": "no"}}, "no"),
        ({}, "the agent reports an error without saying which"),
        ({"message": None, "data": []}, "the agent reports an error without saying which"),
    ],
)
def test_an_error_says_something_wherever_the_agent_says_it(line: Line, sent: dict[str, Any], words: str) -> None:
    shown = line.say({"type": "error", "fatal": True, **sent})
    assert shown == {"type": "error", "fatal": True, **sent, "message": words}
    assert line.events == [AgentReported(FIRST, words, fatal=True)]


@pytest.mark.parametrize("fatal", [None, False, "true", 1])
def test_only_true_is_fatal(line: Line, fatal: object) -> None:
    line.say({"type": "error", "message": "no", "fatal": fatal})
    assert line.events == [AgentReported(FIRST, "no", fatal=False)]


# --- whatever comes ------------------------------------------------------------------------------------------------

KINDS = st.sampled_from(
    "transcript tool_use tool_result tool_error handoff_request update_memory error usage workflow_update session_start"
    " contentStart contentEnd metadata interruption connected".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(
    "role text transcript isFinal id timestamp data message error details memory input result success toolName"
    " toolUseId targetAgentId context graphState currentStep currentNode inputTokens fatal".split()
)


@given(st.lists(st.tuples(KINDS, st.dictionaries(NAMES, VALUES, max_size=5)), max_size=8))
def test_any_message_is_an_object_with_its_type_or_nothing(messages: list[tuple[str, dict[str, Any]]]) -> None:
    line = Line()
    for kind, fields in messages:
        shown = line.say({"type": kind, **fields})
        assert shown is None or shown["type"] == kind


@pytest.mark.parametrize("data", [b"", b"hello", b"[]", b"{}", b'{"type":7}', b"\xff", b'{"type":"usage"', b"{" * 9999])
def test_what_is_no_message_is_dropped(line: Line, data: bytes) -> None:
    assert line.translator.translate(data, FIRST, AgentId("x")) == (None, None)


def test_what_needs_no_change_passes_byte_for_byte(line: Line) -> None:
    data = b'{ "type": "metadata",  "data": {"metrics": 1.50} }'
    assert line.translator.translate(data, FIRST, AgentId("x")) == (data, None)
