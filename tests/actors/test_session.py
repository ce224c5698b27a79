import pytest

from actors.effects import Timer
from actors.ids import AgentId, Instance
from actors.link_end import FailureKind
from actors.messages import (
    AgentReported,
    CallerChose,
    CallerGone,
    CallerSpoke,
    CallerText,
    CallTransferred,
    HandoffRequested,
    MemoryRead,
    PatchMemory,
    ReadMemory,
    StashOverflowed,
    ToolReturned,
    ToolUsed,
    TranscriptSeen,
    TransferCall,
)
from actors.receipt import Outcome, SwapReason
from actors.registry_messages import ForgetHolders, InstanceGone, InstanceHealthy, ReleaseInstance
from actors.session_events import Routed, SessionEnded, SwapEnded, TranscriptLine
from actors.verdict import Verdict
from supervisor.messages import KillChild, Stop
from tests.actors.world import SESSION, SESSION_PATH, World

BANK = {"triage": ["t1"], "idv": ["i1"], "banking": ["b1", "b2"], "mortgage": ["m1"]}


def texts(wire):
    return [message["text"] for message in wire.sent if message["type"] == "text_input"]


def receipts(world):
    return [event.receipt for event in world.seen(SwapEnded)]


@pytest.fixture(params=[0, 1, 7])
def world(request):
    return World(BANK, seed=request.param)


@pytest.fixture
def live(world):
    world.caller(CallerChose("banking"))
    return world


def test_twenty_racing_starts_make_one_session_one_routing_one_dial(world):
    world.caller(*[CallerChose("banking")] * 20, CallerText("hello"), CallerSpoke())
    assert world.dialer.urls == ["b1"]
    assert [event.agent_id for event in world.seen(Routed)] == ["banking"]
    assert world.relay.cuts == [1]
    assert texts(world.wire) == ["hello"]


@pytest.mark.parametrize("first", [CallerText("hello"), CallerSpoke()])
def test_text_or_audio_alone_starts_the_default_session(world, first):
    world.caller(first)
    assert world.dialer.urls == ["t1"]


def test_an_unknown_workflow_leads_to_triage_and_says_so(world):
    world.caller(CallerChose("astrology"))
    assert world.dialer.urls == ["t1"]
    (error,) = world.relay.told("error")
    assert "astrology" in error["message"]
    assert error["fatal"] is False


def test_session_init_introduces_the_caller(live):
    init = live.wire.init
    assert (init["sessionId"], init["traceId"]) == (SESSION, SESSION)
    assert init["memory"]["verified"] is False
    assert "resume" not in init


def test_credentials_reach_the_agent_after_the_words_that_held_them(live):
    live.caller(CallerText("my account is 12345678 and the sort code 11-22-33"))
    text, update = live.wire.sent[-2:]
    assert text["type"] == "text_input"
    assert update["graphState"] == {"account": "12345678", "sortCode": "112233"}
    live.caller(CallerText("thank you"))
    assert live.wire.sent[-1]["type"] == "text_input"


def test_spoken_credentials_count_as_well(live):
    live.caller(TranscriptSeen(1, "user", "account 12345678", final=True))
    assert live.wire.sent[-1]["memory"]["account"] == "12345678"
    assert [line.text for line in live.seen(TranscriptLine)] == ["account 12345678"]


def handoff(generation=1, target="idv", use_id="u1"):
    tool = f"transfer_to_{target}"
    context = {"userIntent": "check_balance", "lastUserMessage": "my balance"}
    request = {"targetAgentId": target, "context": context, "graphState": {"step": 3}}
    return (
        ToolUsed(generation, tool, use_id),
        ToolReturned(generation, tool, use_id, success=True, result={"handoffRequest": request}),
        HandoffRequested(generation, target, context, {"step": 3}),
    )


def test_a_handoff_signalled_three_ways_happens_once(world):
    world.caller(CallerChose("triage"))
    world.caller(*handoff())
    world.caller(*handoff())  # late echoes of the old link
    assert world.dialer.urls == ["t1", "i1"]
    assert [event["target"] for event in world.relay.told("handoff_event")] == ["idv"]
    assert world.wire.init["memory"]["userIntent"] == "check_balance"
    assert world.wire.init["graphState"]["step"] == 3
    assert world.dialer.wires[0].verdict is Verdict.SWAPPED
    assert [(r.reason, r.outcome) for r in receipts(world)][1:] == [(SwapReason.HANDOFF, Outcome.DONE)]
    assert receipts(world)[1].ms_without_agent == 0


