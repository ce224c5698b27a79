"""The session machine, pure: ``step(state, event, moment) -> (state, effects)``. It decides; the actor performs.

    waiting -> open -> ending -> ended        (each may be skipped, none comes back)

Within *open* the caller is live, swapping (one agent talks, the next is dialled) or held (none is there yet), and he
may be away for a while: parked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from msgspec.structs import replace

from actors import (
    handoff,
    intent,
    routing,
    session_end,
    session_links,
    session_parking,
    session_requests,
    session_swaps,
    session_words,
    standby,
)
from actors import memory as memories
from actors.effects import CancelTimer, Emit, ForwardText, SaveMemory, SessionEffect, StartTimer, Timer, ToAgent
from actors.handoff import GRACE_S, VERIFIED_REASON, Handoff
from actors.ids import AgentId
from actors.messages import (
    AgentReported,
    CallerChose,
    CallerConfigured,
    CallerGone,
    CallerReturned,
    CallerSent,
    CallerSpoke,
    CallerStoppedSpeaking,
    CallerText,
    HandoffRequested,
    LinkReady,
    MemoryOffered,
    StashOverflowed,
    ToolReturned,
    ToolUsed,
    TranscriptSeen,
)
from actors.receipt import SwapReason
from actors.registry_messages import InstanceGone, InstancePicked, NoInstance, PickQueued, StandbyRecalled
from actors.session_events import TranscriptLine
from actors.session_state import (
    Asked,
    CutOverDone,
    LinkExited,
    Moment,
    Reaction,
    Session,
    SessionInput,
    Stage,
    StopAsked,
    TakenUp,
    TimerDue,
)
from actors.swap import Order
from actors.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

_WAITING, _OPEN = Stage.WAITING, Stage.OPEN
_OVER = frozenset({Stage.ENDING, Stage.ENDED})


def step(state: Session, event: SessionInput, moment: Moment) -> tuple[Session, tuple[SessionEffect, ...]]:
    """React to one event; what a state does not know has no effect."""
    r = Reaction(state, moment)
    _REACTIONS[type(event)](r, event)
    if r.state.memory is not state.memory and r.state.stage is _OPEN and not _has_begun(state, r.state):
        r.do(SaveMemory(r.state.memory))
    return r.state, tuple(r.effects)


def _has_begun(before: Session, state: Session) -> bool:
    """The session has begun, and that is all: its memory is kept with the call, as soon as there is one."""
    return before.stage is _WAITING and memories.is_new(state.memory)


# --- the caller ----------------------------------------------------------------------------------------------------


def _caller(
    r: Reaction,
    event: CallerChose | CallerText | CallerSpoke | CallerStoppedSpeaking | CallerConfigured | CallerSent,
) -> None:
    if r.state.stage is _WAITING:
        _start(r, event if isinstance(event, CallerChose) else CallerChose(""))
    if r.state.stage is not _OPEN:
        return
    match event:
        case CallerChose() | CallerSpoke():
            pass  # the session has begun: a second start is void by rule; audio needs no decision
        case CallerText():
            r.set(turns=r.state.turns.asked(event, held=r.state.held), taken=replace(r.state.taken, asked=True))
            r.do(ForwardText(event))
            _learn(r, event.text)
        case CallerStoppedSpeaking():
            r.do(ToAgent({"type": "end_of_speech"}), ToAgent({"type": "end_audio"}))
        case CallerConfigured(config):
            r.do(ToAgent({"type": "sessionConfig", "config": dict(config)}))
        case CallerSent(message):
            r.do(ToAgent(message))
        case _:
            assert_never(event)


def _start(r: Reaction, choice: CallerChose) -> None:
    wanted = choice.wanted or r.state.default_agent
    agent = routing.resolve(wanted, r.state.settings.persona_agents).agent_id
    memory = memories.initial(agent)
    if choice.interaction_mode:
        memory["interactionMode"] = choice.interaction_mode
    r.set(stage=_OPEN, agent=agent, memory=memory)
    session_swaps.begin(r, Order(SwapReason.START, agent, agent, r.moment.now, wanted=choice.wanted))


def _learn(r: Reaction, text: str) -> None:
    """Take in what the caller's words reveal; the agent is told where it matters, after the words themselves."""
    if text.lstrip().lower().startswith("[system"):
        return
    before = r.state.memory
    found = intent.extract(text)
    r.set(memory=memories.apply_found(before, found, text[: intent.MAX_TEXT]))
    if any(before.get(key) != value for key, value in r.state.memory.items() if key != "lastUserMessage"):
        r.do(ToAgent(session_words.memory_update(r.state, r.moment.wall_ms)))


# --- the agent -----------------------------------------------------------------------------------------------------


