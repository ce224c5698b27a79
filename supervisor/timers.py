"""Named, cancellable timers over wakeups that can neither be named nor cancelled. Pure: *now* is an argument.

A wakeup carries its timer's name and generation; one that is not the latest has no effect. Restarting a timer to a
later time while its wakeup is under way asks for no second one: the wakeup re-arms itself for the rest. So a timer that
is restarted at every frame costs one wakeup per period, not one per frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Hashable

EARLY_S = 0.002  # a wakeup this much early is due: system clocks and loop clocks round differently


class TimerFired(Struct, frozen=True, gc=False):
    """The payload of a wakeup."""

    name: Hashable
    generation: int


class Arm(Struct, frozen=True):
    """Ask for a wakeup after ``seconds`` with ``payload``."""

    seconds: float
    payload: TimerFired


class _Timer(Struct, gc=False):
    due: float | None  # None: cancelled; its wakeup is still under way and may serve again
    wakeup_due: float
    generation: int


class Timers:
    """The timers of one actor."""

    __slots__ = ("_generation", "_timers")

    def __init__(self) -> None:
        self._timers: dict[Hashable, _Timer] = {}
        self._generation = 0

    def __repr__(self) -> str:
        return f"Timers({[name for name in self._timers if name in self]})"

    def __contains__(self, name: Hashable) -> bool:
        timer = self._timers.get(name)
        return timer is not None and timer.due is not None

    def start(self, name: Hashable, seconds: float, now: float) -> Arm | None:
        """Start or restart ``name``; what to ask of the system, or None if the wakeup under way will do."""
        due = now + seconds if seconds > 0.0 else now
        timer = self._timers.get(name)
        if timer is not None and timer.wakeup_due <= due:
            timer.due = due
            return None
        self._generation += 1
        self._timers[name] = _Timer(due, due, self._generation)
        return Arm(due - now, TimerFired(name, self._generation))

    def cancel(self, name: Hashable) -> None:
        """Forget ``name``; a wakeup under way will have no effect. Nothing happens if it does not run."""
        timer = self._timers.get(name)
        if timer is not None:
            timer.due = None

    def fired(self, payload: TimerFired, now: float) -> bool | Arm:
        """True: ``payload.name`` is due now (and over). False: it is void. `Arm`: it was put off; wait again."""
        timer = self._timers.get(payload.name)
        if timer is None or timer.generation != payload.generation:
            return False
        if timer.due is not None and timer.due - now > EARLY_S:
            timer.wakeup_due = timer.due
            return Arm(timer.due - now, payload)
        del self._timers[payload.name]
        if not self._timers:
            self._timers.clear()  # an empty dictionary keeps its room otherwise
        return timer.due is not None
