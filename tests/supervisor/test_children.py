import pytest
from thespian.actors import ActorAddress, ActorExitRequest

from supervisor.child import ChildDown, ChildState, ChildTimer, ExitSettled, StartImpossible, Wait
from supervisor.children import ABANDON_S, Children
from supervisor.errors import NeverStartedError, StartTimeoutError
from supervisor.events import ChildExited, ChildOverdue, ChildStarted
from supervisor.messages import ChildExiting, ChildRef, Runtime, Start, Started, Stop
from supervisor.reasons import Killed, Normal, StartFailed
from supervisor.spec import ChildSpec
from supervisor.testing import Probe, VirtualClock

NO_ACTOR = "no actor can be made of this"


class Parent:
    """Keeps what its children's bookkeeping asks of it."""

    def __init__(self):
        self.path, self.myAddress = "node", ActorAddress("parent")
        self.clock, self.events = VirtualClock(), Probe()
        self.runtime = Runtime(self.clock, self.events)
        self.sent, self.timers, self.made = [], {}, 0
        self.start_timer, self.emit = self.timers.__setitem__, self.events.emit

    def createActor(self, actor):  # noqa: N802 - Thespian's name
        if actor == NO_ACTOR:
            raise LookupError(actor)
        self.made += 1
        return ActorAddress(f"child {self.made}")

    def send(self, target, message):
        self.sent.append((target.actorAddressString, message))

    def cancel_timer(self, name):
        self.timers.pop(name, None)


@pytest.fixture
def parent():
    return Parent()


def started(parent, children, **fields):
    """A child that runs."""
    child = children.add(ChildSpec("a", "some.Actor", **fields))
    children.start(child)
    assert children.handle_started(Started("a", 1), child.address) is child
    parent.sent.clear()
    return child


def test_a_start_is_told_once_its_deadline_goes_and_stale_words_have_no_effect(parent):
    children = Children(parent)
    child = children.add(ChildSpec("a", "some.Actor", "args", start_s=2.0))
    with pytest.raises(ValueError, match="'a' exists"):
        children.add(child.spec)
    assert children.address_of("a") is None
    children.start(child)
    assert parent.sent == [("child 1", Start("a", "node/a", 1, "args", parent.runtime))]
    assert parent.timers == {ChildTimer(Wait.START, "a"): 2.0}
    assert children.address_of("a") is child.address
    assert children.reference("a") is None
    assert children.handle_started(Started("a", 0), child.address) is None
    parent.clock.at = 0.5
    assert children.handle_started(Started("a", 1), child.address) is child
    assert children.handle_started(Started("a", 1), child.address) is None
    assert parent.timers == {}
    assert parent.events.seen == [ChildStarted("node/a", 1, 0.5)]
    assert children.reference("a") == ChildRef("a", child.address, 1)


def test_a_child_that_is_killed_while_it_starts_is_written_off_whatever_it_says_meanwhile(parent):
    children = Children(parent)
    child = children.add(ChildSpec("a", "some.Actor"))
    children.start(child)
    children.kill(child)
    children.handle_started(Started("a", 1), child.address)
    assert parent.timers == {ChildTimer(Wait.ABANDON, "a"): ABANDON_S}
    parent.clock.at = ABANDON_S
    assert children.handle_timer(ChildTimer(Wait.ABANDON, "a")) == ChildDown(child, Killed(), asked=False)
    assert parent.events.all(ChildOverdue) == [ChildOverdue("node/a", 1, "kill")]
    assert (child.address, children.alive_count, parent.timers) == (None, 0, {})


def test_an_address_that_a_system_spells_anew_is_the_childs_from_then_on(parent):
    children = Children(parent)
    child = children.add(ChildSpec("a", "some.Actor"))
    children.start(child)
    elsewhere = ActorAddress("child 1, as it calls itself")
    children.handle_started(Started("a", 1), elsewhere)
    assert (child.address, children.alive_count) == (elsewhere, 1)
    children.handle_exiting(ChildExiting("a", 1, Normal()))
    assert children.handle_exited(ActorAddress("child 1")) is None
    assert children.handle_exited(elsewhere) == ChildDown(child, Normal(), asked=False)


