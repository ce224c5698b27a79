"""The session machine's part for a caller whose socket is gone: waited for, and taken back.

The link goes on for a moment, so that an agent can finish what it does (``linger_s``); then it is closed, and the
session waits alone until the window is over (``park_s``). A caller who hung up is not waited for longer than the link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors import session_swaps, standby
from actors.effects import CancelTimer, CloseCaller, Emit, Hold, Repeat, StartTimer, Timer
from actors.receipt import Outcome, SwapReason
from actors.session_end import abandon_swap, close, end, finish_if_closed, remember_agent
from actors.session_events import Parked, Resumed
from actors.session_state import FIRST_GENERATION, Stage
from actors.swap import Order
from actors.verdict import Verdict

if TYPE_CHECKING:
    from actors.messages import CallerGone, CallerReturned
    from actors.session_state import Reaction

HUNG_UP = frozenset({1000, 1002, 1003, 1007, 1008, 1009})
"""Close codes of callers who are done, or who broke the rules and were told not to come back (RFC 6455 section 7.4.1).

Every other end may be an accident.
"""


def handle_gone(r: Reaction, event: CallerGone) -> None:
    """The caller's socket has ended: keep the session for the window."""
    settings = r.state.settings
    was_open = r.state.stage is Stage.OPEN
    r.set(caller_there=False)
    if r.state.stage in {Stage.ENDING, Stage.ENDED}:
        finish_if_closed(r)
        return
    window_s = min(settings.park_s, settings.linger_s) if event.code in HUNG_UP else settings.park_s
    if not was_open or window_s <= 0 or (r.state.current is None and event.code in HUNG_UP):
        end(r, Verdict.CALLER_LEFT)
        return
    remember_agent(r)
    standby.drop(r)
    r.do(Emit(Parked(r.state.id, window_s)))
    r.do(StartTimer(Timer.PARK, window_s), StartTimer(Timer.LINGER, settings.linger_s))
    if r.state.current is None:
        leave_link(r)


def handle_returned(r: Reaction, _: CallerReturned) -> None:
    """The caller is back: he finds the link that he left, or the next one."""
    state = r.state
    if state.stage in {Stage.ENDING, Stage.ENDED}:
        r.set(caller_there=True)
        r.do(CloseCaller(Verdict.SHUTDOWN))  # too late for this session: come again
        return
    if state.caller_there:
        return  # another socket of the same caller: nothing else changes
    r.set(caller_there=True)
    remember_agent(r)
    r.do(Emit(Resumed(state.id)), CancelTimer(Timer.PARK), CancelTimer(Timer.LINGER))
    standby.wish_later(r)
    if state.current is None and state.swap is None:
        reopen(r)
    elif state.current is None and state.swap is not None:
        session_swaps.be_patient(r)
        session_swaps.wait(r, state.swap)


def take_up(r: Reaction) -> None:
    """Go on with a call that another session began."""
    if r.state.stage is Stage.OPEN and r.state.generation == FIRST_GENERATION and r.state.swap is None:
        r.do(Hold(), Repeat(r.state.turns.stashed))
        reopen(r)


def reopen(r: Reaction) -> None:
    """Open a link to the agent that the caller was with; what is unanswered goes to it."""
    agent = r.state.agent
    session_swaps.begin(r, Order(SwapReason.RESUME, agent, agent, r.moment.now))


def leave_link(r: Reaction) -> None:
    """Nobody is there to be served: give the link up, and keep for the next one what was not answered."""
    abandon_swap(r, Outcome.ABANDONED, Verdict.CALLER_LEFT)
    current = r.state.current
    if current is not None:
        close(r, current.generation, current.instance, Verdict.CALLER_LEFT)
    lose_link(r)


def lose_link(r: Reaction) -> None:
    """There is no link any more, and none is opened before the caller is back."""
    repeated = r.state.turns.repeated()
    r.set(current=None, gate=None, silent_since=None, turns=r.state.turns.agent_lost())
    r.do(CancelTimer(Timer.GATE))
    r.do(Hold(), Repeat(repeated))
