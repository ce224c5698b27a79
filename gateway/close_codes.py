"""The one table of close codes: what each verdict means to the caller and to the agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from actors.verdict import Verdict

# RFC 6455 section 7.4.1
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
NO_CODE: Final = 1005
ABNORMAL: Final = 1006
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012
# ours
UNREAD: Final = 4508

_MAY_BE_SENT: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})


@dataclass(frozen=True, slots=True)
class Close:
    """A close frame and whether the peer should come back: 4500-4899, 1011 and 1012 yes, all others no."""

    code: int
    reason: str
    reconnect: bool


TO_CALLER: Final[dict[Verdict, Close]] = {
    Verdict.CALLER_LEFT: Close(NORMAL, "goodbye", reconnect=False),
    Verdict.SWAPPED: Close(NORMAL, "swapped", reconnect=False),
    Verdict.NO_AGENT: Close(4503, "no agent available", reconnect=True),
    Verdict.STASH_FULL: Close(4413, "too much text while no agent was there", reconnect=False),
    Verdict.NOT_READY: Close(4504, "agent not ready in time", reconnect=True),
    Verdict.REFUSED: Close(4529, "no room", reconnect=True),
    Verdict.SHUTDOWN: Close(SERVICE_RESTART, "gateway restarting", reconnect=True),
    Verdict.DISPLACED: Close(4409, "the call goes on elsewhere", reconnect=False),
    Verdict.CLAIMED: Close(4403, "the call was taken up elsewhere", reconnect=False),
    Verdict.ENDED_BY_OPERATOR: Close(NORMAL, "ended by an operator", reconnect=False),
    Verdict.OUR_BUG: Close(INTERNAL_ERROR, "internal error", reconnect=True),
}
TO_AGENT: Final[dict[Verdict, Close]] = {
    verdict: Close(
        code=NORMAL if verdict in {Verdict.CALLER_LEFT, Verdict.SWAPPED} else close.code,
        reason=str(verdict),
        reconnect=False,
    )
    for verdict, close in TO_CALLER.items()
}


KNOWN: Final = frozenset(
    {GOING_AWAY, PROTOCOL_ERROR, NO_CODE, ABNORMAL, INVALID_DATA, POLICY_VIOLATION, TOO_BIG, UNREAD}
    | {close.code for close in TO_CALLER.values()}
)
"""Those that callers' sockets end with, for labels."""


def is_valid_received(code: int) -> bool:
    """Whether a peer may put ``code`` into a close frame (RFC 6455 sections 7.4.1 and 7.4.2)."""
    return code in _MAY_BE_SENT or 3000 <= code <= 4999
