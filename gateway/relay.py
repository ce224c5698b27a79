"""The hot path: one frame in, one frame out, synchronously; see `actors.ports.Relay`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from picows import WSMsgType

from actors.messages import (
    CallerChose,
    CallerConfigured,
    CallerGone,
    CallerReturned,
    CallerSent,
    CallerSpoke,
    CallerStoppedSpeaking,
    CallerText,
    StashOverflowed,
)
from actors.ports import RelayCounters, Replayed
from actors.token_bucket import TokenBucket
from actors.verdict import Verdict
from gateway import close_codes
from gateway.agent_socket import AgentSocket
from gateway.backlog import Backlog
from gateway.call_meter import SAMPLE_MASK, CallMeter, Tally
from gateway.close_codes import TO_CALLER
from gateway.socket_core import Pause, Phase
from gateway.stash import Stash
from gateway.translate import Translator
from gateway.wire import Malformed, Ping, decode, encode, parse_caller, sniff_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actors.ids import Generation, Instance, SessionId
    from actors.messages import RelayEvent
    from actors.ports import AgentWire, Json
    from gateway.client_socket import ClientSocket
    from gateway.resume import ResumeTokens
    from gateway.socket_core import SocketCore

TEXTS_A_SECOND, TEXTS_AT_ONCE = 50.0, 500.0
"""Of a caller's JSON: each becomes a message to his session actor, whose mailbox has no bound of its own."""
MAX_EARLY_EVENTS = 64  # between accept and attach; the session actor attaches within one loop turn
_OPEN, _PEER_SLOW = Phase.OPEN, Pause.PEER_SLOW
_BINARY = WSMsgType.BINARY
_HELLO: dict[str, object] = {}  # there is nothing to add to most greetings
_BRACE = ord("{")


@dataclass(frozen=True, slots=True)
class Ended:
    """What this process itself knows of a call whose session has ended here, whatever became of its store."""

    counted_from: int
    received: int
    agent_id: str | None


