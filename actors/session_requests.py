"""What the session answers to whoever asks from outside the call: its memory, a transfer, its end."""

from __future__ import annotations

from typing import assert_never

from actors import memory as memories
from actors import routing, session_end, session_swaps, session_words
from actors.effects import Reply, ToAgent
from actors.ids import AgentId
from actors.messages import CallEnded, CallTransferred, EndCall, MemoryRead, PatchMemory, ReadMemory, TransferCall
from actors.receipt import SwapReason
from actors.session_state import Asked, Reaction, Stage
from actors.swap import Order
from actors.verdict import Verdict


def handle_asked(r: Reaction, event: Asked) -> None:
    """Do what is asked, or say why not; whoever asked is always answered."""
    match event.request:
        case ReadMemory():
            r.do(Reply(event.token, MemoryRead(dict(r.state.memory))))
        case PatchMemory(patch):
            _patch(r, event.token, patch)
        case TransferCall() as wish:
            _transfer(r, event.token, wish)
        case EndCall():
            r.do(Reply(event.token, CallEnded()))
            session_end.end(r, Verdict.ENDED_BY_OPERATOR)
        case _:
            assert_never(event.request)


def _patch(r: Reaction, token: int, change: object) -> None:
    try:
        memory = memories.patch(r.state.memory, change if isinstance(change, dict) else {})
    except memories.MemoryFull as error:
        r.do(Reply(token, MemoryRead(dict(r.state.memory), str(error))))
        return
    r.set(memory=memory)
    if r.state.current is not None and r.state.stage is Stage.OPEN:
        r.do(ToAgent(session_words.memory_update(r.state, r.moment.wall_ms)))
    r.do(Reply(token, MemoryRead(dict(memory))))


def _transfer(r: Reaction, token: int, wish: TransferCall) -> None:
    present, current = r.state.agent, r.state.current
    agent = routing.resolve(wish.target, r.state.settings.persona_agents).agent_id
    if not wish.target.strip():
        r.do(Reply(token, CallTransferred(wish.target, "a target is needed")))
    elif r.state.stage is not Stage.OPEN or current is None or r.state.swap is not None:
        r.do(Reply(token, CallTransferred(agent, "the call cannot be moved now")))
    elif agent == present and wish.url in {"", current.instance.url}:
        r.do(Reply(token, CallTransferred(agent)))
    else:
        order = Order(
            SwapReason.TRANSFER, present, AgentId(agent), r.moment.now, note=wish.reason, token=token, only=wish.url
        )
        if order.leaves:
            r.set(memory=memories.merge_handoff(r.state.memory, {}, present))
        session_swaps.begin(r, order, avoid="" if order.leaves else current.instance.url)
