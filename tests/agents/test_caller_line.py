from agents.caller_audio import EAR_RATE
from agents.caller_line import MAX_HEARD_BYTES, QUIET_S, CallerLine

SECOND = b"\1\0" * EAR_RATE


def said(text, *, final=True, role="assistant"):
    return {"type": "transcript", "role": role, "text": text, "isFinal": final, "id": "1"}


def test_it_is_my_turn_once_the_agent_was_heard_to_the_end():
    line = CallerLine("triage", 0.0)
    assert not line.is_my_turn(5.0)
    line.on_message(said("Welcome"), 5.0)
    line.on_audio(SECOND * 2, 5.0)
    assert not line.is_my_turn(7.0 + QUIET_S - 0.01)
    assert line.is_my_turn(7.0 + QUIET_S)


def test_an_interim_line_is_not_the_end():
    line = CallerLine("triage", 0.0)
    line.on_message(said("Wel", final=False), 0.0)
    assert not line.is_my_turn(5.0)
    line.on_message(said("Welcome"), 5.0)
    assert line.is_my_turn(6.0)


def test_a_hand_off_is_over_when_the_next_agent_has_spoken():
    line = CallerLine("triage", 0.0)
    line.on_message(said("One moment"), 0.0)
    line.on_message({"type": "tool_use", "toolName": "transfer_to_idv"}, 0.1)
    assert not line.is_my_turn(5.0)
    line.on_message({"type": "handoff_event", "target": "idv"}, 0.2)
    assert not line.is_my_turn(5.0)
    line.on_message(said("Hello"), 5.0)
    assert line.is_my_turn(6.0)
    assert (line.agent, line.handoffs) == ("idv", ["idv"])
    assert [entry.agent for entry in line.lines] == ["triage", "idv"]


def test_a_refused_hand_off_leaves_the_caller_where_he_is():
    line = CallerLine("triage", 0.0)
    line.on_message(said("One moment"), 0.0)
    line.on_message({"type": "tool_use", "toolName": "transfer_to_idv"}, 0.1)
    line.on_message({"type": "tool_result", "toolName": "transfer_to_idv", "success": False}, 0.2)
    assert line.is_my_turn(1.5)


def test_a_question_waits_for_its_answer_and_measures_it():
    line = CallerLine("triage", 0.0)
    line.on_message(said("Welcome"), 0.0)
    line.ask(2.0)
    line.on_message(said("what I said", role="user"), 2.1)
    assert not line.is_my_turn(9.0)
    line.on_message(said("An answer"), 9.0)
    assert line.latencies == [7.0]
    assert line.is_my_turn(9.8)
    assert line.said == "Welcome An answer"


def test_pauses_are_kept_and_an_interruption_cuts_what_was_not_played():
    line = CallerLine("triage", 0.0)
    line.on_audio(SECOND, 1.0)
    line.on_audio(SECOND, 1.5)
    assert len(line.heard) == 3 * len(SECOND)
    assert line.heard.startswith(bytes(len(SECOND)))
    line.on_message({"type": "interruption", "data": {}}, 1.25)
    assert len(line.heard) == 1.25 * len(SECOND)
    assert line.is_silent(1.25)


def test_what_is_kept_is_bounded():
    line = CallerLine("triage", 0.0)
    for _ in range(605):
        line.on_audio(SECOND, 0.0)
    assert len(line.heard) == MAX_HEARD_BYTES
    assert not line.is_silent(604.0)
