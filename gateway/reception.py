"""Callers at the door: each gets a relay and a session, his own again if he comes back with a token."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, assert_never
from uuid import uuid4

from msgspec import Struct

from actors.call import Call, read_call
from actors.ids import AgentId, SessionId
from actors.session import CALLS, MEMORIES, SessionArgs
from actors.store_messages import DocumentLoaded, LoadDocument
from actors.topology import SESSIONS_PATH, STORE_PATH, session_spec
from actors.verdict import Verdict
from gateway.close_codes import TO_CALLER
from gateway.relay import CallerRelay, Ended
from gateway.resume import Claim, Elsewhere, Finding, Live, LiveCalls, Taken, Void
from gateway.stash import Stash
from supervisor.messages import ChildRefused, ChildStarted, Forwarded, NoSuchChild, StartChild, ToPath

if TYPE_CHECKING:
    from collections.abc import Callable

    from thespian.actors import ActorAddress

    from actors.ports import Ports, SessionSettings, Tracer
    from gateway.call_meter import CallMeter
    from gateway.client_socket import ClientSocket
    from gateway.front_door import RequestHead
    from supervisor.names import Names
    from supervisor.system_base import AsyncioSystemBase

RECALL_S = 2.0  # the store answers from memory or a local file; the caller is waiting
STARTING_S = 10.0  # a session starts within a turn or two; beyond it the message was lost with an actor that crashed
AGAIN_S = 0.05  # while the session before of the same call is on its way out
LOOK_S = 1.0


class _Start(Struct, frozen=True):
    """A session that was asked for."""

    relay: CallerRelay
    call: Call | None
    deadline: float


class Reception:
    """Gives callers to sessions, and sessions to callers who come back."""

    def __init__(
        self,
        base: AsyncioSystemBase,
        node: ActorAddress,
        names: Names,
        ports: Ports,
        settings: SessionSettings,
        tracer: Tracer,
        calls: LiveCalls,
        stash: Callable[[], Stash] = Stash,
        meter: Callable[[SessionId], CallMeter | None] = lambda _: None,
    ) -> None:
        self.calls = calls
        self._meter = meter
        self._base = base
        self._node = node
        self._names = names
        self._ports = ports
        self._settings = settings
        self._tracer = tracer
        self._tokens = calls.tokens if settings.park_s > 0 else None
        self._stash = stash
        self._starting: dict[SessionId, _Start] = {}
        self._loop = asyncio.get_running_loop()
        self._looking: asyncio.TimerHandle | None = None
        self._answers = base.engine.open_endpoint(self._hear)
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Forget who was being looked up."""
        self._starting.clear()
        if self._looking is not None:
            self._looking.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._base.engine.close_endpoint(self._answers)

    def move_to(self, node: ActorAddress, names: Names) -> None:
        """Start sessions in another tree from now on."""
        self._node, self._names = node, names

    def is_back(self, head: RequestHead) -> bool:
        """Whether a caller comes back to a call that is here."""
        token = head.query("resume")
        return bool(token) and self._tokens is not None and isinstance(self.calls.find(token), Live)

    def welcome(self, client: ClientSocket, head: RequestHead) -> None:
        """Give an open socket its session."""
        token = head.query("resume")
        if token and self._tokens is not None:
            self._welcome_back(client, self.calls.find(token), head)
        else:
            self._begin(client)

    def _welcome_back(self, client: ClientSocket, finding: Finding, head: RequestHead) -> None:
        match finding:
            case Live(relay, known):
                relay.rebind(client, known, _number(head.query("seen")))
            case Elsewhere(claim):
                relay = self._relay(claim.session_id, client, claim.number + 1)
                task = self._loop.create_task(self._take_up(relay, claim), name="take up")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case Taken():
                close = TO_CALLER[Verdict.CLAIMED]
                client.begin_close(close.code, close.reason)
            case Void():
                self._begin(client)
            case other:
                assert_never(other)

    def _begin(self, client: ClientSocket) -> None:
        relay = self._relay(SessionId(str(uuid4())), client)
        relay.greet(taken_up=False)
        self._start(relay)

    def _relay(self, session_id: SessionId, client: ClientSocket, claim: int = 0) -> CallerRelay:
        ports = self._ports
        relay = CallerRelay(
            session_id, client, ports.now, ports.wall, self._stash(), self._tokens, claim, self._meter(session_id)
        )
        self.calls.add(relay)
        return relay

    def _start(self, relay: CallerRelay, call: Call | None = None) -> None:
        self._ask_for(_Start(relay, call, self._ports.now() + STARTING_S))

    def _ask_for(self, start: _Start) -> None:
        relay = start.relay
        self._starting[relay.session_id] = start
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_S, self._look)
        args = SessionArgs(relay.session_id, relay, self._ports, self._settings, self._tracer, call=start.call)
        message, me = StartChild(session_spec(args)), self._answers.address
        sessions = self._names.find(SESSIONS_PATH)
        if sessions is None:
            self._base.tell(self._node, ToPath(SESSIONS_PATH, message, me))  # which says that nobody is there
        else:
            self._base.tell(sessions, Forwarded(message, me))

    async def _take_up(self, relay: CallerRelay, claim: Claim) -> None:
        """Go on where another session, perhaps of another process, ended; begin anew where nothing is known."""
        call = None
        document = await self._load(CALLS, relay.session_id) or {}
        if document:
            call = read_call(document, await self._load(MEMORIES, relay.session_id) or {})
        here = self.calls.ended(relay.session_id)
        if call is None and here is not None and here.agent_id is not None:  # the store was failing
            call = Call(AgentId(here.agent_id), whole=False)
        if relay.is_connected:
            received = _received(document, here, claim)
            relay.greet(taken_up=call is not None, received=received, counted_from=claim.counted_from)
            self._start(relay, call)

    async def _load(self, collection: str, key: str) -> dict[str, object] | None:
        question = partial(ToPath, STORE_PATH, LoadDocument(collection, key))
        answer = await self._base.ask_as_async(self._node, question, RECALL_S)
        return dict(answer.document) if isinstance(answer, DocumentLoaded) and answer.document is not None else None

    def _hear(self, answer: object) -> None:
        """React to the sessions' supervisor; to a refusal after its turn, or an error here would be one of its own."""
        match answer:
            case ChildStarted(id=started):  # and has taken its relay over
                self._starting.pop(SessionId(started), None)
            case ChildRefused(id=refused, reason=reason):
                self._loop.call_soon(partial(self._refuse, SessionId(refused), is_early=reason == "duplicate"))
            case NoSuchChild(message=StartChild(spec)):
                self._loop.call_soon(self._refuse, SessionId(spec.id))

    def _refuse(self, session_id: SessionId, *, is_early: bool = False) -> None:
        """There is no room, or not yet: the session before of the same call has not ended."""
        start = self._starting.get(session_id)
        if start is None:
            return
        if is_early and self._ports.now() < start.deadline:
            self._loop.call_later(AGAIN_S, self._ask_again, start)
            return
        del self._starting[session_id]
        start.relay.close(Verdict.REFUSED)
        start.relay.release()

    def _ask_again(self, start: _Start) -> None:
        if self._starting.get(start.relay.session_id) is start:
            self._ask_for(start)

    def _look(self) -> None:
        """Forget who has a session, ask again for who has none yet, and send away who will never have one."""
        now, self._looking = self._ports.now(), None
        for session_id, start in tuple(self._starting.items()):
            if start.relay.is_attached:
                del self._starting[session_id]
            elif now > start.deadline:
                del self._starting[session_id]
                start.relay.release()
            else:
                self._ask_for(start)  # lost with a supervisor that crashed, or else refused as a duplicate


def _received(document: dict[str, object], here: Ended | None, claim: Claim) -> int | None:
    """How many texts were taken, as the caller counts; None where it is not known: a greeting or a save was lost."""
    counts = [(document.get("countedFrom", 0), document.get("received"))]
    if here is not None:
        counts.append((here.counted_from, here.received))
    return max((n for since, n in counts if since == claim.counted_from and isinstance(n, int)), default=None)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
