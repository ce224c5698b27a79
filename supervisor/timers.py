"""Named, cancellable timers over wakeups that can neither be named nor cancelled. Pure: *now* is an argument.

A wakeup carries its timer's name and generation; one that is not the latest has no effect. It is marked as void as
well, so that a system that looks at the mark need not deliver it. Restarting a timer to a later time while its wakeup
is under way asks for no second one: the wakeup re-arms itself for the rest. So a timer that is restarted at every frame
costs one wakeup per period, not one per frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from supervisor.voidable import Voidable

if TYPE_CHECKING:
    from collections.abc import Hashable

EARLY_S = 0.002  # a wakeup this much early is due: system clocks and loop clocks round differently


class TimerFired(Voidable, gc=False):
    """The payload of a wakeup."""

    name: Hashable
    generation: int


class Arm(Struct, frozen=True):
    """Ask for a wakeup after ``seconds`` with ``payload``."""

    seconds: float
    payload: TimerFired


class _Timer(Struct, gc=False):
    due: float
    wakeup_due: float
    wakeup: TimerFired


class Timers(Struct, eq=False):
    """The timers of one actor."""

    _timers: dict[Hashable, _Timer] = {}
    _generation: int = 0

    def __repr__(self) -> str:
        return f"Timers({list(self._timers)})"

    def __contains__(self, name: Hashable) -> bool:
        return name in self._timers

    def start(self, name: Hashable, seconds: float, now: float) -> Arm | None:
        """Start or restart ``name``; what to ask of the system, or None if the wakeup under way will do."""
        due = now + seconds if seconds > 0.0 else now
        timer = self._timers.get(name)
        if timer is not None:
            if timer.wakeup_due <= due:
                timer.due = due
                return None
            timer.wakeup.void = True
        self._generation += 1
        wakeup = TimerFired(name, self._generation)
        self._timers[name] = _Timer(due, due, wakeup)
        return Arm(due - now, wakeup)

    def cancel(self, name: Hashable) -> None:
        """Forget ``name``; a wakeup under way will have no effect. Nothing happens if it does not run."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.wakeup.void = True
            self._give_room_back()

    def fired(self, payload: TimerFired, now: float) -> bool | Arm:
        """True: ``payload.name`` is due now (and over). False: it is void. `Arm`: it was put off; wait again."""
        timer = self._timers.get(payload.name)
        if timer is None or timer.wakeup.generation != payload.generation:
            return False
        if timer.due - now > EARLY_S:
            timer.wakeup_due = timer.due
            return Arm(timer.due - now, timer.wakeup)
        del self._timers[payload.name]
        self._give_room_back()
        return True

    def _give_room_back(self) -> None:
        if not self._timers:
            self._timers.clear()  # an empty dictionary keeps its room otherwise
