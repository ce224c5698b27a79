"""How to start, restart and stop one child, as frozen data."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from supervisor.backoff import Backoff
from supervisor.errors import InvalidSpecError


class RestartType(Enum):
    """When an ended child is started again (OTP's words)."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Strategy(Enum):
    """Which siblings a restart touches."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


class ChildKind(Enum):
    """What a child is, for pictures and events; it changes no decision."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"


class ChildSpec(Struct, frozen=True):
    """One child: ``actor`` is a `Supervised` class (or its dotted name), ``args`` go to its ``handle_start``.

    ``start_s``: deadline for `Started`; None waits for ever. ``shutdown_s``: time between the request to stop and the
    kill; None waits for ever, 0 kills at once. ``healthy_after_s``: a run of at least this long resets the backoff.
    """

    id: str
    actor: type | str
    args: object = None
    restart: RestartType = RestartType.PERMANENT
    backoff: Backoff = Backoff()
    shutdown_s: float | None = 5.0
    start_s: float | None = 5.0
    healthy_after_s: float = 5.0
    kind: ChildKind = ChildKind.WORKER

    def __post_init__(self) -> None:
        if not self.id or "/" in self.id:
            raise InvalidSpecError(f"a child id is a non-empty string without '/': {self.id!r}")
        if (self.shutdown_s or 0) < 0 or (self.start_s is not None and self.start_s <= 0):
            raise InvalidSpecError(f"{self.id}: shutdown_s must be >= 0 and start_s > 0, or None")


class SupervisorPlan(Struct, frozen=True):
    """What a static supervisor runs: children in start order, the strategy and the budget."""

    children: tuple[ChildSpec, ...]
    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: int = 3
    period_s: float = 5.0

    def __post_init__(self) -> None:
        ids = [child.id for child in self.children]
        if len(set(ids)) != len(ids):
            raise InvalidSpecError(f"child ids repeat: {ids}")
        if self.intensity < 0 or self.period_s <= 0:
            raise InvalidSpecError(f"not a restart budget: {self.intensity} in {self.period_s} s")
