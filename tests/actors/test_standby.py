"""The warm understudy: a second link that waits, and is there at once."""

import pytest

from actors.breaker import BreakerState
from actors.ids import AgentId, Instance
from actors.link_end import FailureKind
from actors.messages import CallerChose, CallerGone, CallerText, TransferCall
from actors.receipt import SwapReason
from actors.registry_book import Book, RegistrySettings
from actors.registry_messages import InstanceGone, InstanceHealthy, PickInstance, Register, StandbyRecalled
from actors.session_events import LinkDialled, Routed
from tests.actors.test_session import receipts
from tests.actors.world import World

BANKING = AgentId("banking")


@pytest.fixture
def world():
    world = World({"triage": ["t1"], "banking": ["b1", "b2"], "mortgage": ["m1"]}, standby=True)
    world.caller(CallerChose("banking"))
    return world


@pytest.fixture
def warm(world):
    world.stage.advance(6)
    return world


def test_a_proven_call_gets_a_second_link_that_is_silent(world):
    assert world.dialer.urls == ["b1"]
    world.stage.advance(6)
    assert world.dialer.urls == ["b1", "b2"]
    first, second = world.dialer.wires
    assert not first.silent
    assert second.silent
    assert second.init["standby"] is True
    assert second.init["resume"] is True
    assert world.relay.cuts == [1]
    assert [event.url for event in world.seen(Routed)] == ["b1"]
    assert [event.reason for event in world.seen(LinkDialled)] == ["start", "standby"]


def test_nobody_gets_one_who_does_not_want_it():
    world = World({"triage": ["t1", "t2"]})
    world.caller(CallerChose("triage"))
    world.stage.advance(30)
    assert world.dialer.urls == ["t1"]


def test_a_failover_needs_no_dial_and_the_one_who_waited_is_told_all(warm):
    warm.caller(CallerText("my account is 12345678"))
    first, second = warm.dialer.wires
    before = warm.stage.clock.now()
    warm.do(first.end, FailureKind.BROKEN)
    assert warm.stage.clock.now() == before
    assert warm.dialer.urls == ["b1", "b2"]
    brief = second.sent[1]
    assert (brief["type"], brief["promoted"], brief["memory"]["account"]) == ("memory_update", True, "12345678")
    assert brief["restored"] == "restored"
    assert brief["pendingText"] == ["my account is 12345678"]
    assert second.sent.index(brief) < second.sent.index({"type": "text_input", "text": "my account is 12345678"})
    receipt = receipts(warm)[-1]
    assert (receipt.reason, receipt.attempts, receipt.ms_without_agent) == (SwapReason.FAILOVER, 0, 0)
    assert [event.url for event in warm.seen(Routed)] == ["b1", "b2"]
    assert warm.state.current.instance.url == "b2"
    assert warm.state.standby is None


def test_one_that_has_served_long_enough_while_it_waited_is_trusted_and_followed_by_another(warm):
    warm.stage.advance(6)
    warm.do(warm.dialer.wires[0].end, FailureKind.BROKEN)
    assert warm.state.current.healthy
    warm.agents["banking"] = ["b3", "b2"]
    warm.stage.advance(16)
    assert warm.dialer.urls == ["b1", "b2", "b3"]


def test_one_that_is_not_ready_is_of_no_use(world):
    world.dialer.behaviour["b2"] = "manual"
    world.stage.advance(6)
    world.agents["banking"] = ["b3"]
    world.do(world.dialer.wires[0].end, FailureKind.BROKEN)
    assert world.dialer.urls == ["b1", "b2", "b3"]
    assert world.state.current.instance.url == "b3"


def test_one_that_dies_while_it_waits_costs_the_caller_nothing(warm):
    spent = warm.state.budget
    warm.do(warm.dialer.wires[1].end, FailureKind.BROKEN)
    assert warm.state.budget == spent
    assert not warm.relay.told("status")
    warm.stage.advance(16)
    assert warm.dialer.urls == ["b1", "b2", "b2"]


@pytest.mark.parametrize(
    "what",
    [
        lambda world: world.ask(TransferCall("mortgage", "console")),
        lambda world: world.caller(CallerGone(1006)),
        lambda world: world.do(world.relay.deliver, StandbyRecalled(2)),
        lambda world: world.do(world.relay.deliver, InstanceGone(Instance(BANKING, "b2"))),
    ],
)
def test_it_is_given_up_with_its_reason(warm, what):
    what(warm)
    assert warm.dialer.wires[1].ended
    assert warm.state.standby is None


def test_nothing_is_left_of_it_when_the_call_ends(warm):
    warm.caller(CallerGone(1000))
    warm.stage.advance(15)
    assert not warm.alive
    assert all(wire.ended for wire in warm.dialer.wires)
    assert InstanceHealthy(Instance(BANKING, "b1")) in warm.asked


# --- the registry's part ---


@pytest.fixture
def book():
    book = Book(RegistrySettings(warm_links=3))
    for url in ("ws://one:1", "ws://two:1"):
        book.register(Register(BANKING, url), 0.0, 0)
    return book


def pick(book, holder, **wish):
    return book.pick(PickInstance(None, holder, int(holder[-1]), BANKING, **wish), f"to {holder}", 0.0)


def test_standbys_get_what_calls_leave_and_give_it_back(book):
    assert pick(book, "a/1")
    assert pick(book, "a/2", standby=True)
    assert pick(book, "b/3", standby=True)
    assert pick(book, "c/4", standby=True) is None
    assert book.recall() is None
    assert pick(book, "d/5")
    assert book.recall() == ("to a/2", 2)
    book.forget_session("a")
    assert book.recall() is None


def test_no_budget_no_standby():
    book = Book(RegistrySettings())
    entry = book.register(Register(BANKING, "ws://one:1"), 0.0, 0)
    assert pick(book, "a/1", standby=True) is None
    assert entry.breaker.state(0.0) is BreakerState.CLOSED