def test_what_is_said_during_a_handoff_goes_to_the_next_agent(world):
    world.dialer.behaviour["i1"] = "manual"
    world.caller(CallerChose("triage"), CallerText("a"))
    old = world.wire
    world.caller(*handoff(), CallerText("b"))
    assert not old.ended
    new = world.dialer.attempts[-1].open()
    world.do(world.stage.run)
    world.do(new.ready)
    assert texts(old) == ["a"]
    assert texts(new) == ["b"]
    assert old.ended


@pytest.mark.parametrize("error", ["Circuit breaker open", "blocked", "Already called transfer_to_idv"])
def test_a_cancelled_handoff_tool_moves_nobody(world, error):
    world.caller(CallerChose("triage"))
    world.caller(ToolReturned(1, "transfer_to_idv", "u", success=True, error=error))
    world.caller(ToolReturned(1, "transfer_to_idv", "u", success=False))
    assert world.dialer.urls == ["t1"]


def test_an_unreachable_next_agent_leaves_the_old_one(world):
    world.dialer.behaviour["i1"] = FailureKind.UNREACHABLE
    world.caller(CallerChose("triage"))
    world.caller(*handoff(), CallerText("still there?"))
    assert world.state.name == "live"
    old = world.dialer.wires[0]
    assert not old.ended
    assert texts(old) == ["still there?"]
    assert old.sent[-1]["type"] == "handoff_failed"
    assert old.sent[-1]["toolUseId"] == "u1"
    assert world.relay.told("error")[0]["code"] == "handoff_failed"
    assert not world.relay.told("handoff_event")
    assert receipts(world)[-1].outcome is Outcome.RETURNED


def test_a_next_agent_that_never_answers_costs_the_deadline_only(world):
    world.dialer.behaviour["i1"] = "manual"
    world.caller(CallerChose("triage"))
    world.caller(*handoff())
    world.stage.advance(world.settings.swap_s + 0.1)
    assert world.state.name == "live"
    assert receipts(world)[-1].outcome is Outcome.RETURNED
    assert all(attempt.cancelled for attempt in world.dialer.attempts[1:])


@pytest.mark.parametrize("target", ["triage", "nobody"])
def test_a_handoff_to_the_same_or_an_unknown_agent_is_answered(world, target):
    world.caller(CallerChose("triage"))
    world.caller(HandoffRequested(1, target))
    assert world.dialer.urls == ["t1"]
    assert world.wire.sent[-1]["type"] == "handoff_failed"
    assert world.relay.told("error")
    world.caller(HandoffRequested(1, target))
    assert len(world.relay.told("error")) == 1


def verified(use_id="v"):
    result = {"content": [{"text": '{"auth_status": "VERIFIED", "customer_name": "Sarah Jones"}'}]}
    return ToolReturned(1, "perform_idv_check", use_id, success=True, result=result)


def test_a_verified_caller_goes_where_he_wanted_unless_the_agent_sends_him(world):
    world.caller(CallerChose("idv"), CallerText("I need a mortgage"))
    world.caller(verified())
    world.stage.advance(1.9)
    assert world.dialer.urls == ["i1"]
    world.stage.advance(0.2)
    assert world.dialer.urls == ["i1", "m1"]
    (event,) = world.relay.told("handoff_event")
    assert (event["target"], event["reason"]) == ("mortgage", "verified_state_gate")
    assert world.state.memory["userName"] == "Sarah Jones"


def test_the_gate_lets_the_agent_finish_speaking(world):
    world.caller(CallerChose("idv"), CallerText("I need a mortgage"))
    world.caller(verified())
    world.stage.advance(1.5)
    world.caller(TranscriptSeen(1, "assistant", "Thank you, Sarah. You're verified.", final=True))
    world.stage.advance(1.9)
    assert world.dialer.urls == ["i1"]
    world.stage.advance(0.2)
    assert world.dialer.urls == ["i1", "m1"]


def test_what_the_gate_leaves_without_an_answer_is_told(world):
    world.caller(CallerChose("idv"), CallerText("I need a mortgage"))
    world.caller(verified())
    world.caller(TranscriptSeen(1, "assistant", "Thank you.", final=True), CallerText("Hello?"))
    world.stage.advance(2.1)
    assert world.dialer.urls == ["i1", "m1"]
    assert world.relay.told("status")[-1]["memory"] == "partial"