def _agent(
    r: Reaction,
    event: ToolUsed | ToolReturned | HandoffRequested | MemoryOffered | TranscriptSeen | AgentReported,
) -> None:
    current = r.state.current
    if current is None or event.generation != current.generation or r.state.stage in _OVER:
        return  # a link that is not current has no effect
    if not isinstance(event, AgentReported):
        session_links.earn(r)
    personas = r.state.settings.persona_agents
    match event:
        case ToolUsed():
            _tool_used(r, event)
        case ToolReturned():
            r.set(turns=r.state.turns.tool_returned(event.use_id))
            _verified(r, event)
            _hand_over(r, handoff.of_tool_result(event, personas))
        case HandoffRequested():
            _hand_over(r, handoff.of_request(event, personas))
        case MemoryOffered(_, offered):
            r.set(memory=memories.offered(r.state.memory, offered))
        case TranscriptSeen():
            _transcript(r, event)
        case AgentReported():
            if event.fatal:
                session_links.handle_fatal(r, event)
        case _:
            assert_never(event)


def _tool_used(r: Reaction, event: ToolUsed) -> None:
    target = handoff.use_of(event, r.state.settings.persona_agents)
    if target is None:
        r.set(turns=r.state.turns.tool_used(event.tool, event.use_id))
    else:
        r.set(taken=r.state.taken.rearm(event.generation, target, event.use_id))


def _transcript(r: Reaction, event: TranscriptSeen) -> None:
    if event.role == "assistant":
        r.set(turns=r.state.turns.answered(r.moment.now, final=event.final))
        if r.state.gate is not None:
            r.do(StartTimer(Timer.GATE, GRACE_S))  # the grace is silence: who is still talking is not cut off
    elif event.final and event.role == "user":
        _learn(r, event.text)
    if event.final and event.text:
        line = TranscriptLine(r.state.id, event.role, event.text, r.state.agent, r.moment.wall_ms)
        r.do(Emit(line))


def _verified(r: Reaction, event: ToolReturned) -> None:
    """A verified caller goes on to what he came for, unless the agent hands him over by itself first."""
    found = handoff.verification(event)
    if found is None:
        return
    r.set(memory=memories.apply_verification(r.state.memory, found.user_name, found.account, found.sort_code))
    if r.state.stage is _OPEN:
        r.set(gate=event.generation)
        r.do(StartTimer(Timer.GATE, GRACE_S))


def _gate_due(r: Reaction) -> None:
    gate, current = r.state.gate, r.state.current
    r.set(gate=None)
    target = routing.after_verification(r.state.memory)
    if gate is not None and current is not None and gate == current.generation and target != r.state.agent:
        _hand_over(r, Handoff(gate, target, reason=VERIFIED_REASON, context={"verified": True}))


def _hand_over(r: Reaction, wish: Handoff | None) -> None:
    """Act on the first valid signal of one hand-off; the others mean the same and have no effect."""
    now = r.moment.now
    if wish is None or r.state.stage is not _OPEN or r.state.swap is not None:
        return
    if not r.state.taken.first(wish, now):
        return
    r.set(taken=r.state.taken.take(wish, now), gate=None)
    r.do(CancelTimer(Timer.GATE))
    if wish.target == r.state.agent:
        session_swaps.tell_handoff_failed(r, wish.target, "the caller is there already", wish.use_id)
        return
    r.set(memory=memories.merge_handoff(r.state.memory, wish.context, r.state.agent, wish.graph_state))
    target = AgentId(wish.target)
    session_swaps.begin(r, Order(SwapReason.HANDOFF, r.state.agent, target, now, note=wish.reason, use_id=wish.use_id))


def _timer_due(r: Reaction, event: TimerDue) -> None:
    if event.name is Timer.GATE:
        _gate_due(r)
    else:
        session_links.handle_timer(r, event.name)


_CALLER = (CallerChose, CallerText, CallerSpoke, CallerStoppedSpeaking, CallerConfigured, CallerSent)
_AGENT = (ToolUsed, ToolReturned, HandoffRequested, MemoryOffered, TranscriptSeen, AgentReported)
_REACTIONS: dict[type[SessionInput], Callable[[Reaction, Any], None]] = {
    **dict.fromkeys(_CALLER, _caller),
    **dict.fromkeys(_AGENT, _agent),
    InstancePicked: session_swaps.handle_picked,
    PickQueued: session_swaps.handle_queued,
    NoInstance: session_swaps.handle_none,
    StandbyRecalled: standby.handle_recalled,
    InstanceGone: session_links.handle_gone,
    CallerGone: session_parking.handle_gone,
    CallerReturned: session_parking.handle_returned,
    TakenUp: lambda r, _: session_parking.take_up(r),
    StashOverflowed: lambda r, _: session_end.end(r, Verdict.STASH_FULL),
    StopAsked: lambda r, _: session_end.end(r, Verdict.SHUTDOWN),
    LinkReady: session_swaps.handle_ready,
    LinkExited: session_links.handle_exit,
    CutOverDone: session_swaps.handle_cut_over,
    TimerDue: _timer_due,
    Asked: session_requests.handle_asked,
}
"""What each event leads to; a test sees that none is missing."""
