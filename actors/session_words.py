"""The JSON messages that a session writes to its caller and to its agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors import memory as memories
from actors.receipt import SwapReason
from actors.trace_context import traceparent
from actors.verdict import Verdict

if TYPE_CHECKING:
    from actors.ids import AgentId, Generation
    from actors.ports import Json, Replayed
    from actors.session_state import Session
    from actors.swap import Swap

_GOODBYES = {
    Verdict.NO_AGENT: "We are sorry, none of our agents can be reached just now. Please try again in a few minutes.",
    Verdict.STASH_FULL: "We could not keep up with your messages while no agent was there. Please connect again.",
    Verdict.SHUTDOWN: "This service is being restarted. Please connect again.",
    Verdict.OUR_BUG: "Something went wrong on our side. Please connect again.",
}

_LOST = "We are back, but we do not know any more what you have told us before. Please say again what you need."


def goodbye(verdict: Verdict) -> Json | None:
    """What the caller reads before the socket closes; None where there is nothing to explain."""
    words = _GOODBYES.get(verdict)
    return None if words is None else {"type": "error", "message": words, "code": verdict.value, "fatal": True}


def session_init(state: Session, swap: Swap) -> Json:
    """Introduce the caller to an agent: all that is known, and what was going on."""
    message: dict[str, object] = {
        "type": "session_init",
        "sessionId": state.id,
        "traceId": state.id,
        "memory": dict(state.memory),
        "graphState": memories.graph_state(state.memory),
    }
    if state.settings.traced:
        message["traceparent"] = traceparent(state.id, swap.generation)
    first = swap.order.reason is SwapReason.START
    continues = not first and not swap.order.leaves
    if not first:
        message["restored"] = _how_whole(state)
    if continues:
        message["resume"] = True
    if state.turns.stashed:
        message["pendingText"] = [text.text for text in state.turns.stashed]
    if state.turns.tool is not None and continues:
        message["inFlight"] = {"toolName": state.turns.tool.tool, "toolUseId": state.turns.tool.use_id}
    return message


def standby_init(state: Session, generation: Generation) -> Json:
    """Introduce the caller to an agent that may be needed: it waits, and says nothing."""
    message: dict[str, object] = {
        "type": "session_init",
        "sessionId": state.id,
        "traceId": state.id,
        "memory": dict(state.memory),
        "graphState": memories.graph_state(state.memory),
        "resume": True,
        "standby": True,
    }
    return message | ({"traceparent": traceparent(state.id, generation)} if state.settings.traced else {})


def promotion(state: Session, wall_ms: int) -> Json:
    """To the agent that waited: the caller is yours, and this is what is known by now."""
    message = {**memory_update(state, wall_ms), "promoted": True, "restored": _how_whole(state)}
    if state.turns.stashed:
        message["pendingText"] = [text.text for text in state.turns.stashed]
    if state.turns.tool is not None:
        message["inFlight"] = {"toolName": state.turns.tool.tool, "toolUseId": state.turns.tool.use_id}
    return message


def memory_update(state: Session, wall_ms: int) -> Json:
    """The memory has changed; credentials are copied into ``graphState``, where agents look for them."""
    return {
        "type": "memory_update",
        "sessionId": state.id,
        "memory": dict(state.memory),
        "graphState": memories.graph_state(state.memory),
        "timestamp": wall_ms,
    }


def handoff_event(swap: Swap, wall_ms: int) -> Json:
    """The caller is with another agent now."""
    message: dict[str, object] = {"type": "handoff_event", "target": swap.target, "timestamp": wall_ms}
    return message | {"reason": swap.order.note} if swap.order.note else message


def handoff_failed(state: Session, target: str, error: str, use_id: str, wall_ms: int) -> Json:
    """To the agent: the caller stays with you."""
    message: dict[str, object] = {
        "type": "handoff_failed",
        "sessionId": state.id,
        "target": target,
        "error": error,
        "timestamp": wall_ms,
    }
    return message | {"toolUseId": use_id} if use_id else message


def notice(code: str, words: str) -> Json:
    """To the caller: something did not go as asked, and the call goes on."""
    return {"type": "error", "message": words, "code": code, "fatal": False}


def reconnecting(agent: AgentId, attempt: int) -> Json:
    """To the caller: hold on."""
    return {"type": "status", "state": "reconnecting", "agent": agent, "attempt": attempt}


def fallback(agent: AgentId, lost: AgentId) -> Json:
    """To the caller: an apology, and who will help instead."""
    words = f"We are sorry, we lost the connection to {lost}. You are being put through to {agent} instead."
    return {"type": "status", "state": "fallback", "agent": agent, "message": words}


def partial(agent: AgentId) -> Json:
    """To the caller: some of what he said may not have been heard."""
    words = "Some of what you said last may not have been heard. If you miss an answer, please say it again."
    return {"type": "status", "state": "restored", "agent": agent, "memory": "partial", "message": words}


def restored(state: Session, swap: Swap, replayed: Replayed) -> Json:
    """To the caller: an agent is there again, and how much it knows."""
    whole = _how_whole(state)
    if whole == "partial" or replayed.dropped_frames > 0:
        return partial(swap.target)
    message: dict[str, object] = {"type": "status", "state": "restored", "agent": swap.target, "memory": whole}
    return message | ({"message": _LOST} if whole == "lost" else {})


def _how_whole(state: Session) -> str:
    """Say honestly what the next agent has of the call: a call that began has a memory, unless the store lost it."""
    if not state.memory:
        return "lost"
    return "partial" if state.turns.in_doubt else "restored"