def test_a_gate_that_leads_nowhere_leaves_open_what_is_open(world):
    world.dialer.behaviour["m1"] = FailureKind.UNREACHABLE
    world.caller(CallerChose("idv"), CallerText("I need a mortgage"))
    world.caller(verified())
    world.caller(TranscriptSeen(1, "assistant", "Thank you.", final=True), CallerText("Hello?"))
    world.stage.advance(2.1)
    assert receipts(world)[-1].outcome is Outcome.RETURNED
    world.do(world.dialer.wires[0].end, FailureKind.BROKEN)
    world.stage.advance(5)
    assert texts(world.wire) == ["Hello?"]


def test_an_explicit_handoff_beats_the_gate(world):
    world.caller(CallerChose("idv"))
    world.caller(verified(), *handoff(target="mortgage"))
    world.stage.advance(5)
    assert world.dialer.urls == ["i1", "m1"]


@pytest.mark.parametrize("kind", [FailureKind.BROKEN, FailureKind.HALF_OPEN])
def test_a_broken_link_is_replaced_by_another_instance_at_once(live, kind):
    live.caller(CallerText("my balance please"))
    live.agents["banking"] = ["b1", "b2"]
    before = live.stage.clock.now()
    live.do(live.wire.end, kind, 1006)
    assert live.dialer.urls == ["b1", "b2"]
    assert live.stage.clock.now() == before
    init = live.wire.init
    assert init["resume"] is True
    assert init["restored"] == "restored"
    assert init["memory"]["userIntent"] == "check_balance"
    assert init["pendingText"] == ["my balance please"]
    assert texts(live.wire) == ["my balance please"]
    assert [message["state"] for message in live.relay.told("status")] == ["reconnecting", "restored"]
    assert not live.relay.told("handoff_event")


def test_nothing_is_answered_twice_after_a_failover(live):
    live.caller(CallerText("one"), TranscriptSeen(1, "assistant", "An", final=False), CallerText("two"))
    live.do(live.wire.end, FailureKind.BROKEN)
    assert texts(live.wire) == ["two"]


def test_a_tool_in_flight_is_told_and_not_repeated(live):
    live.caller(CallerText("pay ten pounds"), ToolUsed(1, "make_payment", "p1"))
    live.do(live.wire.end, FailureKind.BROKEN)
    assert texts(live.wire) == []
    assert live.wire.init["inFlight"] == {"toolName": "make_payment", "toolUseId": "p1"}
    assert live.wire.init["restored"] == "partial"
    assert live.relay.told("status")[-1]["memory"] == "partial"


def test_a_tool_that_has_returned_is_not_used_again_for_the_same_words(live):
    returned = ToolReturned(1, "make_payment", "p1", success=True)
    live.caller(CallerText("pay ten pounds"), ToolUsed(1, "make_payment", "p1"), returned)
    live.do(live.wire.end, FailureKind.BROKEN)
    assert texts(live.wire) == []
    assert "inFlight" not in live.wire.init
    assert live.wire.init["restored"] == "partial"
    assert live.relay.told("status")[-1]["memory"] == "partial"


@pytest.mark.parametrize("kind", [FailureKind.REJECTED, FailureKind.BAD_DATA])
def test_an_instance_that_does_not_want_us_is_never_tried_again(world, kind):
    world.dialer.behaviour |= {"b1": kind, "b2": kind}
    world.caller(CallerChose("banking"))
    world.stage.advance(5)
    assert world.dialer.urls == ["b1", "b2", "t1"]
    assert world.state.agent == "triage"
    assert [message["state"] for message in world.relay.told("status")] == ["fallback"]


def test_unreachable_means_another_instance_at_once_then_backoff_then_fallback(world):
    world.dialer.behaviour |= {"b1": FailureKind.UNREACHABLE, "b2": FailureKind.UNREACHABLE}
    world.caller(CallerChose("banking"))
    assert world.dialer.urls == ["b1", "b2"]
    world.stage.advance(10)
    assert world.dialer.urls[-1] == "t1"
    assert len(world.dialer.urls) == 1 + world.settings.intensity + 1
    (apology,) = world.relay.told("status")
    assert "sorry" in apology["message"]
    assert receipts(world)[0].outcome is Outcome.FELL_BACK


