"""The session machine's part that reacts to links, instances and timers."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from actors import failover, session_parking, session_words, standby
from actors.effects import Emit, Hold, MarkHealthy, Release, Repeat, Timer, ToCaller
from actors.failover import TABLE, Cause, Fault
from actors.link_end import FailureKind, LinkEnd, LinkFailed, Phase
from actors.receipt import SwapReason
from actors.session_end import close, end, finish, finish_if_closed, record_cause
from actors.session_events import LinkEnded, LinkLost
from actors.session_state import Stage
from actors.session_swaps import (
    be_patient,
    begin,
    dial,
    follow,
    go_back,
    is_closing,
    last_moment,
    leave_turns,
    pick,
    wait,
)
from actors.swap import MAX_DIALS_BEFORE_RETURN, Order, Step, Swap
from actors.verdict import Verdict
from supervisor.reasons import Crashed, ExitReason

if TYPE_CHECKING:
    from actors.ids import AgentId, Generation, Instance
    from actors.messages import AgentReported
    from actors.registry_messages import InstanceGone
    from actors.session_state import Current, LinkExited, Reaction

EARLY_S = 0.01  # as much as a timer may be early: clocks round differently
_DIALLED = frozenset({Step.DIALLING, Step.CUTTING_OVER})


def handle_exit(r: Reaction, event: LinkExited) -> None:
    """A link actor is gone: the current one, the next one, or one that was asked to go."""
    current, swap = r.state.current, r.state.swap
    if current is not None and current.generation == event.generation:
        r.do(Release(event.generation, current.instance, _against(event.reason)))
        _lose(r, current, event.reason)
    elif swap is not None and swap.generation == event.generation and swap.step in _DIALLED and swap.instance:
        r.do(Release(event.generation, swap.instance, _against(event.reason)))
        _dial_failed(r, swap, swap.instance, event.reason)
    elif standby.is_it(r, event.generation):
        standby.handle_exit(r, _against(event.reason))
        return
    else:
        _closed(r, event.generation)
    if r.state.stage is Stage.OPEN:
        r.do(Emit(LinkEnded(r.state.id, event.generation)))
    finish_if_closed(r)


def _closed(r: Reaction, generation: Generation) -> None:
    gone = [instance for number, instance in r.state.closing if number == generation]
    if not gone:
        return
    r.set(closing=tuple(leaving for leaving in r.state.closing if leaving[0] != generation))
    r.do(Release(generation, gone[0]))
    swap = r.state.swap
    if swap is not None and swap.step is Step.CLOSING and swap.instance and not is_closing(r, swap.instance):
        dial(r, swap, swap.instance)


def _lose(r: Reaction, current: Current, reason: ExitReason) -> None:
    """The caller has no link any more."""
    _note(r, r.state.agent, current.instance, current.generation, reason)
    r.set(current=None, gate=None)
    swap = r.state.swap
    if swap is None and r.state.is_parked:
        session_parking.lose_link(r)
        return
    be_patient(r)
    if swap is not None:  # it is the recovery, too
        leave_turns(r, swap)
        wait(r, swap)
        if _cause(reason) in failover.BARRING:
            r.set(barred=r.state.barred | {current.instance.url})
        return
    repeated, turns = r.state.turns.repeated(), r.state.turns.agent_lost()
    order = Order(SwapReason.FAILOVER, r.state.agent, r.state.agent, r.moment.now, note=str(_cause(reason)))
    swap = Swap(order, order.target, r.state.generation)
    r.set(turns=turns, swap=swap)
    r.do(Hold(), Repeat(repeated))
    r.do(ToCaller(session_words.reconnecting(r.state.agent, r.state.budget.attempt + 1)))
    follow(r, swap, reason, current.instance.url)


def _dial_failed(r: Reaction, swap: Swap, instance: Instance, reason: ExitReason) -> None:
    """The next link ended before it could serve."""
    _note(r, swap.target, instance, swap.generation, reason)
    swap = swap.pick(swap.generation)  # there is no link any more that anybody could close
    r.set(swap=swap)
    if r.state.current is None:
        follow(r, swap, reason, instance.url)
        return
    row = TABLE[_cause(reason)]
    if row.bar:
        r.set(barred=r.state.barred | {instance.url})
    swap = swap.failed(row, instance.url, 0.0)
    if swap.dials >= MAX_DIALS_BEFORE_RETURN:
        go_back(r, swap, f"{swap.target} cannot be reached")
    else:
        pick(r, replace(swap, tried=swap.tried | {instance.url}))


def _note(r: Reaction, agent: AgentId, instance: Instance, generation: Generation, reason: ExitReason) -> None:
    cause = _cause(reason)
    record_cause(r, cause.value)
    detail = failover.detail_of(reason)
    r.do(Emit(LinkLost(r.state.id, agent, instance.url, generation, cause.value, detail)))


def _cause(reason: ExitReason) -> Cause:
    return failover.cause_of(reason) or Fault.KILLED  # an end that we did not ask for, whatever it calls itself


def _against(reason: ExitReason) -> FailureKind | None:
    """What the registry holds against the instance: our own faults are not its."""
    cause = failover.cause_of(reason)
    return cause if isinstance(cause, FailureKind) else None


def handle_fatal(r: Reaction, event: AgentReported) -> None:
    """The agent says that it cannot go on: as good as dead."""
    current = r.state.current
    if current is None or r.state.stage is not Stage.OPEN:
        return
    reason = Crashed(LinkFailed(LinkEnd(FailureKind.BROKEN, Phase.LIVE, detail=event.message[:200])))
    r.do(Release(current.generation, current.instance, FailureKind.BROKEN))
    close(r, current.generation, current.instance)
    _lose(r, current, reason)


def earn(r: Reaction) -> None:
    """The current link has proved itself: its backoff begins anew."""
    current = r.state.current
    if current is not None and not current.healthy:
        r.set(current=replace(current, healthy=True), budget=r.state.budget.healthy())
        r.do(MarkHealthy(current.instance))


def _stable_due(r: Reaction) -> None:
    """The current link has served for the stable interval: each new one begins it anew."""
    if r.state.current is not None:
        earn(r)
        r.set(returned=0)
        standby.wish(r)


def handle_gone(r: Reaction, event: InstanceGone) -> None:
    """The registry dropped the instance: move while the link still works, or stay if there is nowhere to go."""
    standby.handle_gone(r, event)
    current = r.state.current
    if current is None or r.state.swap is not None or r.state.stage is not Stage.OPEN:
        return
    if current.instance.url == event.instance.url:
        order = Order(SwapReason.DRAIN, r.state.agent, r.state.agent, r.moment.now, note="instance gone")
        begin(r, order, avoid=event.instance.url)


def _swap_due(r: Reaction) -> None:
    """The swap's timer: its whole time is over, or that of its step."""
    swap, now = r.state.swap, r.moment.now + EARLY_S
    if swap is None:
        return
    if now >= last_moment(r, swap):
        _give_in(r, swap)
    elif now < swap.due:
        wait(r, swap)  # it is waited for longer by now
    elif swap.step is Step.CLOSING and swap.instance is not None:
        dial(r, swap, swap.instance)
    else:
        pick(r, swap)


def _give_in(r: Reaction, swap: Swap) -> None:
    if r.state.current is not None:
        go_back(r, swap, f"{swap.target} did not answer in time")
    elif r.state.is_parked:
        session_parking.leave_link(r)
    else:
        end(r, Verdict.NO_AGENT)


def handle_timer(r: Reaction, name: Timer) -> None:
    """A deadline of a swap, of a caller who is away, or of the session's end."""
    match name:
        case Timer.SWAP:
            _swap_due(r)
        case Timer.STABLE:
            _stable_due(r)
        case Timer.LINGER if r.state.is_parked:
            session_parking.leave_link(r)
        case Timer.PARK if r.state.is_parked:
            end(r, Verdict.CALLER_LEFT)
        case Timer.STANDBY:
            standby.wish(r)
        case Timer.END:
            finish(r)
        case Timer.PARK | Timer.LINGER | Timer.GATE:
            pass  # void: the session has moved on
        case _:
            assert_never(name)
