"""What happens to a failed child."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Restart:
    """Start a new incarnation after ``after_s`` seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Leave it stopped; its spec stays."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Leave it stopped and drop its spec."""


@dataclass(frozen=True, slots=True)
class Escalate:
    """The budget is spent: the supervisor itself exits."""


Directive: TypeAlias = Restart | Stop | Forget | Escalate