def test_an_agent_that_left_gets_one_more_chance(live):
    live.do(live.wire.end, FailureKind.AGENT_LEFT, 1000)
    assert live.dialer.urls == ["b1", "b1"]
    live.do(live.wire.end, FailureKind.AGENT_LEFT, 1000)
    assert live.dialer.urls == ["b1", "b1", "t1"]


def test_a_long_life_earns_the_chance_again(live):
    for _ in range(3):
        live.do(live.wire.end, FailureKind.AGENT_LEFT, 1000)
        live.stage.advance(live.settings.healthy_after_s + 0.1)
    assert live.state.agent == "banking"
    assert [type(message) for message in live.asked].count(InstanceHealthy) == 3


def test_a_silent_link_proves_its_instance_after_the_stable_interval(live):
    proof = InstanceHealthy(Instance(AgentId("banking"), "b1"))
    live.stage.advance(live.settings.healthy_after_s - 0.1)
    assert proof not in live.asked
    live.stage.advance(0.2)
    assert live.asked.count(proof) == 1
    assert live.state.current.healthy


def test_the_proof_that_was_waited_for_is_not_that_of_a_later_link(live):
    live.stage.advance(live.settings.healthy_after_s - 1)
    live.do(live.wire.end, FailureKind.AGENT_LEFT, 1000)
    assert live.dialer.urls == ["b1", "b1"]
    live.stage.advance(1.5)
    assert not live.state.current.healthy
    live.stage.advance(live.settings.healthy_after_s)
    assert live.state.current.healthy


def test_the_stable_interval_of_a_link_that_is_gone_earns_nothing(live):
    live.stage.advance(live.settings.healthy_after_s - 0.5)
    live.dialer.behaviour["b1"] = "manual"
    live.do(live.wire.end, FailureKind.AGENT_LEFT, 1000)
    live.stage.advance(1)
    wire = live.dialer.attempts[-1].open()
    live.do(wire.ready)
    live.do(wire.end, FailureKind.AGENT_LEFT, 1000)
    assert live.dialer.urls == ["b1", "b1", "t1"]


def test_a_killed_link_actor_is_replaced(live):
    wire = live.wire
    live.ask(KillChild("link-1"))
    assert wire.aborted
    assert live.dialer.urls == ["b1", "b1"]
    assert live.state.name == "live"
    assert live.actor.restarts_left() == live.settings.intensity - 1
    assert live.state.record.causes == ("killed",)


def test_a_spent_budget_leads_to_triage_and_then_to_the_end(live):
    for _ in range(live.settings.intensity):
        live.do(live.wire.end, FailureKind.BROKEN)
        live.stage.advance(0.01)
    live.do(live.wire.end, FailureKind.BROKEN)
    assert live.state.agent == "triage"
    live.do(live.wire.end, FailureKind.BROKEN)
    assert live.relay.verdict is Verdict.NO_AGENT
    assert live.relay.told("error")[-1]["fatal"] is True
    live.caller(CallerGone(4503))
    assert not live.alive


def test_without_any_agent_the_caller_is_told_and_closed():
    world = World({"banking": ["b1"]})
    world.caller(CallerChose("banking"))
    world.dialer.behaviour["b1"] = FailureKind.UNREACHABLE
    world.do(world.wire.end, FailureKind.BROKEN)
    world.stage.advance(10)
    assert world.relay.verdict is Verdict.NO_AGENT
    assert world.relay.told("error")[-1]["message"]
    assert receipts(world)[-1].outcome is Outcome.FAILED


def test_agents_that_are_still_registering_are_waited_for():
    world = World({})
    world.caller(CallerText("hello"))
    world.stage.advance(6)
    world.agents["triage"] = ["t1"]
    world.stage.advance(2.1)
    assert texts(world.wire) == ["hello"]


def test_patience_is_counted_in_time():
    world = World({})
    world.caller(CallerText("hello"))
    world.stage.advance(world.settings.patience_s + 0.1)
    assert world.relay.verdict is Verdict.NO_AGENT


def test_a_silent_registry_is_asked_again(world):
    world.registry_silent = True
    world.caller(CallerChose("banking"))
    world.registry_silent = False
    world.stage.advance(1.1)
    assert world.state.name == "live"


def test_a_fatal_error_of_the_agent_is_a_failure(live):
    live.caller(AgentReported(1, "circuit open", fatal=True))
    assert live.dialer.urls == ["b1", "b2"]
    assert live.dialer.wires[0].ended


