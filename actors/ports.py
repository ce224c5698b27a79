"""What the actors need of the world. The gateway implements these; the simulation does too.

Ownership: a wire has one owner at a time. The dialer owns it until `WireOpened` is delivered, the link actor until
the session cuts over, and the relay forwards through it from then on; only the link actor closes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field

if TYPE_CHECKING:
    from thespian.actors import ActorAddress

    from actors.ids import AgentId, Generation, Instance, SessionId
    from actors.messages import CallerText, RelayEvent, WireEvent
    from actors.registry_messages import ProbeAnswered
    from actors.verdict import Verdict

Json = Mapping[str, object]


class AgentWire(Protocol):
    """One open WebSocket to an agent.

    Until it is current it keeps every frame it receives, in order, within a byte bound (then it stops reading), and
    also delivers each *text* frame to the link actor as `WireText`, so that readiness is seen. When the relay cuts
    over to it, the kept frames are played through the relay first. After it was current, or never was, further
    frames are counted and have no effect.
    """

    def send(self, message: Json) -> None:
        """Write one JSON text frame; never blocks; without effect on a wire that has ended."""

    def stand_by(self) -> None:
        """Drop what was kept and keep nothing more, until it is current."""

    def close(self, verdict: Verdict) -> None:
        """Begin the closing handshake, bounded in time; `WireClosed` is delivered exactly once at its end."""

    def abort(self) -> None:
        """Drop the connection now; `WireClosed` is delivered if it was not yet."""


class Dialling(Protocol):
    """A connection attempt under way."""

    def cancel(self) -> None:
        """Give the attempt up in whatever phase it is; nothing is delivered afterwards and nothing leaks."""


class Dialer(Protocol):
    """Opens WebSockets to agents."""

    def dial(self, url: str, deliver: Callable[[WireEvent], None], traceparent: str = "") -> Dialling:
        """Start connecting to ``url`` (``ws://``, ``wss://``, ``http://`` or ``https://``; ``/session`` is added).

        ``traceparent`` (W3C Trace Context), where there is one, goes along in the handshake. Delivers `WireOpened`
        once, or `WireRefused` once; after `WireOpened`, `WireText` per text frame until the wire is current, and in
        the end `WireClosed` once. Never raises for what the network or the URL does.
        """


class Prober(Protocol):
    """Asks an agent instance whether it is alive."""

    def probe(self, agent_id: AgentId, url: str, deliver: Callable[[ProbeAnswered], None]) -> None:
        """GET ``/health`` at the instance; delivers once, within a deadline. Alive means 200 and its own agent id."""


class Replayed(Struct, frozen=True, gc=False):
    """What a hold kept, replayed and dropped; part of the swap's receipt."""

    texts: int = 0
    audio_frames: int = 0
    audio_bytes: int = 0
    dropped_frames: int = 0
    dropped_bytes: int = 0
    held_ms: int = 0


class Described(Protocol):
    """Figures that are worked out when somebody looks."""

    def describe(self) -> Mapping[str, object]:
        """Plain values for people."""


class RelayCounters(Struct, frozen=True):
    """Frames and bytes forwarded in each direction, and dropped by the named policy, since the session began."""

    to_agent_frames: int = 0
    to_agent_bytes: int = 0
    to_caller_frames: int = 0
    to_caller_bytes: int = 0
    dropped_frames: int = 0
    dropped_bytes: int = 0
    stashed_bytes: int = 0
    caller_audio_age_s: float | None = None
    agent_audio_age_s: float | None = None
    late_frames: int = 0
    """Of those dropped: speech of the agent while the caller's socket was gone."""
    delays: Mapping[str, Described] = field(default_factory=dict)
    """What the gateway added, by direction; goes on changing."""
    received: int = 0
    """Texts taken from the caller, by all sessions of the call."""
    counted_from: int = 0
    """The claim whose greeting this count began with: who never got that greeting counts otherwise."""


class Relay(Protocol):
    """The caller's side of one session: forwards frames between caller and current link without the actors.

    Begins *held*: frames for the agent go to the stash, bounded in bytes and milliseconds.
    """

    def attach(self, deliver: Callable[[RelayEvent], None]) -> None:
        """Name the session actor's inlet; events that happened before are delivered first, in order."""

    def heard(self) -> None:
        """One more of the delivered events has been reacted to.

        While none is under way, the relay itself passes on what a session that serves its caller only passes on.
        """

    def hold(self) -> None:
        """What is for the agent is stashed from now on, until `cut_over`. Idempotent.

        The wire that was current stays heard (its tail reaches the caller, its signals reach the session) until
        another becomes current or it ends.
        """

    def cut_over(self, wire: AgentWire, generation: Generation, instance: Instance) -> Replayed:
        """Make ``wire`` current: replay the stash into it, then play what it kept, then forward directly.

        Cutting over to the wire that was current all along (the next agent could not be reached) replays the stash
        into it.
        """

    def forward_text(self, message: CallerText) -> None:
        """Pass one caller's text to the current link under the type it understands; stash it when held."""

    def repeat(self, texts: Sequence[CallerText]) -> None:
        """Put texts that a lost link did not answer before everything that is stashed.

        A text that is stashed already (the wire had ended before the session knew) stays where it is, once.
        """

    def send_to_agent(self, message: Json) -> None:
        """Write a control message (memory_update, end_of_speech, ...) to the current link; stash it when held."""

    def send_to_caller(self, message: Json) -> None:
        """Write one JSON text frame to the caller; without effect once the caller has gone."""

    def stop_reading(self) -> None:
        """Read nothing more of either side: the session ends as soon as it has heard what was read before."""

    def close(self, verdict: Verdict) -> None:
        """Begin closing the caller's socket, bounded in time. `CallerGone` is delivered at its end."""

    def release(self) -> None:
        """The session is over: nothing is delivered any more, and nobody may return to it."""

    def counters(self) -> RelayCounters:
        """Read the counters."""


class Tell(Protocol):
    """Put a message into an actor's mailbox from outside of any actor, without blocking."""

    def __call__(self, address: ActorAddress, message: object, /) -> None:
        """Tell."""


class Ports(Struct, frozen=True):
    """The world as one argument. ``now`` is monotonic seconds, ``wall`` Unix seconds, ``random`` is in [0, 1)."""

    dialer: Dialer
    tell: Tell
    now: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]


