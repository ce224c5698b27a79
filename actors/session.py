"""The session actor: one caller. Thin: the session machine decides, this performs."""

from __future__ import annotations

from functools import partial
from sys import intern
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from msgspec import Struct
from msgspec.structs import replace

from actors import effects as fx
from actors import failover, session_end, session_machine
from actors.agent_link import AgentLink, LinkArgs
from actors.ids import FALLBACK_AGENT, AgentId, Generation, SessionId
from actors.messages import (
    CloseLink,
    EndCall,
    LinkReady,
    PatchMemory,
    ReadMemory,
    RelayEvent,
    TransferCall,
)
from actors.redials import Urgency
from actors.registry_messages import (
    ForgetHolders,
    InstanceGone,
    InstanceHealthy,
    InstancePicked,
    NoInstance,
    PickInstance,
    PickQueued,
    ReleaseInstance,
    StandbyRecalled,
)
from actors.session_events import SessionBegan, SessionEnded, SessionEvent
from actors.session_state import (
    Asked,
    CutOverDone,
    LinkExited,
    Moment,
    Record,
    Session,
    SessionInput,
    Stage,
    StopAsked,
    TakenUp,
    TimerDue,
)
from actors.store_messages import DeleteDocument, SaveDocument
from actors.turns import Turns
from actors.verdict import Verdict
from supervisor.parent import Parent
from supervisor.reasons import ExitReason, Normal, Shutdown

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from thespian.actors import ActorAddress

    from actors.call import Call
    from actors.ports import Ports, Relay, SessionSettings, Tracer
    from supervisor.child import Child

MEMORIES = "memories"
"""The store's collection of what sessions knew, by session id."""

CALLS = "calls"
"""The store's collection of calls that may be taken up, by session id."""

MAX_REQUESTS = 64  # open requests from outside; a session has one caller and one console
LINK = "link-"
SPEAKING_S = 1.0
_FROM_RELAY = frozenset(RelayEvent.__args__)  # a closed union of classes
_FROM_TREE = frozenset((LinkReady, InstancePicked, PickQueued, NoInstance, StandbyRecalled, InstanceGone, StopAsked))


class SessionArgs(Struct, frozen=True):
    """What one session needs; ``registry`` and ``store`` are paths in the tree."""

    session_id: SessionId
    relay: Relay
    ports: Ports
    settings: SessionSettings
    tracer: Tracer
    registry: str = "node/registry"
    store: str = "node/store"
    default_agent: AgentId = FALLBACK_AGENT
    call: Call | None = None
    """Another session's call, to be taken up."""

    def begin(self) -> Session:
        """The state that the session begins in."""
        state = Session(self.session_id, self.settings, self.default_agent, record=Record(began=self.ports.now()))
        if self.call is None:
            return state
        turns = Turns(stashed=self.call.unanswered, doubtful=0 if self.call.whole else 1)
        return replace(state, stage=Stage.OPEN, agent=self.call.agent, memory=self.call.memory, turns=turns)