class CallerRelay:
    """One session's frames. Held: the caller's are stashed, the current agent's still flow to the caller."""

    __slots__ = (
        "_agent_audio_at",
        "_allowance",
        "_backlog",
        "_box",
        "_caller_audio_at",
        "_client",
        "_counted_from",
        "_deliver",
        "_dropped_before",
        "_early",
        "_first_claim",
        "_frames_to_agent",
        "_frames_to_caller",
        "_generation",
        "_held_at",
        "_hello",
        "_instance",
        "_meter",
        "_now",
        "_octets_to_agent",
        "_octets_to_caller",
        "_received",
        "_seen_by_caller",
        "_source",
        "_spoke",
        "_stash",
        "_target",
        "_texts_to_agent",
        "_texts_to_caller",
        "_tokens",
        "_translator",
        "_under_way",
        "_unheard",
        "_verdict",
        "_wall",
        "claim",
        "on_release",
        "session_id",
    )

    def __init__(
        self,
        session_id: SessionId,
        client: ClientSocket,
        now: Callable[[], float],
        wall: Callable[[], float],
        stash: Stash | None = None,
        tokens: ResumeTokens | None = None,
        claim: int = 0,
        meter: CallMeter | None = None,
    ) -> None:
        self.session_id = session_id
        self._client = client
        self._now = now
        self._wall = wall
        self._stash = stash or Stash()
        self._tokens = tokens
        self._translator = Translator(session_id, wall)
        self._deliver: Callable[[RelayEvent], None] | None = None
        self._early: list[RelayEvent] | tuple[()] = ()
        self._under_way = 0  # events that the session has not reacted to
        self._source: AgentSocket | None = None  # whose words the caller hears
        self._target: AgentSocket | None = None  # who hears the caller; None while held
        self._generation: Generation | None = None
        self._instance: Instance | None = None
        self._spoke = False
        self._held_at = now()
        self._dropped_before = (0, 0)
        self._frames_to_agent = self._octets_to_agent = self._frames_to_caller = self._octets_to_caller = 0  # audio
        self._unheard = Tally()
        self._texts_to_agent, self._texts_to_caller = Tally(), Tally()
        self._meter = meter or CallMeter.of(None)
        self._box = self._meter.box
        self._backlog = Backlog()
        self._seen_by_caller = 0  # where he was when his socket ended
        self._allowance = TokenBucket(TEXTS_A_SECOND, TEXTS_AT_ONCE)
        self._received = 0  # texts, so that he can send again what was lost on the way
        self._counted_from = claim  # the claim that came with the greeting that this count began with
        self.claim = self._first_claim = claim
        self._verdict: Verdict | None = None  # with which the session closed him
        self._hello: Json | None = None  # what began this relay's greeting; None before it
        self.on_release: Callable[[CallerRelay], None] = lambda relay: None  # noqa: ARG005
        self._caller_audio_at: float | None = None
        self._agent_audio_at: float | None = None
        client.sink = self

    # --- the port --------------------------------------------------------------------------------------------------

    def attach(self, deliver: Callable[[RelayEvent], None]) -> None:
        """Name the session's inlet; one that comes too late hears that nobody is there."""
        if self._deliver is _nobody:
            deliver(CallerGone(close_codes.NORMAL, ""))
            return
        self._deliver = deliver
        early, self._early = self._early, ()
        for event in early:
            deliver(event)

    def heard(self) -> None:
        """Count one event that is not under way to the session any more."""
        self._under_way -= 1

    def hold(self) -> None:
        """Stash what is for the agent; the current agent is still heard."""
        if self._target is None:
            return
        self._target = None
        self._spoke = False
        self._held_at = self._now()
        self._client.resume_reading(_PEER_SLOW)

    def cut_over(self, wire: AgentWire, generation: Generation, instance: Instance) -> Replayed:
        """Make ``wire`` current."""
        if not isinstance(wire, AgentSocket):
            raise TypeError("the relay forwards through wires of its own dialer only")
        if self._source is not None and self._source is not wire:
            self._source.retire()
        held_ms = 0 if self._target is not None else int((self._now() - self._held_at) * 1000)
        self._source = wire
        self._generation, self._instance = generation, instance
        if wire.phase is _OPEN:
            self._target = wire
            replayed = self._replay(wire, instance, held_ms)
        else:  # it ended while being chosen: still held, and the stash waits for the next
            self._target = None
            replayed = Replayed(held_ms=held_ms)
        if (start := self._translator.start()) is not None:
            self._say(start)
        wire.become_current(self)
        _push_back(wire, self._client.write_paused)
        _push_back(self._client, self._target is not None and wire.write_paused)
        return replayed

    def forward_text(self, message: CallerText) -> None:
        """Pass one caller's text on."""
        target = self._open_target()
        if target is not None and self._instance is not None:
            self._write(target, encode(_text_frame(message, self._instance)))
        else:
            self._keep(message, _size(message))

    def repeat(self, texts: Sequence[CallerText]) -> None:
        """Put texts before everything that is stashed, unless they are stashed themselves."""
        for text in reversed(texts):
            if not self._stash.holds(text) and not self._stash.add_first(text, _size(text)):
                self._tell(StashOverflowed())

    def send_to_agent(self, message: Json) -> None:
        """Write a control message."""
        data = encode(message)
        target = self._open_target()
        if target is not None:
            self._write(target, data)
        else:
            self._keep(message, len(data))

    def send_to_caller(self, message: Json) -> None:
        """Write one JSON text frame to the caller."""
        self._say(encode(message))

    def injected(self, text: str) -> None:
        """Hide the echo of a text that the caller did not say."""
        self._translator.injected(text)

    def stop_reading(self) -> None:
        """Leave to TCP what either side says from now on; the closes read on to their end."""
        self._client.pause_reading(Pause.ENDING)
        if self._source is not None:
            self._source.pause_reading(Pause.ENDING)

    def close(self, verdict: Verdict) -> None:
        """Begin closing the caller's socket."""
        self._verdict = verdict
        close = TO_CALLER[verdict]
        if close.reconnect and self._tokens is not None:
            self.send_to_caller({"type": "status", "state": "closing", "received": self._received})
        self._client.begin_close(close.code, close.reason)

    def release(self) -> None:
        """The session has ended, or will never be; a caller who has just come back to it is told to come again."""
        self._deliver = _nobody
        self.on_release(self)
        if self.is_connected:
            self.close(Verdict.SHUTDOWN)

    def abort(self) -> None:
        """Drop the caller's connection now."""
        self._client.drop()

    def cut(self, generation: int) -> bool:
        """Break the link of that number as a network would; False while it is not the current one."""
        if self._source is None or self._generation != generation:
            return False
        self._source.cut()
        return True

    def counters(self) -> RelayCounters:
        """Read the counters."""
        now = self._now()
        return RelayCounters(
            self._frames_to_agent + self._texts_to_agent.frames,
            self._octets_to_agent + self._texts_to_agent.octets,
            self._frames_to_caller + self._texts_to_caller.frames,
            self._octets_to_caller + self._texts_to_caller.octets,
            self._stash.dropped_frames + self._unheard.frames,
            self._stash.dropped_bytes + self._unheard.octets,
            self._stash.size,
            None if self._caller_audio_at is None else now - self._caller_audio_at,
            None if self._agent_audio_at is None else now - self._agent_audio_at,
            self._unheard.frames,
            {"to_agent": self._meter.to_agent, "to_caller": self._meter.to_caller},
            self._received,
            self._counted_from,
        )

    @property
    def state(self) -> str:
        """How the caller is served, in one word."""
        match self._client.phase:
            case Phase.CLOSED:
                return "parked"
            case Phase.CLOSING:
                return "ending"
            case _:
                return "live" if self._target is not None else "held" if self._instance is not None else "waiting"

    # --- callers who come back --------------------------------------------------------------------------------------

    @property
    def is_attached(self) -> bool:
        """A session has taken it over, or it was released."""
        return self._deliver is not None

    def ended(self) -> Ended | None:
        """What to remember of it; None where nobody may come back."""
        if self._verdict is None or not TO_CALLER[self._verdict].reconnect:
            return None
        return Ended(self._counted_from, self._received, self._instance.agent_id if self._instance else None)

    @property
    def is_connected(self) -> bool:
        """The caller's socket is open."""
        return self._client.phase is _OPEN

    def rebind(self, client: ClientSocket, claim: int, seen: int | None) -> None:
        """Go on with another socket of the same caller; he is sent again what came after the text ``seen``.

        A ``claim`` older than this relay says that its first greeting never reached him: he gets it now, for what he
        counts is of the session before.
        """
        before, self._client = self._client, client
        if before.sink is self:
            before.sink = None
            close = TO_CALLER[Verdict.DISPLACED]
            before.begin_close(close.code, close.reason)
            self._seen_by_caller = self._backlog.last
        client.sink = self
        if self._hello is None:
            return  # whoever takes the call up is about to greet
        self.claim += 1
        if claim < self._first_claim:
            start, missed = self._backlog.after(0)
            self._greet({**self._hello, "seq": start})
        else:
            start, missed = self._backlog.after(self._seen_by_caller if seen is None else seen)
            self._greet({"resumed": True, "seq": start, "received": self._received})
        for frame in missed:
            client.send_text(frame)
        if self._source is not None:
            _push_back(self._source, client.write_paused)
        if self._target is not None:
            _push_back(client, self._target.write_paused)
        self._tell(CallerReturned())

    def _greet(self, more: Json) -> None:
        stamp = int(self._wall() * 1000)
        greeting: dict[str, object] = {"type": "connected", "sessionId": self.session_id, "timestamp": stamp, **more}
        if self._tokens is not None:
            greeting["resumeToken"] = self._tokens.issue(self.session_id, self.claim, self._counted_from)
        if self._instance is not None:
            greeting["agent"] = self._instance.agent_id
        self._client.send_text(encode(greeting))

    # --- from the caller -------------------------------------------------------------------------------------------

    def greet(self, *, taken_up: bool, received: int | None = None, counted_from: int = 0) -> None:
        """Say ``connected``; ``taken_up``: the call goes on that another session had, which took ``received`` texts.

        Without that number both sides count anew.
        """
        if taken_up:
            self._translator.start()  # the caller had his session_start from the session before
        hello: dict[str, object] = {"resumed": True} if taken_up else {}
        if taken_up and received is not None:
            self._received = hello["received"] = received
            self._counted_from = counted_from
        self._hello = hello or _HELLO
        self._greet(hello)

    def on_caller_binary(self, data: bytes) -> None:
        """Audio, or JSON in disguise."""
        if data and data[0] == _BRACE and _is_json(data):
            self.on_caller_text(data)
            return
        now, target = self._now, self._target
        self._caller_audio_at = at = now()
        if target is not None and target.phase is _OPEN:
            write = target.write  # an attribute: called like a method, it would be looked up as one, in vain
            write(_BINARY, data)
            self._frames_to_agent = frames = self._frames_to_agent + 1
            self._octets_to_agent = octets = self._octets_to_agent + len(data)
            if frames & SAMPLE_MASK == 1:
                self._meter.sample_to_agent(at, now(), frames, octets)
        else:
            self._keep_audio(data, at)

    def on_caller_text(self, data: bytes) -> None:
        """Answer or deliver one JSON message."""
        if self._allowance.take(self._now()):
            self._client.begin_close(close_codes.POLICY_VIOLATION, "too many messages")
            return
        message = parse_caller(data)
        match message:
            case CallerSent():  # the most frequent first: a case that does not match costs as much as a call
                self._pass_on(message)
            case CallerText():
                if self._tell(message):
                    self._received += 1
                    if message.skip_transcript:
                        self._translator.injected(message.text)
            case CallerChose() | CallerStoppedSpeaking():
                self._tell(message)
            case Ping():
                self._answer({"type": "pong", "timestamp": int(self._wall() * 1000)})
            case Malformed():
                self._answer({"type": "error", "message": message.problem})
            case CallerConfigured():
                self._answer({"type": "config_applied"})
                self._tell(message)
            case _:
                assert_never(message)

    def on_caller_gone(self, code: int, reason: str) -> None:
        """Tell the session, and stop pushing back on the agent."""
        if self._source is not None:
            _push_back(self._source, slow=False)
        self._seen_by_caller = self._backlog.last
        if self._hello is None:
            self.on_release(self)  # no session was asked for
        self._tell(CallerGone(code, reason))

    def on_caller_slow(self, slow: bool) -> None:  # noqa: FBT001
        """Push back on the agent."""
        if self._source is not None:
            _push_back(self._source, slow)

    # --- from the agent --------------------------------------------------------------------------------------------

    def on_agent_binary(self, data: bytes) -> None:
        """Audio, or JSON in disguise."""
        if data and data[0] == _BRACE and _is_json(data):
            self.on_agent_text(data)
            return
        now, client = self._now, self._client
        self._agent_audio_at = at = now()
        if client.phase is _OPEN:
            write = client.write
            write(_BINARY, data)
            self._frames_to_caller = frames = self._frames_to_caller + 1
            self._octets_to_caller = octets = self._octets_to_caller + len(data)
            if frames & SAMPLE_MASK == 1:
                self._meter.sample_to_caller(at, now(), frames, octets)
        else:  # speech that is late is of no use
            self._unheard.count(len(data))

    def on_agent_text(self, data: bytes) -> None:
        """Translate for the caller and tell the session."""
        if self._generation is None or self._instance is None:
            return
        out, event = self._translator.translate(data, self._generation, self._instance.agent_id)
        if out is not None:
            self._say(out)
            self._texts_to_caller.count(len(out))
        if event is not None:
            self._tell(event)

    def on_agent_slow(self, wire: AgentSocket, slow: bool) -> None:  # noqa: FBT001
        """Push back on the caller."""
        if wire is self._target:
            _push_back(self._client, slow)

    def _keep_audio(self, data: bytes, at: float) -> None:
        self._open_target()  # notes where the wire has ended
        self._stash.add_audio(data, at * 1000)
        if not self._spoke:
            self._spoke = True
            self._tell(CallerSpoke())

    # --- inside ----------------------------------------------------------------------------------------------------

    def _pass_on(self, message: CallerSent) -> None:
        """Write what the session would only pass on, unless that would overtake what it has to hear."""
        target = self._target
        if self._under_way or target is None or target.phase is not _OPEN:
            self._tell(message)
            return
        data = encode(message.message)
        if self._box is not None:
            self._box.note_passed_on(message, len(data))
        self._write(target, data)

    def _open_target(self) -> AgentSocket | None:
        if self._target is not None and self._target.phase is not _OPEN:
            self.hold()  # the wire ended, and the session has not said so yet
        return self._target

    def _say(self, data: bytes) -> None:
        self._backlog.add(data)
        self._client.send_text(data)

    def _tell(self, event: RelayEvent) -> bool:
        """Tell the session, or keep it for the one to come; False where nobody will hear of it."""
        if self._box is not None:
            self._box.note(event)
        if self._deliver is not None:
            self._deliver(event)
        elif len(self._early) < MAX_EARLY_EVENTS or isinstance(event, CallerGone):
            self._early = [*self._early, event]
        else:
            self._client.drop()
            return False
        self._under_way += 1
        return True

    def _answer(self, message: Json) -> None:
        if not self._client.write_paused:  # a caller that does not read gets no answers
            self.send_to_caller(message)

    def _write(self, wire: AgentSocket, data: bytes) -> None:
        wire.send_text(data)
        self._texts_to_agent.count(len(data))

    def _keep(self, item: CallerText | Json, size: int) -> None:
        if not self._stash.add_text(item, size):
            self._tell(StashOverflowed())

    def _replay(self, wire: AgentSocket, instance: Instance, held_ms: int) -> Replayed:
        texts = frames = octets = 0
        for item in self._stash.take(self._now() * 1000):
            if isinstance(item, bytes):
                wire.send_binary(item)
                frames += 1
                octets += len(item)
                self._frames_to_agent += 1
                self._octets_to_agent += len(item)
                continue
            texts += 1
            self._write(wire, encode(_text_frame(item, instance) if isinstance(item, CallerText) else item))
        before = self._dropped_before
        self._dropped_before = after = (self._stash.dropped_frames, self._stash.dropped_bytes)
        return Replayed(texts, frames, octets, after[0] - before[0], after[1] - before[1], held_ms)


def _size(message: CallerText) -> int:
    return len(message.text.encode(errors="replace")) + 64


def _nobody(_: RelayEvent) -> None:
    """A session that has ended hears nothing."""


def _push_back(socket: SocketCore, slow: bool) -> None:  # noqa: FBT001
    (socket.pause_reading if slow else socket.resume_reading)(_PEER_SLOW)


def _is_json(data: bytes) -> bool:
    return sniff_type(data) is not None and decode(data) is not None


def _text_frame(message: CallerText, instance: Instance) -> Json:
    frame: dict[str, object] = {"type": instance.text_type, "text": message.text}
    if message.skip_transcript:
        frame["skipTranscript"] = True
    return frame