class Tracer(Protocol):
    """Takes domain events (swaps, routings, session ends); attached by the gateway, which logs and counts them."""

    def __call__(self, session_id: SessionId, event: object) -> None:
        """Observe; must not raise and must not block."""


class StoreFailed(Exception):  # noqa: N818 - names what happened
    """The store cannot serve now: a full disk, a lock that somebody else holds. It may be opened again later."""


class NotJson(Exception):  # noqa: N818 - names what it is
    """The document can never be written: it holds what is no JSON, or no Unicode."""


class Store(Protocol):
    """Keeps what survives a session and a process; called by the store actor only. Each call may raise `StoreFailed`.

    ``close`` raises nothing.
    """

    def load(self, collection: str, key: str) -> dict[str, object] | None:
        """Read one document; None when absent or expired."""

    def save(self, collection: str, key: str, document: Json, ttl_s: float | None = None) -> None:
        """Write one document, replacing it. Raises `NotJson`."""

    def delete(self, collection: str, key: str) -> None:
        """Remove one document; absent is fine."""

    def keys(self, collection: str) -> list[str]:
        """The keys of a collection that have not expired."""

    def close(self) -> None:
        """Release what is held."""


class SessionSettings(Struct, frozen=True):
    """The times and bounds of one session; seconds unless the name says otherwise."""

    dial_s: float = 5.0
    ready_s: float = 5.0
    swap_s: float = 10.0
    close_s: float = 2.0
    patience_s: float = 15.0
    """How long a caller is held without any agent before being told and closed."""
    park_s: float = 60.0
    """How long a session waits for a caller whose socket is gone; 0 ends it at once."""
    linger_s: float = 10.0
    """How long its link goes on meanwhile."""
    healthy_after_s: float = 5.0
    intensity: int = 5
    period_s: float = 30.0
    backoff_initial_s: float = 0.05
    backoff_max_s: float = 2.0
    memory_ttl_s: float = 3600.0
    standby: bool = False
    """Whether a proven call gets a second link that is kept ready, as far as the registry has room for it."""
    traced: bool = False
    """Whether sessions are traced, so that agents are told where their spans belong."""
    persona_agents: Mapping[str, str] = field(default_factory=dict)
