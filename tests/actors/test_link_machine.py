"""Every pair of state and event, from one table."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.effects import (
    AbortWire,
    ArmLink,
    CancelDial,
    CloseWire,
    Dial,
    DisarmLink,
    EndLink,
    LinkTimer,
    SendInit,
    TellReady,
)
from actors.link_end import FailureKind, LinkEnd, Phase
from actors.link_machine import READY_TYPES, Begin, Closing, Dialling, Ended, Initialising, LinkTimerDue, Live, step
from actors.messages import CloseLink, WireClosed, WireOpened, WireRefused, WireText
from actors.verdict import Verdict

WIRE = object()
REFUSED = LinkEnd(FailureKind.REJECTED, Phase.DIALLING, 403)
BROKEN = LinkEnd(FailureKind.BROKEN, Phase.LIVE, 1006, "reset")

STATES = {
    "dialling": Dialling(),
    "initialising": Initialising(WIRE),
    "live": Live(WIRE),
    "closing": Closing(WIRE),
    "ended": Ended(),
}
EVENTS = {
    "begin": Begin(),
    "opened": WireOpened(WIRE),
    "refused": WireRefused(REFUSED),
    "ready": WireText("connected"),
    "text": WireText("transcript"),
    "closed": WireClosed(BROKEN),
    "close": CloseLink(Verdict.SWAPPED),
    "due": LinkTimerDue(),
}
CLOSE = (ArmLink(LinkTimer.CLOSE), CloseWire(WIRE, Verdict.SWAPPED))


def late(phase, detail):
    return EndLink(LinkEnd(FailureKind.UNREACHABLE, phase, detail=detail))


TABLE = {
    ("dialling", "begin"): ("dialling", (ArmLink(LinkTimer.DIAL), Dial())),
    ("dialling", "opened"): ("initialising", (ArmLink(LinkTimer.READY), SendInit(WIRE))),
    ("dialling", "refused"): ("ended", (EndLink(REFUSED),)),
    ("dialling", "closed"): ("ended", (EndLink(BROKEN),)),
    ("dialling", "close"): ("ended", (CancelDial(), EndLink())),
    ("dialling", "due"): ("ended", (CancelDial(), late(Phase.DIALLING, "not connected in time"))),
    ("initialising", "ready"): ("live", (DisarmLink(), TellReady(WIRE))),
    ("initialising", "closed"): (
        "ended",
        (EndLink(LinkEnd(FailureKind.BROKEN, Phase.INITIALISING, 1006, "reset")),),
    ),
    ("initialising", "close"): ("closing", CLOSE),
    ("initialising", "due"): (
        "ended",
        (AbortWire(WIRE), late(Phase.INITIALISING, "session_init was not answered in time")),
    ),
    ("live", "closed"): ("ended", (EndLink(BROKEN),)),
    ("live", "close"): ("closing", CLOSE),
    ("closing", "closed"): ("ended", (EndLink(),)),
    ("closing", "due"): ("ended", (AbortWire(WIRE), EndLink())),
    ("ended", "opened"): ("ended", (AbortWire(WIRE),)),
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_pair(state, event):
    expected, effects = TABLE.get((state, event), (state, ()))
    assert step(STATES[state], EVENTS[event]) == (STATES[expected], effects)


@pytest.mark.parametrize("kind", sorted(READY_TYPES))
def test_each_version_of_the_ready_signal(kind):
    state, _ = step(Initialising(WIRE), WireText(kind))
    assert state == Live(WIRE)


DEADLINES = {Dialling: LinkTimer.DIAL, Initialising: LinkTimer.READY, Closing: LinkTimer.CLOSE}


class Life(RuleBasedStateMachine):
    """Plays the actor's and the dialer's part: one dial, one wire, timers that were armed, an owner who may close."""

    def __init__(self):
        super().__init__()
        self.state, self.log, self.waits = Dialling(), [], None
        self.dial = self.wire = "none"
        self.places = [0]
        self.feed(Begin())

    def feed(self, event):
        self.state, wanted = step(self.state, event)
        self.places.append(list(map(type, STATES.values())).index(type(self.state)))
        for effect in wanted:
            self.perform(effect)

    def perform(self, effect):
        self.log.append(effect)
        match effect:
            case Dial():
                self.dial = "under way"
            case CancelDial():
                assert self.dial == "under way", "only an attempt that is under way is cancelled"
                self.dial = "over"
            case SendInit() | TellReady() | CloseWire():
                assert self.wire == "open", "an open wire is used"
                self.wire = "closing" if isinstance(effect, CloseWire) else "open"
            case AbortWire():
                assert self.wire in {"open", "closing"}
                self.wire = "gone"
            case ArmLink(name):
                self.waits = name

    @initialize(steps=st.integers(0, 3))
    def it_has_come_so_far(self, steps):
        ways = (lambda: self.dial_ends(is_open=True), lambda: self.agent_speaks("connected"))
        for way in (*ways, lambda: self.owner_closes(Verdict.SWAPPED))[:steps]:
            way()

    @precondition(lambda self: self.dial == "under way")
    @rule(is_open=st.booleans())
    def dial_ends(self, is_open):
        self.dial = "over"
        self.wire = "open" if is_open else "none"
        self.feed(WireOpened(WIRE) if is_open else WireRefused(REFUSED))

    @precondition(lambda self: self.wire in {"open", "closing"})
    @rule(kind=st.sampled_from(["connected", "transcript", "session_ack", "error"]))
    def agent_speaks(self, kind):
        self.feed(WireText(kind))

    @precondition(lambda self: self.wire in {"open", "closing"})
    @rule()
    def wire_ends(self):
        self.wire = "gone"
        self.feed(WireClosed(BROKEN))

    @precondition(lambda self: self.waits)
    @rule()
    def time_passes(self):
        self.waits = None
        self.feed(LinkTimerDue())

    @rule(verdict=st.sampled_from(Verdict))
    def owner_closes(self, verdict):
        self.feed(CloseLink(verdict))

    def count(self, kind):
        return sum(isinstance(effect, kind) for effect in self.log)

    @invariant()
    def it_only_moves_forward_and_says_each_thing_once(self):
        assert self.places == sorted(self.places)
        assert max(map(self.count, (Dial, SendInit, TellReady, CloseWire, EndLink))) <= 1
        assert self.count(EndLink) == isinstance(self.state, Ended)

    @invariant()
    def nothing_is_left_and_nothing_waits_for_ever(self):
        if isinstance(self.state, Ended):
            assert (self.dial, self.wire) in {("over", "none"), ("over", "gone")}
        elif not isinstance(self.state, Live):
            assert self.waits is DEADLINES[type(self.state)]


TestLife = Life.TestCase
