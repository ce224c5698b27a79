"""Why a link ended, as data: classified once, before anybody acts on it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Phase(StrEnum):
    """How far a link had come when it ended."""

    DIALLING = "dialling"
    INITIALISING = "initialising"
    LIVE = "live"
    CLOSING = "closing"


class FailureKind(StrEnum):
    """The rows of the failure table."""

    UNREACHABLE = "unreachable"
    """Refused, DNS, connect or handshake deadline, HTTP 5xx, not ready in time."""
    REJECTED = "rejected"
    """HTTP 4xx on the handshake: this instance does not want us."""
    AGENT_LEFT = "agent_left"
    """1000 or 1001 from the agent while the caller is there."""
    BROKEN = "broken"
    """1006, 1011, 1012, reset, protocol error, fatal error reported by the agent."""
    HALF_OPEN = "half_open"
    """No pong within the keepalive deadline."""
    BAD_DATA = "bad_data"
    """1003, 1007, 1008, 1009: never tried again with the same instance."""
    CLOSED_BY_US = "closed_by_us"
    """We asked for it; not a failure."""


NO_RETURN = frozenset({FailureKind.REJECTED, FailureKind.BAD_DATA})
"""Kinds after which the same instance is not tried again by this session."""


class LinkEnd(Struct, frozen=True):
    """The one value that describes the end of a link; ``detail`` is for people and holds no secrets."""

    kind: FailureKind
    phase: Phase
    code: int | None = None
    detail: str = ""


def kind_of_close(code: int) -> FailureKind:
    """Classify a close that the agent began, by its code (RFC 6455 section 7.4)."""
    match code:
        case 1000 | 1001:
            return FailureKind.AGENT_LEFT
        case 1003 | 1007 | 1008 | 1009:
            return FailureKind.BAD_DATA
        case _:
            return FailureKind.BROKEN


def kind_of_status(status: int) -> FailureKind:
    """Classify an HTTP answer other than 101 to the handshake."""
    return FailureKind.REJECTED if 400 <= status < 500 else FailureKind.UNREACHABLE


class LinkFailed(Exception):  # noqa: N818 - reads as an exit reason: Crashed(LinkFailed(...))
    """Raised by the link actor to end itself; its supervisor decides by ``end``."""

    def __init__(self, end: LinkEnd) -> None:
        super().__init__(end)
        self.end = end
