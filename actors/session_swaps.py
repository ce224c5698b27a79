"""The session machine's part that changes links: every reaction between the wish for one and its receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from actors import failover, session_words, standby
from actors.effects import (
    CancelTimer,
    CutOver,
    Emit,
    Hold,
    Pick,
    Release,
    Repeat,
    StartLink,
    StartTimer,
    Timer,
    ToAgent,
    ToCaller,
)
from actors.failover import Again, FallBack, GiveUp, WhenNone
from actors.handoff import VERIFIED_REASON
from actors.ids import FALLBACK_AGENT, Generation, Instance
from actors.link_end import FailureKind, LinkEnd, LinkFailed, Phase
from actors.receipt import Outcome, SwapReason
from actors.session_end import close, end, leave_next, remember_agent, settle
from actors.session_events import LinkDialled, Routed
from actors.session_state import PICK_S, Current
from actors.swap import Order, Step, Swap
from actors.verdict import Verdict
from supervisor.reasons import Crashed, ExitReason

if TYPE_CHECKING:
    from actors.messages import LinkReady
    from actors.ports import Replayed
    from actors.registry_messages import InstancePicked, NoInstance, PickQueued
    from actors.session_state import CutOverDone, Reaction

UNREACHABLE = Crashed(LinkFailed(LinkEnd(FailureKind.UNREACHABLE, Phase.DIALLING, detail="no instance")))
NOBODY_S = 0.5  # until the registry is asked again
CLOSE_MARGIN_S = 0.5  # the old link drops its wire at its own deadline; this one only bounds the wait for its exit


def begin(r: Reaction, order: Order, *, avoid: str = "") -> None:
    """Begin a swap: from now on the caller's words belong to the next link."""
    swap = Swap(order, order.target, r.state.generation, tried=frozenset({avoid} - {""}))
    standby.drop(r)
    if order.reason is SwapReason.HANDOFF and order.note != VERIFIED_REASON:
        r.set(turns=r.state.turns.handed_over(r.moment.now))
    r.do(Hold())
    if r.state.current is None and r.state.silent_since is None:
        be_patient(r)
    pick(r, swap)


def be_patient(r: Reaction) -> None:
    """No agent is there from now on; the caller is held for so long and no longer."""
    r.set(silent_since=r.moment.now)


def wait(r: Reaction, swap: Swap, **changes: object) -> None:
    """Go on with the swap in its present step, until that or the whole has lasted long enough."""
    r.set(swap=swap, **changes)
    r.do(StartTimer(Timer.SWAP, min(swap.due, last_moment(r, swap)) - r.moment.now))


def last_moment(r: Reaction, swap: Swap) -> float:
    """When the caller, who hears nobody, or the old agent, who waits, has waited long enough."""
    state = r.state
    if state.current is None and state.silent_since is not None:
        return state.silent_since + state.settings.patience_s
    return swap.order.began + state.settings.swap_s


def pick(r: Reaction, swap: Swap) -> None:
    """Ask the registry for an instance."""
    generation = Generation(r.state.generation + 1)
    wait(r, swap.pick(generation, r.moment.now + PICK_S), generation=generation)
    redial = r.state.current is None and (swap.order.reason is SwapReason.FAILOVER or swap.dials > 0)
    only = swap.order.only if r.state.current is not None else ""  # who has no agent takes whom he can get
    r.do(Pick(generation, swap.target, swap.tried | r.state.barred, redial, only=only))


def handle_queued(r: Reaction, event: PickQueued) -> None:
    """The registry lets us wait for our turn."""
    swap = r.state.swap
    if swap is not None and swap.step is Step.PICKING and swap.generation == event.request:
        wait(r, swap.queued(r.moment.now + PICK_S + event.expected_s))


def handle_picked(r: Reaction, event: InstancePicked) -> None:
    """An instance: dial it, once no link of ours to it is left."""
    if standby.is_it(r, event.request):
        standby.handle_picked(r, event)
        return
    swap = r.state.swap
    if swap is None or swap.step is not Step.PICKING or swap.generation != event.request:
        r.do(Release(Generation(event.request), event.instance))
        return
    current = r.state.current
    if current is not None and current.instance.url == event.instance.url:
        close(r, current.generation, current.instance)
        leave_turns(r, swap)
        r.set(current=None)
        be_patient(r)
    if is_closing(r, event.instance):
        wait(r, swap.closing(event.instance, r.moment.now + r.state.settings.close_s + CLOSE_MARGIN_S))
    else:
        dial(r, swap, event.instance)


