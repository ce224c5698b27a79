"""Every pair of state and event, from one table."""

import pytest

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
    TellHealthy,
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
    **{f"{name}_due": LinkTimerDue(name) for name in LinkTimer},
}
CLOSE = (
    DisarmLink(LinkTimer.READY),
    DisarmLink(LinkTimer.HEALTHY),
    ArmLink(LinkTimer.CLOSE),
    CloseWire(WIRE, Verdict.SWAPPED),
)


def late(phase, detail):
    return EndLink(LinkEnd(FailureKind.UNREACHABLE, phase, detail=detail))


TABLE = {
    ("dialling", "begin"): ("dialling", (ArmLink(LinkTimer.DIAL), Dial())),
    ("dialling", "opened"): (
        "initialising",
        (DisarmLink(LinkTimer.DIAL), ArmLink(LinkTimer.READY), SendInit(WIRE)),
    ),
    ("dialling", "refused"): ("ended", (EndLink(REFUSED),)),
    ("dialling", "closed"): ("ended", (EndLink(BROKEN),)),
    ("dialling", "close"): ("ended", (CancelDial(), EndLink())),
    ("dialling", "dial_due"): ("ended", (CancelDial(), late(Phase.DIALLING, "not connected in time"))),
    ("initialising", "ready"): (
        "live",
        (DisarmLink(LinkTimer.READY), ArmLink(LinkTimer.HEALTHY), TellReady(WIRE)),
    ),
    ("initialising", "closed"): (
        "ended",
        (EndLink(LinkEnd(FailureKind.BROKEN, Phase.INITIALISING, 1006, "reset")),),
    ),
    ("initialising", "close"): ("closing", CLOSE),
    ("initialising", "ready_due"): (
        "ended",
        (AbortWire(WIRE), late(Phase.INITIALISING, "session_init was not answered in time")),
    ),
    ("live", "closed"): ("ended", (EndLink(BROKEN),)),
    ("live", "close"): ("closing", CLOSE),
    ("live", "healthy_due"): ("live", (TellHealthy(),)),
    ("closing", "closed"): ("ended", (EndLink(),)),
    ("closing", "close_due"): ("ended", (AbortWire(WIRE), EndLink())),
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