def test_the_same_instance_is_left_before_it_is_dialled_again(world):
    world.agents["banking"] = ["b1"]
    world.dialer.behaviour["b1"] = "stuck"
    world.caller(CallerChose("banking"))
    old = world.wire
    world.caller(AgentReported(1, "circuit open", fatal=True))
    world.stage.advance(0.5)
    assert world.dialer.urls == ["b1"]
    world.do(old.end, FailureKind.CLOSED_BY_US, 1000)
    assert world.dialer.urls == ["b1", "b1"]
    assert world.state.name == "live"


def test_an_instance_that_leaves_the_registry_is_left_while_it_works(live):
    live.agents["banking"] = ["b2"]
    live.do(live.relay.deliver, InstanceGone(Instance(AgentId("banking"), "b1")))
    assert live.dialer.urls == ["b1", "b2"]
    assert receipts(live)[-1].reason is SwapReason.DRAIN
    assert live.wire.init["resume"] is True


def test_what_a_left_instance_had_not_answered_is_said_to_the_next(live):
    live.agents["banking"] = ["b2"]
    live.caller(CallerText("one"), TranscriptSeen(1, "assistant", "An", final=False), CallerText("two"))
    live.do(live.relay.deliver, InstanceGone(Instance(AgentId("banking"), "b1")))
    assert texts(live.wire) == ["two"]
    live.do(live.wire.end, FailureKind.BROKEN)
    live.stage.advance(5)
    assert texts(live.wire) == ["two"]


def test_what_was_said_with_the_wish_to_be_handed_over_may_be_lost_and_is_told(world):
    world.caller(CallerChose("triage"), CallerText("my balance"))
    world.caller(*handoff())
    assert not world.relay.told("status")
    world.caller(CallerText("one"), CallerText("two"), HandoffRequested(2, "banking"))
    assert world.relay.told("status")[-1]["memory"] == "partial"


def test_what_is_said_between_an_agents_last_words_and_its_wish_may_be_lost_and_is_told(live):
    live.caller(CallerText("one"), TranscriptSeen(1, "assistant", "I put you through.", final=True))
    live.caller(CallerText("two"), HandoffRequested(1, "mortgage"))
    assert texts(live.wire) == []
    assert live.relay.told("status")[-1]["memory"] == "partial"


def test_what_an_instance_leaves_in_doubt_is_told_when_it_is_drained(live):
    live.agents["banking"] = ["b2"]
    live.caller(CallerText("one"), CallerText("two"), TranscriptSeen(1, "assistant", "An answer.", final=True))
    live.do(live.relay.deliver, InstanceGone(Instance(AgentId("banking"), "b1")))
    assert texts(live.wire) == []
    assert [message["memory"] for message in live.relay.told("status")] == ["partial"]


def test_an_instance_that_leaves_and_dies_before_the_next_is_there_takes_nothing_along(live):
    live.agents["banking"] = ["b2"]
    live.dialer.behaviour["b2"] = "manual"
    live.caller(CallerText("one"))
    old = live.wire
    live.do(live.relay.deliver, InstanceGone(Instance(AgentId("banking"), "b1")))
    live.caller(CallerText("two"))
    live.do(old.end, FailureKind.AGENT_LEFT)
    wire = live.dialer.attempts[-1].open()
    live.do(wire.ready)
    assert texts(wire) == ["one", "two"]


def test_a_transfer_from_outside_really_moves_the_call(live):
    live.ask(TransferCall("mortgage", "console"))
    assert live.stage.outside.last(CallTransferred) == CallTransferred("mortgage")
    assert live.dialer.urls == ["b1", "m1"]
    assert live.relay.told("handoff_event")[-1]["target"] == "mortgage"
    live.ask(TransferCall("nobody"))
    assert live.stage.outside.last(CallTransferred).error
    assert live.state.agent == "mortgage"
    live.ask(TransferCall("mortgage"))
    assert live.stage.outside.last(CallTransferred).error == ""


def test_a_call_is_moved_to_another_instance_of_its_agent_in_silence(live):
    live.agents["banking"] = ["b1", "b2", "b3"]
    live.ask(TransferCall("banking", "console", "b3"))
    assert live.stage.outside.last(CallTransferred) == CallTransferred("banking")
    assert live.dialer.urls == ["b1", "b3"]
    assert live.wire.sent[0]["resume"] is True
    assert not live.relay.told("handoff_event")
    assert live.state.record.last.reason is SwapReason.TRANSFER