def is_closing(r: Reaction, instance: Instance) -> bool:
    """A link of ours to that instance has not ended yet: agents key their state by session id, not by socket."""
    closing = r.state.closing
    return bool(closing) and any(leaving.url == instance.url for _, leaving in closing)


def dial(r: Reaction, swap: Swap, instance: Instance) -> None:
    """Start the link."""
    place = (r.state.id, swap.target, instance.url, swap.generation, swap.order.reason)
    if swap.routed != swap.target:
        r.do(Emit(Routed(*place)))
    wait(r, swap.dialled(instance))
    init = session_words.session_init(r.state, swap)
    r.do(Emit(LinkDialled(*place)), StartLink(swap.generation, instance, init))


def handle_none(r: Reaction, event: NoInstance) -> None:
    """Nobody left to dial: the old one stays, or wait, or fall back, or give up."""
    if standby.is_it(r, event.request):
        standby.handle_none(r, event)
        return
    swap = r.state.swap
    if swap is None or swap.step is not Step.PICKING or swap.generation != event.request:
        return
    on_fallback = swap.target == FALLBACK_AGENT
    if r.state.current is not None:
        whom = swap.order.only or swap.target
        go_back(r, swap, f"{whom} cannot be reached" if event.known else f"there is no agent {swap.target}")
    elif on_fallback and (event.known or swap.order.reason is SwapReason.START):
        _back_off(r, swap, NOBODY_S)  # nobody was dialled, and somebody may be on his way: patience decides
    elif swap.row.when_none is WhenNone.FALL_BACK or (not event.known and (swap.fell_back or not on_fallback)):
        fall_back(r, swap)
    elif swap.tried:
        _back_off(r, swap, swap.after_s)
    else:
        follow(r, swap, UNREACHABLE, "")


def _back_off(r: Reaction, swap: Swap, seconds: float) -> None:
    wait(r, swap.backing_off(r.moment.now + seconds))


def follow(r: Reaction, swap: Swap, reason: ExitReason, url: str) -> None:
    """Do what the failure table says where the caller has no agent."""
    state = r.state
    move = failover.decide(
        reason,
        state.settings,
        state.budget,
        now=r.moment.now,
        u=r.moment.u,
        returned=state.returned,
        on_fallback=swap.target == FALLBACK_AGENT,
    )
    match move:
        case Again(row, after_s):
            barred = state.barred | {url} if row.bar and url else state.barred
            returned = state.returned + (row.returns is not None)
            r.set(budget=state.budget.spend(state.settings, r.moment.now), barred=barred, returned=returned)
            swap = swap.failed(row, url, after_s)
            if (promoted := standby.promote(r, swap)) is not None:
                cut_over(r, promoted)
            elif url:
                pick(r, swap)
            else:
                _back_off(r, swap, after_s)
        case FallBack():
            fall_back(r, swap)
        case GiveUp():
            give_up(r)
        case _:
            assert_never(move)


def fall_back(r: Reaction, swap: Swap) -> None:
    """Lead the caller to the fallback agent, with an apology; once."""
    if swap.target == FALLBACK_AGENT:
        give_up(r)
        return
    if swap.order.reason is SwapReason.START and not swap.dials:
        wanted = swap.order.wanted or swap.target
        words = f"There is no agent called {wanted[:60]} here just now; you are being put through to {FALLBACK_AGENT}."
        r.do(ToCaller(session_words.notice("unknown_agent", words)))
    else:
        r.do(ToCaller(session_words.fallback(FALLBACK_AGENT, swap.target)))
    pick(r, swap.toward(FALLBACK_AGENT))


def give_up(r: Reaction) -> None:
    """Nobody is there for the caller."""
    end(r, Verdict.NO_AGENT)


