import pytest

from actors.call import Call, read_call
from actors.ids import AgentId
from actors.link_end import FailureKind
from actors.messages import CallerChose, CallerGone, CallerReturned, CallerText, TranscriptSeen
from actors.session_events import SessionEnded
from actors.verdict import Verdict
from supervisor.messages import KillChild, Stop
from tests.actors.world import SESSION, World

BANK = {"triage": ["t1"], "banking": ["b1", "b2"], "idv": ["i1"]}
LOST, HUNG_UP = CallerGone(1006), CallerGone(1000)


@pytest.fixture
def live():
    world = World(BANK)
    world.caller(CallerChose("banking"))
    assert world.state.name == "live"
    return world


def texts(wire):
    return [message["text"] for message in wire.sent if message["type"] in {"text_input", "user_input"}]


def test_a_caller_who_is_back_soon_finds_the_link_that_he_left(live):
    wire = live.wire
    live.caller(LOST)
    assert live.state.name == "parked"
    live.stage.advance(live.settings.linger_s - 1)
    live.caller(CallerReturned(), CallerText("and now?"))
    assert live.state.name == "live"
    assert live.dialer.wires == [wire]
    assert texts(wire) == ["and now?"]
    live.stage.advance(live.settings.park_s + 1)
    assert live.state.name == "live"


def test_a_caller_who_is_back_late_gets_a_new_link_with_what_was_not_answered(live):
    live.caller(CallerText("my balance"), LOST)
    live.stage.advance(live.settings.linger_s + 1)
    assert live.dialer.wires[0].verdict is Verdict.CALLER_LEFT
    assert live.state.name == "parked"
    live.caller(CallerReturned())
    assert live.state.name == "live"
    assert live.wire.init["resume"] is True
    assert live.wire.init["memory"]["lastUserMessage"] == "my balance"
    assert texts(live.wire) == ["my balance"]
    assert live.relay.told("status")[-1]["state"] == "restored"


def test_what_was_answered_is_not_said_again(live):
    live.caller(
        CallerText("my balance"), TranscriptSeen(live.state.current.generation, "assistant", "1,200", final=True), LOST
    )
    live.stage.advance(live.settings.linger_s + 1)
    live.caller(CallerReturned())
    assert texts(live.wire) == []


def test_a_link_that_dies_meanwhile_is_not_replaced_before_the_caller_is_back(live):
    live.caller(LOST)
    live.do(live.wire.end, FailureKind.BROKEN)
    live.stage.advance(5)
    assert len(live.dialer.attempts) == 1
    live.caller(CallerReturned())
    assert len(live.dialer.attempts) == 2
    assert live.state.name == "live"


def test_nobody_is_waited_for_longer_than_the_window(live):
    live.caller(LOST)
    live.stage.advance(live.settings.park_s + 1)
    assert not live.alive
    (ended,) = live.seen(SessionEnded)
    assert ended.verdict is Verdict.CALLER_LEFT
    assert live.relay.released
    assert ("calls", SESSION) not in live.shelf.saved


def test_who_hangs_up_is_waited_for_as_long_as_the_link_and_no_longer(live):
    live.caller(HUNG_UP)
    live.stage.advance(live.settings.linger_s - 1)
    assert live.alive
    assert not live.wire.ended
    live.stage.advance(2)
    assert not live.alive


def test_another_socket_of_a_caller_who_is_there_changes_nothing(live):
    before = live.state
    live.caller(CallerReturned())
    assert live.state == before


def test_who_comes_back_while_the_session_ends_is_asked_to_come_again():
    world = World(BANK)
    world.dialer.behaviour["b1"] = "stuck"
    world.caller(CallerChose("banking"))
    world.stage.tell(world.node, Stop())
    world.caller(LOST, CallerReturned())
    assert world.relay.verdict is Verdict.SHUTDOWN
    assert world.alive


def test_a_stopping_node_keeps_what_another_needs_to_take_the_call_up(live):
    live.caller(CallerText("my balance"))
    live.stage.tell(live.node, Stop())
    document, _ = live.shelf.saved["calls", SESSION]
    memory, _ = live.shelf.saved["memories", SESSION]
    call = read_call(document, memory)
    assert call == Call(AgentId("banking"), (CallerText("my balance"),), memory)

    second = World(BANK, call=call)
    second.stage.run()
    assert second.state.name == "live"
    assert second.wire.url == "b1"
    assert second.wire.init["resume"] is True
    assert second.wire.init["memory"]["lastUserMessage"] == "my balance"
    assert texts(second.wire) == ["my balance"]