def test_the_last_word_is_the_reason_and_silence_is_asked_about_once_more(parent):
    children = Children(parent)
    child = started(parent, children, healthy_after_s=5.0)
    address, child.attempt = child.address, 3
    assert children.handle_exited(address) is None
    assert parent.sent == [("parent", ExitSettled("a", 1))]
    children.handle_exiting(ChildExiting("a", 1, Normal()))
    parent.clock.at = 6.0
    assert children.handle_settled(ExitSettled("a", 1)) == ChildDown(child, Normal(), asked=False)
    assert parent.events.last(ChildExited) == ChildExited("node/a", 1, Normal(), 6.0)
    assert (child.attempt, child.state, child.last_exit) == (0, ChildState.EXITED, Normal())
    assert children.handle_settled(ExitSettled("a", 1)) is None


@pytest.mark.parametrize(("has_started", "reason"), [(True, Killed), (False, StartFailed)])
def test_silence_means_killed_or_never_alive(parent, has_started, reason):
    children = Children(parent)
    child = children.add(ChildSpec("a", "some.Actor"))
    children.start(child)
    if has_started:
        children.handle_started(Started("a", 1), child.address)
    down = children.handle_settled(ExitSettled("a", 1))
    assert isinstance(down.reason, reason)
    assert has_started or isinstance(down.reason.error, NeverStartedError)


def test_what_cannot_be_created_is_a_failed_start(parent):
    children = Children(parent)
    child = children.add(ChildSpec("a", NO_ACTOR))
    children.start(child)
    ((target, impossible),) = parent.sent
    assert (target, type(impossible)) == ("parent", StartImpossible)
    down = children.handle_impossible(impossible)
    assert isinstance(down.reason.error, LookupError)
    assert children.handle_impossible(impossible) is None


def test_a_stop_has_a_deadline_and_then_a_kill(parent):
    children = Children(parent)
    child = started(parent, children, shutdown_s=3.0)
    children.stop(child)
    children.stop(child)
    assert parent.sent == [("child 1", Stop())]
    assert parent.timers == {ChildTimer(Wait.STOP, "a"): 3.0}
    assert children.handle_timer(ChildTimer(Wait.STOP, "a")) is None
    assert isinstance(parent.sent[-1][1], ActorExitRequest)
    children.handle_exiting(ChildExiting("a", 1, Normal()))
    assert children.handle_exited(child.address) == ChildDown(child, Normal(), asked=True)
    assert parent.timers == {}


def test_a_late_start_ends_as_one_whatever_is_said_after_the_deadline(parent):
    children = Children(parent)
    child = children.add(ChildSpec("a", "some.Actor", start_s=2.0))
    children.start(child)
    address = child.address
    children.handle_timer(ChildTimer(Wait.START, "a"))
    assert children.handle_started(Started("a", 1), address) is None
    down = children.handle_exited(address)
    assert isinstance(down.reason.error, StartTimeoutError)


def test_a_restart_waits_where_there_is_a_delay_and_a_stop_ends_the_wait(parent):
    children = Children(parent)
    child = started(parent, children)
    children.handle_exiting(ChildExiting("a", 1, Normal()))
    children.handle_exited(child.address)
    children.restart_after(child, 0.0)
    assert (child.incarnation, child.attempt, child.state) == (2, 1, ChildState.STARTING)
    children.handle_impossible(StartImpossible("a", 2, LookupError()))
    children.restart_after(child, 1.5)
    assert parent.timers == {ChildTimer(Wait.BACKOFF, "a"): 1.5}
    assert (child.attempt, child.state) == (2, ChildState.BACKOFF)
    children.stop(child)
    assert (child.state, parent.timers) == (ChildState.EXITED, {})


def test_who_is_forgotten_is_killed_and_its_end_tells_nothing(parent):
    children = Children(parent, named=True)
    child = started(parent, children)
    address = child.address
    assert parent.runtime.names.find("node/a") is address
    children.forget("a")
    children.forget("a")
    assert isinstance(parent.sent[-1][1], ActorExitRequest)
    assert (len(children), children.alive_count, children.handle_exited(address)) == (0, 0, None)
    assert parent.runtime.names.find("node/a") is None
    assert "node/a" in parent.runtime.names
