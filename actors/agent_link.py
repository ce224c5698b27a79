"""The link actor: one WebSocket to one agent instance. Thin: the link machine decides, this performs."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from actors import link_machine
from actors.effects import (
    AbortWire,
    ArmLink,
    CancelDial,
    CloseWire,
    Dial,
    DisarmLink,
    EndLink,
    LinkEffect,
    LinkTimer,
    SendInit,
    TellReady,
)
from actors.link_end import LinkFailed
from actors.link_machine import Begin, LinkEvent, LinkState, LinkTimerDue
from actors.messages import CloseLink, LinkReady, WireClosed, WireOpened, WireRefused, WireText
from actors.verdict import Verdict
from supervisor.reasons import Crashed
from supervisor.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from thespian.actors import ActorAddress

    from actors.ids import Generation, Instance
    from actors.messages import WireEvent
    from actors.ports import AgentWire, Dialling, Json, Ports, SessionSettings


class LinkArgs(Struct, frozen=True):
    """What one link needs; ``init`` is its session_init without the timestamp."""

    generation: Generation
    instance: Instance
    init: Json
    ports: Ports
    settings: SessionSettings


_DURATIONS = {
    LinkTimer.DIAL: attrgetter("dial_s"),
    LinkTimer.READY: attrgetter("ready_s"),
    LinkTimer.CLOSE: attrgetter("close_s"),
}
"""How long a link waits for each, in seconds, out of the settings."""

DEADLINE = "deadline"
_HEARD = frozenset({WireOpened, WireRefused, WireText, WireClosed, CloseLink})


class Inlet(Struct, eq=False):
    """Where the dialer delivers. It owns the wire until the actor has read `WireOpened`, and after the actor's end.

    So a wire that opens while its actor is being killed is dropped, and not forgotten.
    """

    _ports: Ports
    _address: ActorAddress
    _wire: AgentWire | None = None
    _closed: bool = False

    def deliver(self, event: WireEvent) -> None:
        """Pass an event on to the actor, or end what nobody wants any more."""
        if isinstance(event, WireOpened):
            self._wire = event.wire
        elif isinstance(event, WireClosed):
            self._wire = None
        if not self._closed:
            self._ports.tell(self._address, event)
        elif isinstance(event, WireOpened):
            event.wire.abort()

    def close(self) -> None:
        """Nobody reads from now on."""
        self._closed = True
        if self._wire is not None:
            self._wire.abort()


class AgentLink(Supervised):
    """Dials, says session_init, reports readiness, and ends with one reason."""

    kind = "link"

    def handle_start(self, args: object) -> None:
        """Begin to dial."""
        if not isinstance(args, LinkArgs):
            raise TypeError(f"a link needs LinkArgs, not {type(args).__name__}")
        self.args = args
        self.state: LinkState = link_machine.Dialling()
        self.inlet = Inlet(args.ports, self.myAddress)
        self.dialling: Dialling | None = None
        self._react(Begin())

    def handle(self, message: Any, sender: ActorAddress) -> None:  # noqa: ARG002 - the parent and the wire only
        """Feed what the wire or the session says to the machine."""
        if type(message) in _HEARD:  # nobody else knows this address; a bounced message is void
            self._react(message)

    def handle_timer(self, name: Hashable) -> None:  # noqa: ARG002 - there is one
        """Feed the deadline to the machine."""
        self._react(LinkTimerDue())

    def handle_stop(self) -> None:
        """Close in order; the session has usually said why before."""
        self._react(CloseLink(Verdict.SHUTDOWN))

    def on_exit(self, reason: object) -> None:  # noqa: ARG002 - whatever the reason, nothing stays open
        """Leave neither an attempt nor a wire behind."""
        dialling, inlet = getattr(self, "dialling", None), getattr(self, "inlet", None)
        if dialling is not None:
            dialling.cancel()
        if inlet is not None:
            inlet.close()

    def snapshot(self) -> dict[str, object]:
        """Show the state and where it leads."""
        instance = self.args.instance
        return {
            "link": type(self.state).__name__.lower(),
            "agent": instance.agent_id,
            "url": instance.url,
            "generation": self.args.generation,
        }

    def _react(self, event: LinkEvent) -> None:
        performed = self._PERFORMED
        self.state, effects = link_machine.step(self.state, event)
        for effect in effects:
            performed[type(effect)](self, effect)

    def _dial(self, _: Dial) -> None:
        parent = str(self.args.init.get("traceparent", ""))
        self.dialling = self.args.ports.dialer.dial(self.args.instance.url, self.inlet.deliver, parent)

    def _send_init(self, effect: SendInit) -> None:
        self.dialling = None
        effect.wire.send({**self.args.init, "timestamp": int(self.args.ports.wall() * 1000)})

    def _tell_ready(self, effect: TellReady) -> None:
        if self.args.init.get("standby"):
            effect.wire.stand_by()
        self.tell_parent(LinkReady(self.args.generation, effect.wire))

    def _cancel_dial(self) -> None:
        if self.dialling is not None:
            self.dialling.cancel()
            self.dialling = None

    _PERFORMED: ClassVar[dict[type[LinkEffect], Callable[[AgentLink, Any], None]]] = {
        Dial: _dial,
        CancelDial: lambda self, _: self._cancel_dial(),
        SendInit: _send_init,
        TellReady: _tell_ready,
        CloseWire: lambda _, effect: effect.wire.close(effect.verdict),
        AbortWire: lambda _, effect: effect.wire.abort(),
        ArmLink: lambda self, effect: self.start_timer(DEADLINE, _DURATIONS[effect.name](self.args.settings)),
        DisarmLink: lambda self, _: self.cancel_timer(DEADLINE),
        EndLink: lambda self, effect: self.exit(None if effect.end is None else Crashed(LinkFailed(effect.end))),
    }
    """How each effect is performed; a test sees that none is missing."""