@pytest.mark.parametrize(
    ("read", "pending"),
    [
        (TranscriptSeen(1, "assistant", "you have twelve pounds", final=True), ()),
        (CallerText("and my mortgage"), ("my balance", "and my mortgage")),
    ],
    ids=["an answer", "a text"],
)
def test_what_was_read_before_a_stop_is_heard_before_it(live, read, pending):
    live.caller(CallerText("my balance"))
    session = live.relay.deliver.args[0]
    live.stage.post(session, Stop(), live.stage.address)
    live.caller(read)
    assert not live.relay.reading
    document, _ = live.shelf.saved["calls", SESSION]
    assert tuple(text.text for text in read_call(document, {}).unanswered) == pending


def test_who_takes_up_a_call_whose_session_may_still_live_or_has_crashed_is_told_what_is_in_doubt(live):
    live.caller(CallerText("my balance"), LOST)
    document, _ = live.shelf.saved["calls", SESSION]
    memory, _ = live.shelf.saved["memories", SESSION]
    second = World(BANK, call=read_call(document, memory))
    second.stage.run()
    assert texts(second.wire) == []
    assert second.wire.init["restored"] == "partial"
    assert second.relay.told("status")[-1]["memory"] == "partial"


def test_a_memory_without_anything_learned_is_kept_with_the_call(live):
    assert ("memories", SESSION) not in live.shelf.saved
    document, _ = live.shelf.saved["calls", SESSION]
    second = World(BANK, call=read_call(document, {}))
    second.stage.run()
    assert second.wire.init["memory"] == {"verified": False, "lastAgent": "banking"}
    assert second.wire.init["restored"] == "partial"  # there may be texts that are not known


@pytest.mark.parametrize("ends", [False, True])
def test_a_memory_that_the_store_has_lost_is_kept_with_the_call(ends):
    world = World(BANK)
    world.caller(CallerChose("banking", "text"), CallerText("my balance"))
    del world.shelf.saved["memories", SESSION]
    world.caller(LOST)
    if ends:
        world.tell_sessions(KillChild(SESSION))
    document, _ = world.shelf.saved["calls", SESSION]
    known = read_call(document, {}).memory
    assert (known["lastUserMessage"], known["interactionMode"], known["lastAgent"]) == ("my balance", "text", "banking")


def test_what_is_learned_from_the_words_at_which_a_session_crashes_is_kept(live):
    live.caller(CallerText("my balance"))
    live.relay.forward_text = None  # what is called as a function, and crashes
    live.caller(CallerText("account 12345678"))
    assert not live.alive
    document, _ = live.shelf.saved["calls", SESSION]
    memory, _ = live.shelf.saved["memories", SESSION]
    assert read_call(document, memory).memory["account"] == "12345678"


def test_the_first_words_are_kept_at_once():
    world = World(BANK)
    world.caller(CallerText("my balance"))
    assert world.shelf.saved["memories", SESSION][0]["lastUserMessage"] == "my balance"


def test_a_call_whose_memory_the_store_has_lost_goes_on_and_both_sides_know():
    world = World(BANK, call=Call(AgentId("banking")))
    world.stage.run()
    assert world.wire.init["restored"] == "lost"
    assert world.relay.told("status")[-1]["memory"] == "lost"
    world.caller(CallerText("my balance"))
    assert world.state.name == "live"


def test_how_many_texts_were_taken_is_kept_only_while_it_cannot_grow(live):
    live.caller(LOST)
    assert live.shelf.saved["calls", SESSION][0]["received"] == 0
    live.caller(CallerReturned())
    assert "received" not in live.shelf.saved["calls", SESSION][0]
    live.tell_sessions(KillChild(SESSION))
    assert live.shelf.saved["calls", SESSION][0]["received"] == 0


@pytest.mark.parametrize("document", [{}, {"agent": 1, "unanswered": []}, {"agent": "x", "unanswered": "y"}])
def test_a_document_that_is_no_call_is_none(document):
    assert read_call(document, {}) is None