def handle_ready(r: Reaction, event: LinkReady) -> None:
    """The next link is ready: announce it, then cut over, so that its first words follow the announcement."""
    if standby.is_it(r, event.generation):
        standby.handle_ready(r, event)
        return
    swap = r.state.swap
    if swap is None or swap.step is not Step.DIALLING or swap.generation != event.generation or not swap.instance:
        return
    if swap.order.leaves and not swap.fell_back:
        r.do(ToCaller(session_words.handoff_event(swap, r.moment.wall_ms)))
    if r.state.current is not None:
        leave_turns(r, swap)
    cut_over(r, swap.cutting_over(event.wire))


def cut_over(r: Reaction, swap: Swap) -> None:
    """Let the relay forward through the next link."""
    r.set(swap=swap)
    if swap.wire is not None and swap.instance is not None:
        r.do(CutOver(swap.generation, swap.wire, swap.instance, swap.brief))


def leave_turns(r: Reaction, swap: Swap) -> None:
    """The old link goes: its open turns go to the next one of the same agent, and to no other agent.

    Where something may have been lost with it, the caller is told.
    """
    turns, stays = r.state.turns, swap.order.target == r.state.agent
    if turns.in_doubt if stays else turns.doubtful or turns.unanswered:
        r.do(ToCaller(session_words.partial(swap.target)))
    if stays:
        r.do(Repeat(turns.repeated()))
    r.set(turns=turns.agent_lost() if stays else turns.agent_left_behind())


def go_back(r: Reaction, swap: Swap, error: str) -> None:
    """The next agent cannot be had: the old link gets the stash, and stays."""
    current = r.state.current
    if current is None:
        return
    leave_next(r, swap)
    r.set(swap=swap.returning(error))
    r.do(CutOver(current.generation, current.wire, current.instance))


def handle_cut_over(r: Reaction, event: CutOverDone) -> None:
    """The relay has cut over: the swap is done, or it has returned."""
    swap = r.state.swap
    if swap is None:
        return
    if swap.step is Step.RETURNING:
        _finish_return(r, swap, event.replayed)
    elif swap.step is Step.CUTTING_OVER and swap.instance is not None and swap.wire is not None:
        _finish_swap(
            r,
            swap,
            Current(event.generation, swap.instance, swap.wire, healthy=swap.proven),
            event.replayed,
        )


def _finish_swap(r: Reaction, swap: Swap, current: Current, replayed: Replayed) -> None:
    old, silent_since = r.state.current, r.state.silent_since
    gap_ms = 0 if silent_since is None else round((r.moment.now - silent_since) * 1000)
    if old is not None:
        close(r, old.generation, old.instance)
    r.do(CancelTimer(Timer.SWAP))
    if swap.order.reason in {SwapReason.FAILOVER, SwapReason.RESUME}:
        r.do(ToCaller(session_words.restored(r.state, swap, replayed)))
    settle(r, swap, Outcome.FELL_BACK if swap.fell_back else Outcome.DONE, gap_ms, replayed)
    turns = r.state.turns.cut_over()
    r.set(current=current, agent=swap.target, swap=None, silent_since=None, turns=turns, gate=None)
    remember_agent(r)
    if swap.proven:
        r.do(CancelTimer(Timer.STABLE))
        r.set(budget=r.state.budget.healthy())
        standby.wish_later(r)
    else:
        r.do(StartTimer(Timer.STABLE, r.state.settings.healthy_after_s))


def _finish_return(r: Reaction, swap: Swap, replayed: Replayed) -> None:
    r.do(CancelTimer(Timer.SWAP))
    settle(r, swap, Outcome.RETURNED, 0, replayed)
    r.set(swap=None, turns=r.state.turns.returned())
    if swap.order.leaves:
        tell_handoff_failed(r, swap.order.target, swap.error, swap.order.use_id)


def tell_handoff_failed(r: Reaction, target: str, error: str, use_id: str = "") -> None:
    """Tell the agent and the caller that the caller stays where he is."""
    words = f"We could not put you through to {target[:60]}. You are still with {r.state.agent}."
    r.set(turns=r.state.turns.told())
    r.do(
        ToAgent(session_words.handoff_failed(r.state, target, error, use_id, r.moment.wall_ms)),
        ToCaller(session_words.notice("handoff_failed", words)),
    )