class SessionActor(Parent):
    """Child of the dynamic supervisor ``sessions``; parent of its links."""

    kind = "session"

    def handle_start(self, args: object) -> None:
        """Take the relay over; what happened before is delivered first."""
        if not isinstance(args, SessionArgs):
            raise TypeError(f"a session needs SessionArgs, not {type(args).__name__}")
        self.args = args
        self.state = args.begin()
        self._askers: dict[int, ActorAddress] = {}
        self._asked = 0
        self._trace(SessionBegan(args.session_id, taken_up=args.call is not None))
        if args.call is not None:
            self._react(TakenUp())
        args.relay.attach(partial(args.ports.tell, self.myAddress))

    def handle(self, message: Any, sender: ActorAddress) -> None:
        """Feed what the caller, the agent, the links and the tree say to the machine."""
        kind = type(message)
        if kind in _FROM_RELAY:
            self._react(message)
            self.args.relay.heard()
        elif kind in _FROM_TREE:
            self._react(message)
        elif isinstance(message, ReadMemory | PatchMemory | TransferCall | EndCall):
            self._ask(message, sender)

    def handle_timer(self, name: Hashable) -> None:
        """Feed a timer to the machine."""
        if isinstance(name, fx.Timer):
            self._react(TimerDue(name))

    def handle_stop(self) -> None:
        """The node is going down: tell the caller, close in order.

        Behind what has been read: an answer that the caller has heard already must not be asked for again, and a text
        that was counted as taken must not be left out of the call that is kept.
        """
        self.args.relay.stop_reading()
        self.send(self.myAddress, StopAsked())

    def on_child_exited(self, child: Child, reason: ExitReason) -> None:
        """A link is gone; each link is a child of its own, so it is never started again as the same one."""
        self.children.forget(child.id)
        self._react(LinkExited(Generation(int(child.id.removeprefix(LINK))), reason))

    def on_child_stopped(self, child: Child, reason: ExitReason) -> None:
        """A link that a request from outside stopped."""
        self.on_child_exited(child, reason)

    def on_exit(self, reason: ExitReason) -> None:
        """Leave no caller without a close, and no place reserved, even if the machine could not see the end coming."""
        args: SessionArgs | None = getattr(self, "args", None)
        if args is not None:
            if not isinstance(reason, Normal):
                args.relay.close(Verdict.SHUTDOWN if isinstance(reason, Shutdown) else Verdict.OUR_BUG)
            args.relay.release()
            if self.state.stage not in {Stage.ENDING, Stage.ENDED}:  # the machine could not write it
                verdict = Verdict.SHUTDOWN if isinstance(reason, Shutdown) else Verdict.OUR_BUG
                self._trace(session_end.end_record(self.state, verdict, args.ports.now()))
                if self.state.stage is Stage.OPEN:  # whoever takes the call up must know which texts were taken
                    self._keep(fx.SaveMemory(self.state.memory))  # of a reaction that crashed, this is what was left
                    self.send_to(args.store, self._save_call(session_end.call_so_far(self.state), counted=True))
            self.send_to(args.registry, ForgetHolders(args.session_id))

    def restarts_left(self) -> int:
        """What remains of this session's budget."""
        return self.state.budget.remaining(self.args.settings, self.args.ports.now())

    def snapshot(self) -> dict[str, object]:
        """The session for people: nothing of what the caller said."""
        state, record = self.state, self.state.record
        counters = self.args.relay.counters()
        return {
            "session": state.name,
            "agent": state.agent,
            "url": state.current.instance.url if state.current else None,
            "generation": state.current.generation if state.current else None,
            "standby": state.standby.instance.url if state.standby and state.standby.instance else None,
            "swaps": record.swaps,
            "causes": record.causes,
            "to_agent": {"frames": counters.to_agent_frames, "bytes": counters.to_agent_bytes},
            "to_caller": {"frames": counters.to_caller_frames, "bytes": counters.to_caller_bytes},
            "dropped": {"frames": counters.dropped_frames, "bytes": counters.dropped_bytes},
            "added": {direction: delays.describe() for direction, delays in counters.delays.items()},
            "receipt": record.last.describe() if record.last else None,
        }

    # --- inside ---

    def _ask(self, request: ReadMemory | PatchMemory | TransferCall | EndCall, sender: ActorAddress) -> None:
        self._asked += 1
        if len(self._askers) >= MAX_REQUESTS:
            self._askers.pop(next(iter(self._askers)))  # the oldest has waited beyond any deadline of its asker
        self._askers[self._asked] = sender
        self._react(Asked(self._asked, request))

    def _react(self, event: SessionInput) -> None:
        ports, performed = self.args.ports, self._PERFORMED
        moment = Moment(ports.now(), int(ports.wall() * 1000), ports.random())
        self.state, wanted = session_machine.step(self.state, event, moment)
        for effect in wanted:
            performed[type(effect)](self, effect)

    def _pick(self, wish: fx.Pick) -> None:
        holder, urgency = self._holder(wish.generation), self._urgency() if wish.redial else None
        me, generation = self.myAddress, wish.generation
        place = (wish.agent_id, wish.exclude, urgency, wish.standby, wish.only)
        self._to_registry(PickInstance(me, holder, generation, *place))

    def _release(self, effect: fx.Release) -> None:
        holder = self._holder(effect.generation)
        self._to_registry(ReleaseInstance(holder, effect.instance, effect.failure))

    def _cut_over(self, order: fx.CutOver) -> None:
        if order.brief is not None:
            order.wire.send(order.brief)
        replayed = self.args.relay.cut_over(order.wire, order.generation, order.instance)
        self._react(CutOverDone(order.generation, replayed))

    def _keep(self, effect: fx.SaveMemory | fx.SaveCall | fx.ForgetCall) -> None:
        self.send_to(self.args.store, self._document(effect))

    def _document(self, effect: fx.SaveMemory | fx.SaveCall | fx.ForgetCall) -> SaveDocument | DeleteDocument:
        key, ttl_s = self.args.session_id, self.args.settings.memory_ttl_s
        match effect:
            case fx.SaveMemory(memory):
                return SaveDocument(MEMORIES, key, dict(memory), ttl_s)
            case fx.SaveCall(call):
                return self._save_call(call, counted=not self.state.caller_there or self.state.stage is not Stage.OPEN)
            case fx.ForgetCall():
                return DeleteDocument(CALLS, key)
            case _:
                assert_never(effect)

    def _save_call(self, call: Call, *, counted: bool) -> SaveDocument:
        """Keep the call; with the number of texts taken only where it does not go on growing."""
        document, counters = call.document(), self.args.relay.counters()
        if counted:
            document |= {"received": counters.received, "countedFrom": counters.counted_from}
        return SaveDocument(CALLS, self.args.session_id, document, self.args.settings.memory_ttl_s)

    def _start_link(self, order: fx.StartLink) -> None:
        args = LinkArgs(order.generation, order.instance, order.init, self.args.ports, self.args.settings)
        self.start_child(failover.link_spec(intern(f"{LINK}{order.generation}"), args, self.args.settings, AgentLink))

    def _urgency(self) -> Urgency:
        age_s = self.args.relay.counters().caller_audio_age_s
        speaks = (age_s is not None and age_s <= SPEAKING_S) or bool(self.state.turns.open())
        return Urgency.SPEAKING if speaks else Urgency.SILENT

    def _holder(self, generation: Generation) -> str:
        return f"{self.args.session_id}/{generation}"

    def _to_registry(self, message: object) -> None:
        self.send_to(self.args.registry, message)

    def _reply(self, token: int, message: object) -> None:
        asker = self._askers.pop(token, None)
        if asker is not None:
            self.send(asker, message)

    def _trace(self, event: SessionEvent) -> None:
        if type(event) is SessionEnded:
            event = replace(event, counters=self.args.relay.counters())
        self.args.tracer(self.args.session_id, event)

    _PERFORMED: ClassVar[dict[type[fx.SessionEffect], Callable[[SessionActor, Any], object]]] = {
        fx.CancelTimer: lambda self, effect: self.cancel_timer(effect.name),
        fx.StartTimer: lambda self, effect: self.start_timer(effect.name, effect.seconds),
        fx.Pick: _pick,
        fx.Release: _release,
        fx.MarkHealthy: lambda self, effect: self._to_registry(InstanceHealthy(effect.instance)),
        fx.StartLink: _start_link,
        fx.StopLink: lambda self, effect: self.send_to_child(f"{LINK}{effect.generation}", CloseLink(effect.verdict)),
        fx.Hold: lambda self, _: self.args.relay.hold(),
        fx.CutOver: _cut_over,
        fx.ForwardText: lambda self, effect: self.args.relay.forward_text(effect.text),
        fx.Repeat: lambda self, effect: self.args.relay.repeat(effect.texts),
        fx.ToAgent: lambda self, effect: self.args.relay.send_to_agent(effect.message),
        fx.ToCaller: lambda self, effect: self.args.relay.send_to_caller(effect.message),
        fx.Emit: lambda self, effect: self._trace(effect.event),
        fx.SaveMemory: _keep,
        fx.SaveCall: _keep,
        fx.ForgetCall: _keep,
        fx.Reply: lambda self, effect: self._reply(effect.token, effect.message),
        fx.CloseCaller: lambda self, effect: self.args.relay.close(effect.verdict),
        fx.Finish: lambda self, effect: self.exit(Shutdown() if effect.verdict is Verdict.SHUTDOWN else Normal()),
    }
    """How each effect is performed: a look-up, for a session has dozens. A test sees that none is missing."""
