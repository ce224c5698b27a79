"""What the runtime has to say about itself; given to a callable, never logged here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message whose receiver is gone or full, and that no dead-letter actor wanted."""

    target: str
    message: object


@dataclass(frozen=True, slots=True)
class MessageFailed:
    """A handler raised; ``attempt`` 2 means that the sender gets a `PoisonMessage`."""

    address: str
    actor: str
    message_type: str
    attempt: int
    details: str


@dataclass(frozen=True, slots=True)
class CreationFailed:
    """An actor's constructor raised, or no requirement could be met."""

    address: str
    actor: str
    details: str


@dataclass(frozen=True, slots=True)
class SlowTurn:
    """One message took longer than `SLOW_TURN_S`: everything else waited."""

    address: str
    actor: str
    message_type: str
    seconds: float


Notice: TypeAlias = DeadLetter | MessageFailed | CreationFailed | SlowTurn
