"""One link's life, pure: ``step(state, event) -> (state, effects)``. It only moves forward.

| state | goes on to |
|---|---|
| Dialling | Initialising, Ended |
| Initialising | Live, Closing, Ended |
| Live | Closing, Ended |
| Closing | Ended |

Each state has one deadline, and the next state's replaces it, as OTP's state timeouts; Live has none. The effect
`EndLink` says why, exactly once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

from actors.effects import (
    AbortWire,
    ArmLink,
    CancelDial,
    CloseWire,
    Dial,
    DisarmLink,
    EndLink,
    LinkEffect,
    LinkTimer,
    SendInit,
    TellReady,
)
from actors.link_end import FailureKind, LinkEnd, Phase
from actors.messages import CloseLink, WireClosed, WireOpened, WireRefused, WireText

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.ports import AgentWire

READY_TYPES = frozenset({"connected", "session_ack", "session_start", "metadata"})
"""What agents of all versions answer to session_init; the first of them is the ready signal."""


class Dialling(Struct, frozen=True):
    """The handshake is under way."""


class Initialising(Struct, frozen=True):
    """session_init was sent; the agent has not answered."""

    wire: AgentWire


class Live(Struct, frozen=True):
    """The agent has answered; the session may use the wire."""

    wire: AgentWire


class Closing(Struct, frozen=True):
    """We asked for the end and wait for the peer's part, bounded."""

    wire: AgentWire


class Ended(Struct, frozen=True):
    """Over; every event is void."""


class Begin(Struct, frozen=True):
    """The link actor has started."""


class LinkTimerDue(Struct, frozen=True):
    """The deadline of the present state has passed."""


LinkState: TypeAlias = Dialling | Initialising | Live | Closing | Ended
LinkEvent: TypeAlias = Begin | CloseLink | LinkTimerDue | WireOpened | WireRefused | WireText | WireClosed
Reaction: TypeAlias = tuple[LinkState, tuple[LinkEffect, ...]]


def step(state: LinkState, event: LinkEvent) -> Reaction:
    """React to one event; what a state does not know has no effect."""
    return _STEPS[type(state)](state, event)


def _dialling(state: Dialling, event: LinkEvent) -> Reaction:
    match event:
        case Begin():
            return state, (ArmLink(LinkTimer.DIAL), Dial())
        case WireOpened(wire):
            return Initialising(wire), (ArmLink(LinkTimer.READY), SendInit(wire))
        case WireRefused(end) | WireClosed(end):
            return Ended(), (EndLink(end),)
        case LinkTimerDue():
            late = LinkEnd(FailureKind.UNREACHABLE, Phase.DIALLING, detail="not connected in time")
            return Ended(), (CancelDial(), EndLink(late))
        case CloseLink():
            return Ended(), (CancelDial(), EndLink())
        case _:
            return state, ()


def _initialising(state: Initialising, event: LinkEvent) -> Reaction:
    match event:
        case WireText(kind, _) if kind in READY_TYPES:
            return Live(state.wire), (DisarmLink(), TellReady(state.wire))
        case WireClosed(end):
            return Ended(), (EndLink(LinkEnd(end.kind, Phase.INITIALISING, end.code, end.detail)),)
        case LinkTimerDue():
            late = LinkEnd(FailureKind.UNREACHABLE, Phase.INITIALISING, detail="session_init was not answered in time")
            return Ended(), (AbortWire(state.wire), EndLink(late))
        case CloseLink():
            return _close(state.wire, event)
        case _:
            return state, ()


def _live(state: Live, event: LinkEvent) -> Reaction:
    match event:
        case WireClosed(end):
            return Ended(), (EndLink(LinkEnd(end.kind, Phase.LIVE, end.code, end.detail)),)
        case CloseLink():
            return _close(state.wire, event)
        case _:
            return state, ()


def _close(wire: AgentWire, order: CloseLink) -> Reaction:
    return Closing(wire), (ArmLink(LinkTimer.CLOSE), CloseWire(wire, order.verdict))


def _closing(state: Closing, event: LinkEvent) -> Reaction:
    match event:
        case WireClosed():
            return Ended(), (EndLink(),)
        case LinkTimerDue():
            return Ended(), (AbortWire(state.wire), EndLink())
        case _:
            return state, ()


def _ended(state: Ended, event: LinkEvent) -> Reaction:
    return state, (AbortWire(event.wire),) if isinstance(event, WireOpened) else ()


_STEPS: Final[dict[type[LinkState], Callable[[Any, LinkEvent], Reaction]]] = {
    Dialling: _dialling,
    Initialising: _initialising,
    Live: _live,
    Closing: _closing,
    Ended: _ended,
}
"""A look-up, as in the session's machine: `match` asks each case in turn."""
