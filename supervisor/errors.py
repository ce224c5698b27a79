"""Exceptions of the supervision package; they import nothing, so that everything may import them."""

from __future__ import annotations


class SupervisionError(Exception):
    """Base of every error that this package raises or puts into an exit reason."""


class InvalidSpecError(SupervisionError, ValueError):
    """A child spec or a plan contradicts itself."""


class IntensityExceededError(SupervisionError):
    """More than ``intensity`` restarts within ``period_s``: the parent gave up on this child."""

    def __init__(self, child_id: str, intensity: int, period_s: float) -> None:
        super().__init__(child_id, intensity, period_s)
        self.child_id = child_id
        self.intensity = intensity
        self.period_s = period_s

    def __str__(self) -> str:
        return f"{self.child_id}: more than {self.intensity} restarts within {self.period_s:g} s"


class StartTimeoutError(SupervisionError):
    """A child did not report `Started` before its deadline."""

    def __init__(self, child_id: str, start_s: float) -> None:
        super().__init__(child_id, start_s)
        self.child_id = child_id
        self.start_s = start_s

    def __str__(self) -> str:
        return f"{self.child_id}: not started within {self.start_s:g} s"


class NeverStartedError(SupervisionError):
    """A child vanished before it could report anything: its constructor failed, or no system could take it."""