@pytest.mark.parametrize("url", ["b2", "b1 by another name"])
def test_a_call_stays_where_the_instance_asked_for_cannot_be_had(live, url):
    live.agents["banking"] = ["b1", "b2"]
    live.dialer.behaviour["b2"] = FailureKind.UNREACHABLE
    live.ask(TransferCall("banking", "console", url))
    assert live.stage.outside.last(CallTransferred).error == f"{url} cannot be reached"
    assert (live.state.name, live.state.current.instance.url) == ("live", "b1")
    assert not live.relay.told("error")


def test_a_call_is_moved_to_one_instance_of_another_agent(live):
    live.agents["mortgage"] = ["m1", "m2"]
    live.ask(TransferCall("mortgage", "console", "m2"))
    assert live.dialer.urls == ["b1", "m2"]
    assert live.relay.told("handoff_event")[-1]["target"] == "mortgage"


def test_who_loses_his_agent_while_he_is_moved_takes_any_instance(live):
    live.agents["banking"] = ["b1", "b2", "b3"]
    live.dialer.behaviour["b3"] = "manual"
    old = live.wire
    live.ask(TransferCall("banking", "console", "b3"))
    live.do(old.end, FailureKind.BROKEN)
    live.do(live.dialer.attempts[-1].refuse)
    assert (live.state.name, live.state.current.instance.url) == ("live", "b2")


def test_memory_is_read_and_patched_from_outside(live):
    live.ask(PatchMemory({"favourite": "tea"}))
    assert live.stage.outside.last(MemoryRead).memory["favourite"] == "tea"
    assert live.wire.sent[-1]["type"] == "memory_update"
    live.ask(PatchMemory({str(number): number for number in range(100)}))
    assert live.stage.outside.last(MemoryRead).error
    live.ask(ReadMemory())
    assert "1" not in live.stage.outside.last(MemoryRead).memory


def test_a_caller_who_leaves_is_waited_for_and_then_forgotten(live):
    wire = live.wire
    live.caller(CallerGone(1005))
    assert live.state.name == "parked"
    assert not wire.ended
    live.stage.advance(live.settings.park_s + 0.1)
    assert wire.verdict is Verdict.CALLER_LEFT
    assert not live.alive
    (ended,) = live.seen(SessionEnded)
    assert ended.verdict is Verdict.CALLER_LEFT
    document, ttl_s = live.shelf.saved["memories", SESSION]
    assert document["lastAgent"] == "banking"
    assert ttl_s == live.settings.memory_ttl_s
    assert ForgetHolders(SESSION) in live.asked
    assert len(live.stage) == 4


def test_no_parking_where_it_is_switched_off():
    world = World(BANK, park_s=0.0)
    world.caller(CallerChose("banking"))
    world.caller(CallerGone(1001))
    assert not world.alive


@pytest.mark.parametrize("when", ["waiting", "dialling", "initialising", "handoff"])
def test_a_caller_who_leaves_early_leaves_nothing_behind(world, when):
    world.dialer.behaviour["t1" if when == "dialling" else "-"] = "manual"
    world.dialer.behaviour["i1"] = "manual"
    if when == "initialising":
        world.dialer.behaviour["t1"] = "silent"
    if when != "waiting":
        world.caller(CallerChose("triage"))
    if when == "handoff":
        world.caller(*handoff())
    world.caller(CallerGone(1001))
    world.stage.advance(world.settings.park_s + 1)
    assert not world.alive
    assert len(world.stage) == 4
    assert all(wire.ended for wire in world.dialer.wires)


def test_too_much_text_without_an_agent_ends_the_call_with_its_own_reason(live):
    live.caller(StashOverflowed())
    assert live.relay.verdict is Verdict.STASH_FULL


def test_a_stopping_node_tells_the_caller(live):
    live.stage.tell(live.node, Stop())
    assert live.relay.verdict is Verdict.SHUTDOWN
    assert live.wire.verdict is Verdict.SHUTDOWN
    live.stage.advance(10)
    assert len(live.stage) == 0


