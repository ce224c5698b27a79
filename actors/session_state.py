"""What a session is at one moment, and what may happen to it: the data of the session machine."""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from actors.failover import Budget
from actors.handoff import Taken
from actors.ids import FALLBACK_AGENT, AgentId, Generation, Instance, SessionId
from actors.ports import SessionSettings
from actors.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.effects import SessionEffect, Timer
    from actors.messages import (
        EndCall,
        LinkReady,
        PatchMemory,
        ReadMemory,
        RelayEvent,
        TransferCall,
    )
    from actors.ports import AgentWire, Replayed
    from actors.receipt import Receipt
    from actors.registry_messages import InstanceGone, InstancePicked, NoInstance, PickQueued, StandbyRecalled
    from actors.swap import Swap
    from actors.verdict import Verdict
    from supervisor.reasons import ExitReason

PICK_S = 1.0  # the registry answers from memory; a second without an answer means that it is being restarted
MAX_RECORDED = 32  # causes and gaps in the end record; a session with more has said enough


FIRST_GENERATION = Generation(0)


class Stage(StrEnum):
    """The life of a session; it only moves forward."""

    WAITING = "waiting"
    """Connected; the caller has not begun."""
    OPEN = "open"
    """The caller is served, or held while a link is built, or waited for while his socket is gone."""
    ENDING = "ending"
    """Decided; sockets are closing."""
    ENDED = "ended"


class Moment(Struct, frozen=True):
    """The world's part in a reaction: monotonic seconds, Unix milliseconds, chance in [0, 1)."""

    now: float
    wall_ms: int = 0
    u: float = 0.0


class Current(Struct, frozen=True):
    """The link that serves the caller; ``healthy`` once it has earned it."""

    generation: Generation
    instance: Instance
    wire: AgentWire
    healthy: bool = False


class Standby(Struct, frozen=True):
    """A second link: asked for, being built while it has an instance, ready ``since`` it has a wire."""

    generation: Generation
    instance: Instance | None = None
    wire: AgentWire | None = None
    since: float = inf


class Record(Struct, frozen=True, gc=False):
    """What the end record will say."""

    began: float = 0.0
    causes: tuple[str, ...] = ()
    gaps_ms: tuple[int, ...] = ()
    swaps: int = 0
    attempts: int = 0
    last: Receipt | None = None


class Session(Struct, frozen=True):
    """One caller's session. Whether it is held follows from ``current`` and ``swap``; no field repeats it."""

    id: SessionId
    settings: SessionSettings = field(default_factory=SessionSettings)
    default_agent: AgentId = FALLBACK_AGENT
    stage: Stage = Stage.WAITING
    agent: AgentId = FALLBACK_AGENT
    current: Current | None = None
    swap: Swap | None = None
    standby: Standby | None = None
    closing: tuple[tuple[Generation, Instance], ...] = ()
    """Links that were asked to end and have not."""
    memory: Mapping[str, object] = field(default_factory=dict)
    generation: Generation = FIRST_GENERATION
    """The newest number given to a link, or to a pick that found none."""
    turns: Turns = field(default_factory=Turns)
    taken: Taken = field(default_factory=Taken)
    gate: Generation | None = None
    """The link whose verified caller will be moved when the grace is over."""
    budget: Budget = field(default_factory=Budget)
    returned: int = 0
    barred: frozenset[str] = frozenset()
    silent_since: float | None = None
    caller_there: bool = True
    verdict: Verdict | None = None
    record: Record = field(default_factory=Record)

    @property
    def held(self) -> bool:
        """What the caller says now goes to the stash."""
        return self.current is None or self.swap is not None

    @property
    def is_parked(self) -> bool:
        """The caller's socket is gone, and he may come back."""
        return self.stage is Stage.OPEN and not self.caller_there

    @property
    def name(self) -> str:
        """The state in one word, for people."""
        if self.is_parked:
            return "parked"
        if self.stage is not Stage.OPEN or (self.swap is None and self.current is None):
            return self.stage.value
        if self.swap is None:
            return "live"
        return "swapping" if self.current is not None else self.swap.step.value


# --- what may happen -----------------------------------------------------------------------------------------------


class LinkExited(Struct, frozen=True):
    """A link actor is gone."""

    generation: Generation
    reason: ExitReason


class TimerDue(Struct, frozen=True):
    """A named timer is due."""

    name: Timer


class CutOverDone(Struct, frozen=True):
    """The relay has cut over; answer to the effect `CutOver`."""

    generation: Generation
    replayed: Replayed


class Asked(Struct, frozen=True):
    """A request from outside; ``token`` names it in the effect `Reply`."""

    token: int
    request: ReadMemory | PatchMemory | TransferCall | EndCall


class TakenUp(Struct, frozen=True):
    """The session begins where another one ended: its state already says with whom."""


class StopAsked(Struct, frozen=True):
    """The node is going down."""


RegistrySays: TypeAlias = "InstancePicked | PickQueued | NoInstance | StandbyRecalled | InstanceGone"
SessionInput: TypeAlias = (
    "RelayEvent | LinkReady | LinkExited | RegistrySays | TimerDue | CutOverDone | Asked | TakenUp | StopAsked"
)


class Reaction(Struct, eq=False):
    """One reaction under construction: the next state, and the effects in order."""

    state: Session
    moment: Moment
    effects: list[SessionEffect] = []

    def __repr__(self) -> str:
        return f"Reaction({self.state.name}, {len(self.effects)} effects)"

    def set(self, **changes: Any) -> None:
        """Move on to a changed state."""
        self.state = replace(self.state, **changes)

    def do(self, *effects: SessionEffect) -> None:
        """Ask for effects."""
        self.effects.extend(effects)
