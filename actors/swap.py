"""The swap: the one way to change the link of a live session. Pure data and the steps between.

| step | goes on to |
|---|---|
| picking | closing, dialling, backing off, returning |
| backing off | picking |
| closing (the old link to the same instance) | dialling |
| dialling | cutting over, picking, returning |
| cutting over, returning | the receipt |
"""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from actors.failover import TABLE, Row
from actors.link_end import FailureKind
from actors.receipt import Outcome, Receipt, SwapReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.ids import AgentId, Generation, Instance
    from actors.ports import AgentWire, Json, Replayed

MAX_DIALS_BEFORE_RETURN = 3
"""Dials of a hand-off while the old agent waits; then the old one stays."""


class Step(StrEnum):
    """Where a swap is."""

    PICKING = "picking"
    BACKING_OFF = "backing_off"
    CLOSING = "closing"
    """The old link to the same instance must be gone first."""
    DIALLING = "dialling"
    CUTTING_OVER = "cutting_over"
    RETURNING = "returning"


class Order(Struct, frozen=True):
    """What was asked for, and by whom; it does not change.

    ``wanted`` is the name as it was written; ``token`` the REST request that waits for the end; ``use_id`` the tool
    call of the agent that hands over; ``only`` the URL of the one instance that will do.
    """

    reason: SwapReason
    source: AgentId
    target: AgentId
    began: float
    wanted: str = ""
    note: str = ""
    token: int | None = None
    use_id: str = ""
    only: str = ""

    @property
    def leaves(self) -> bool:
        """The caller is to get another agent, and not only another link to his own."""
        return self.source != self.target


class Swap(Struct, frozen=True):
    """A swap under way; each step is a new value."""

    order: Order
    target: AgentId
    generation: Generation
    step: Step = Step.PICKING
    due: float = inf
    """When the step is over without an answer; a link that is dialled has deadlines of its own."""
    instance: Instance | None = None
    dials: int = 0
    routed: AgentId | None = None
    tried: frozenset[str] = field(default_factory=frozenset)
    row: Row = TABLE[FailureKind.UNREACHABLE]
    after_s: float = 0.0
    wire: AgentWire | None = None
    error: str = ""
    brief: Json | None = None
    """What the next link is told at the cut-over."""
    proven: bool = False
    """The next link has earned its health already: it was a standby."""

    @property
    def fell_back(self) -> bool:
        """It leads to another agent than the one asked for."""
        return self.target != self.order.target

    def pick(self, generation: Generation, due: float = inf) -> Swap:
        """Ask for an instance, under a new generation."""
        return replace(self, step=Step.PICKING, due=due, generation=generation, instance=None)

    def queued(self, due: float) -> Swap:
        """The answer will take longer."""
        return replace(self, due=due)

    def closing(self, instance: Instance, due: float) -> Swap:
        """An instance was found, and the old link to the same one has to go first."""
        return replace(self, step=Step.CLOSING, due=due, instance=instance)

    def dialled(self, instance: Instance) -> Swap:
        """The link is being started."""
        dials = self.dials + 1
        return replace(self, step=Step.DIALLING, due=inf, instance=instance, dials=dials, routed=self.target)

    def failed(self, row: Row, url: str, after_s: float) -> Swap:
        """A link ended before the cut-over, or the current one did: how to go on is in ``row``."""
        tried = self.tried | {url} if row.avoid and url else self.tried
        return replace(self, tried=tried, row=row, after_s=after_s)

    def backing_off(self, due: float) -> Swap:
        """Everything was tried: wait, then everything may be tried again."""
        return replace(self, step=Step.BACKING_OFF, due=due, tried=frozenset(), instance=None)

    def toward(self, target: AgentId) -> Swap:
        """Lead to another agent instead."""
        return replace(self, target=target, tried=frozenset(), row=TABLE[FailureKind.UNREACHABLE], instance=None)

    def cutting_over(self, wire: AgentWire) -> Swap:
        """The next link is ready."""
        return replace(self, step=Step.CUTTING_OVER, wire=wire)

    def returning(self, error: str) -> Swap:
        """The old link stays, for that reason."""
        return replace(self, step=Step.RETURNING, error=error)

    def receipt(
        self, outcome: Outcome, now: float, gap_ms: int, replayed: Replayed, memory: Mapping[str, object]
    ) -> Receipt:
        """The accounting."""
        return Receipt(
            reason=self.order.reason,
            source=self.order.source,
            target=self.target,
            outcome=outcome,
            attempts=self.dials,
            ms_without_agent=gap_ms,
            took_ms=round((now - self.order.began) * 1000),
            replayed=replayed,
            memory_keys=tuple(sorted(memory)),
        )
