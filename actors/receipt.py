"""The accounting of one swap."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import asdict

from actors.ports import Replayed

if TYPE_CHECKING:
    from actors.ids import AgentId


class SwapReason(StrEnum):
    """Why a session changes its link."""

    START = "start"
    HANDOFF = "handoff"
    FAILOVER = "failover"
    ROTATION = "rotation"
    DRAIN = "drain"
    TRANSFER = "transfer"
    RESUME = "resume"
    """The caller is back after his link was given up, or after another process had the call."""


class Outcome(StrEnum):
    """How a swap ended."""

    DONE = "done"
    FELL_BACK = "fell_back"
    """Another agent than the one wanted serves the caller."""
    RETURNED = "returned"
    """The next agent could not be reached; the old one stayed."""
    FAILED = "failed"
    """Nobody could be reached."""
    ABANDONED = "abandoned"
    """The session ended, or its caller left, before the swap did."""


class Receipt(Struct, frozen=True, gc=False):
    """What a swap cost and carried; ``memory_keys`` are names only, never values."""

    reason: SwapReason
    source: AgentId
    target: AgentId
    outcome: Outcome
    attempts: int
    ms_without_agent: int
    took_ms: int
    replayed: Replayed = field(default_factory=Replayed)
    memory_keys: tuple[str, ...] = ()

    def describe(self) -> dict[str, object]:
        """Plain values for the tree."""
        return {
            **asdict(self),
            "reason": self.reason.value,
            "outcome": self.outcome.value,
            "replayed": asdict(self.replayed),
        }
