"""What the runtime has to say about itself; given to a callable, never logged here."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class DeadLetter(Struct, frozen=True):
    """A message whose receiver is gone or full, and that no dead-letter actor wanted."""

    target: str
    message: object


class MessageFailed(Struct, frozen=True):
    """A handler raised; ``attempt`` 2 means that the sender gets a `PoisonMessage`."""

    address: str
    actor: str
    message_type: str
    attempt: int
    details: str


class CreationFailed(Struct, frozen=True):
    """An actor's constructor raised, or no requirement could be met."""

    address: str
    actor: str
    details: str


class SlowTurn(Struct, frozen=True):
    """One message took longer than `SLOW_TURN_S`: everything else waited."""

    address: str
    actor: str
    message_type: str
    seconds: float


Notice: TypeAlias = DeadLetter | MessageFailed | CreationFailed | SlowTurn
