"""The session machine's part that accounts for swaps and brings a session to its one end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from actors import session_words
from actors.call import Call
from actors.effects import (
    CancelTimer,
    CloseCaller,
    Emit,
    Finish,
    ForgetCall,
    Release,
    Reply,
    SaveCall,
    SaveMemory,
    StartTimer,
    StopLink,
    Timer,
    ToCaller,
)
from actors.messages import CallTransferred
from actors.ports import Replayed
from actors.receipt import Outcome, SwapReason
from actors.session_events import SessionEnded, SwapEnded
from actors.session_state import MAX_RECORDED, Stage
from actors.swap import Step
from actors.verdict import Verdict

if TYPE_CHECKING:
    from actors.ids import Generation, Instance
    from actors.session_state import Reaction, Session
    from actors.swap import Swap

END_MARGIN_S = 1.0  # beyond the closing handshakes' own bound: then the session ends without waiting for anybody
_CANCEL_ALL = tuple(map(CancelTimer, Timer))
_FOR_GOOD = frozenset({Verdict.CALLER_LEFT, Verdict.ENDED_BY_OPERATOR})
"""Ends after which nobody takes the call up again."""
_DIALLED = frozenset({Step.DIALLING, Step.CUTTING_OVER})


def close(r: Reaction, generation: Generation, instance: Instance, verdict: Verdict = Verdict.SWAPPED) -> None:
    """Ask a link to end, and remember it until it has."""
    r.set(closing=(*r.state.closing, (generation, instance)))
    r.do(StopLink(generation, verdict))


def close_standby(r: Reaction, verdict: Verdict = Verdict.SWAPPED) -> None:
    """Give the standby link up, however far it is."""
    standby = r.state.standby
    if standby is not None:
        if standby.instance is not None:
            close(r, standby.generation, standby.instance, verdict)
        r.set(standby=None)


def record_cause(r: Reaction, cause: str) -> None:
    """Note why a link was lost, for the end record."""
    record = r.state.record
    r.set(record=replace(record, causes=(*record.causes, cause)[-MAX_RECORDED:]))


def settle(r: Reaction, swap: Swap, outcome: Outcome, gap_ms: int = 0, replayed: Replayed | None = None) -> None:
    """Write the receipt and answer whoever waits for it."""
    receipt = swap.receipt(outcome, r.moment.now, gap_ms, replayed or Replayed(), r.state.memory)
    record = r.state.record
    gaps = (*record.gaps_ms, gap_ms)[-MAX_RECORDED:] if gap_ms else record.gaps_ms
    swaps = record.swaps + (swap.order.reason is not SwapReason.START)
    attempts = record.attempts + receipt.attempts
    r.set(record=replace(record, swaps=swaps, attempts=attempts, gaps_ms=gaps, last=receipt))
    r.do(Emit(SwapEnded(r.state.id, receipt)))
    if swap.order.token is not None:
        error = "" if outcome is Outcome.DONE else swap.error or f"the call could not be moved: {outcome.value}"
        r.do(Reply(swap.order.token, CallTransferred(swap.order.target, error)))


def leave_next(r: Reaction, swap: Swap, verdict: Verdict = Verdict.SWAPPED) -> None:
    """Give up the link that a swap leads to: close what was dialled, give back a place that was only reserved."""
    if swap.instance is None:
        return
    if swap.step in _DIALLED:
        close(r, swap.generation, swap.instance, verdict)
    elif swap.step is Step.CLOSING:
        r.do(Release(swap.generation, swap.instance))


def abandon_swap(r: Reaction, outcome: Outcome, verdict: Verdict) -> None:
    """Stop a swap that nobody needs any more, in whatever step it is."""
    swap = r.state.swap
    if swap is None:
        return
    leave_next(r, swap, verdict)
    since = r.state.silent_since
    settle(r, swap, outcome, 0 if since is None else round((r.moment.now - since) * 1000))
    r.set(swap=None)
    r.do(CancelTimer(Timer.SWAP))


def remember_agent(r: Reaction) -> None:
    """Keep whom the caller is with, lest this session crashes: what is unanswered then may be answered by now."""
    r.do(SaveCall(call_so_far(r.state)))


def call_so_far(state: Session) -> Call:
    """What is kept of a call that goes on; with its memory, of which the document of its own may have been lost."""
    return Call(state.agent, memory=state.memory, whole=False)


def remember_call(r: Reaction) -> None:
    """Keep all that another session needs to take the call up where this one ends."""
    r.do(SaveMemory(r.state.memory), SaveCall(Call(r.state.agent, r.state.turns.open())))


def end(r: Reaction, verdict: Verdict) -> None:
    """Decide the end: tell the caller, close the links, keep the memory. Only the first call has an effect."""
    state = r.state
    if state.stage in {Stage.ENDING, Stage.ENDED}:
        return
    abandon_swap(r, Outcome.FAILED if verdict is Verdict.NO_AGENT else Outcome.ABANDONED, verdict)
    current = state.current
    if current is not None:
        close(r, current.generation, current.instance, verdict)
    close_standby(r, verdict)
    r.do(*_CANCEL_ALL)
    words = session_words.goodbye(verdict)
    if state.caller_there and words is not None:
        r.do(ToCaller(words))
    if verdict in _FOR_GOOD and state.stage is not Stage.WAITING:
        r.do(SaveMemory(state.memory), ForgetCall())
    elif state.stage is not Stage.WAITING:
        remember_call(r)
    if state.caller_there:
        r.do(CloseCaller(verdict))
    r.do(Emit(end_record(r.state, verdict, r.moment.now)))
    r.set(stage=Stage.ENDING, current=None, gate=None, verdict=verdict)
    r.do(StartTimer(Timer.END, state.settings.close_s + END_MARGIN_S))
    finish_if_closed(r)


def end_record(state: Session, verdict: Verdict, now: float) -> SessionEnded:
    """What is said of a session at its end, once."""
    record = state.record
    lived_s, attempts = now - record.began, record.attempts
    return SessionEnded(state.id, verdict, record.causes, record.swaps, record.gaps_ms, lived_s, attempts=attempts)


def finish_if_closed(r: Reaction) -> None:
    """End when the caller's socket and every link have."""
    if r.state.stage is Stage.ENDING and not r.state.closing and not r.state.caller_there:
        finish(r)


def finish(r: Reaction) -> None:
    """End now; only once."""
    if r.state.stage is Stage.ENDING and r.state.verdict is not None:
        r.set(stage=Stage.ENDED)
        r.do(CancelTimer(Timer.END), Finish(r.state.verdict))
