"""What happens to a failed child."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class Restart(Struct, frozen=True):
    """Start a new incarnation after ``after_s`` seconds."""

    after_s: float


class Stop(Struct, frozen=True):
    """Leave it stopped; its spec stays."""


class Forget(Struct, frozen=True):
    """Leave it stopped and drop its spec."""


class Escalate(Struct, frozen=True):
    """The budget is spent: the supervisor itself exits."""


Directive: TypeAlias = Restart | Stop | Forget | Escalate