def test_a_session_that_crashes_closes_its_caller(live, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(live.relay, "forward_text", broken)
    live.caller(CallerText("x"))
    live.stage.advance(5)
    assert live.relay.verdict is Verdict.OUR_BUG
    assert not live.alive
    assert live.wire.ended


def test_every_place_is_given_back(live):
    live.do(live.wire.end, FailureKind.BROKEN)
    live.caller(CallerGone(1000))
    live.stage.advance(20)
    released = [message for message in live.asked if isinstance(message, ReleaseInstance)]
    assert [(message.holder, message.failure) for message in released] == [
        (f"{SESSION}/1", FailureKind.BROKEN),
        (f"{SESSION}/2", None),
    ]


def test_the_running_tree_is_the_one_written_down_and_shows_no_secrets(live):
    live.caller(CallerText("account 12345678 sort code 112233"))
    picture = live.stage.snapshot(live.node)
    assert [snapshot.path for snapshot in picture.walk()] == [
        "node",
        "node/store",
        "node/registry",
        "node/sessions",
        SESSION_PATH,
        f"{SESSION_PATH}/link-1",
    ]
    assert picture.detail["strategy"] == "one_for_one"
    assert picture.find(SESSION_PATH).restarts_left == live.settings.intensity
    assert "12345678" not in repr(picture)
    assert "112233" not in repr(picture)


def test_signals_of_a_link_that_is_not_current_have_no_effect(world):
    world.caller(CallerChose("triage"))
    world.caller(*handoff(generation=9))
    assert world.dialer.urls == ["t1"]
    assert Timer.GATE not in world.actor._timers


def test_the_first_of_two_different_handoffs_wins(world):
    world.dialer.behaviour["i1"] = "manual"
    world.caller(CallerChose("triage"))
    world.caller(*handoff(), *handoff(target="mortgage", use_id="u2"))
    assert world.dialer.urls == ["t1", "i1"]
    wire = world.dialer.attempts[-1].open()
    world.do(wire.ready)
    assert world.state.agent == "idv"
    assert len(world.relay.told("handoff_event")) == 1


def test_an_instance_that_was_barred_stays_barred_after_a_backoff(world):
    world.dialer.behaviour |= {"b1": FailureKind.REJECTED, "b2": FailureKind.UNREACHABLE}
    world.caller(CallerChose("banking"))
    world.stage.advance(10)
    assert world.dialer.urls.count("b1") == 1
    assert world.dialer.urls.count("b2") > 1


def test_a_handoff_under_way_is_the_recovery_when_the_old_agent_dies(world):
    world.dialer.behaviour["i1"] = "manual"
    world.caller(CallerChose("triage"), CallerText("a"))
    world.caller(*handoff(), CallerText("b"))
    world.do(world.wire.end, FailureKind.BROKEN)
    world.stage.advance(1.5)
    wire = world.dialer.attempts[-1].open()
    world.do(wire.ready)
    assert world.dialer.urls == ["t1", "i1"]
    assert texts(wire) == ["b"]
    assert receipts(world)[-1].outcome is Outcome.DONE
    assert receipts(world)[-1].ms_without_agent == 1500
    assert [name for name in Timer if name in world.actor._timers] == [Timer.STABLE]


def test_a_link_that_is_not_ready_in_time_is_given_up(world):
    world.dialer.behaviour["b1"] = "silent"
    world.caller(CallerChose("banking"))
    silent = world.wire
    world.stage.advance(world.settings.ready_s + 0.1)
    assert silent.aborted
    assert world.dialer.urls == ["b1", "b2"]
    assert world.state.name == "live"


def test_a_wire_that_opens_while_its_link_is_killed_is_dropped(world):
    world.dialer.behaviour["b1"] = "manual"
    world.caller(CallerChose("banking"))
    attempt = world.dialer.attempts[-1]
    world.ask(KillChild("link-1"))
    assert attempt.cancelled
    assert attempt.open().aborted


def test_a_handoff_that_comes_to_nothing_does_not_make_a_doubt_go_away(world):
    world.dialer.behaviour["i1"] = FailureKind.UNREACHABLE
    world.caller(CallerChose("triage"), CallerText("one"), CallerText("two"), CallerText("three"))
    world.caller(TranscriptSeen(1, "assistant", "An", final=False), *handoff())
    assert receipts(world)[-1].outcome is Outcome.RETURNED
    world.dialer.behaviour.clear()
    world.do(world.dialer.wires[0].end, FailureKind.BROKEN)
    world.stage.advance(5)
    assert world.relay.told("status")[-1]["memory"] == "partial"
