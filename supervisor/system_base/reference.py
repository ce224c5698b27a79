"""What an actor holds of its system (`Actor._myRef`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from supervisor.system_base.errors import OutOfScopeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from thespian.actors import ActorAddress

    from supervisor.system_base.address import Address
    from supervisor.system_base.cell import Cell
    from supervisor.system_base.engine import Engine


class Reference(Struct, eq=False):
    """Thespian's per-actor operations; their names are Thespian's."""

    _engine: Engine
    _cell: Cell
    address: Address

    @property
    def globalName(self) -> str | None:  # noqa: N802
        """The name given to createActor."""
        return self._cell.name

    @property
    def mailbox_depth(self) -> int:
        """How many messages wait, the present one included."""
        return len(self._cell.mailbox)

    def createActor(  # noqa: N802
        self,
        actor: object,
        requirements: Mapping[str, object] | None,
        name: str | None,
        source: str | None = None,
    ) -> Address:
        """Create a child."""
        if source is not None:
            raise OutOfScopeError("creating actors from loaded source")
        return self._engine.create_child(self._cell, actor, requirements, name)

    def actor_send(self, target: ActorAddress, message: object) -> None:
        """Send from this actor."""
        self._engine.post(target, message, self.address)

    def wakeupAfter(self, period: timedelta, payload: object = None) -> None:  # noqa: N802
        """Schedule a wakeup."""
        self._engine.wakeup_after(self._cell, period, payload)

    def handleDeadLetters(self, address: ActorAddress, enable: bool) -> None:  # noqa: FBT001, N802
        """Become, or stop being, the receiver of dead letters."""
        self._engine.handle_dead_letters(address, enable=enable)

    def updateCapability(self, name: str, value: object) -> None:  # noqa: N802
        """Set a capability of the system; None removes it."""
        set_capability(self._engine.capabilities, name, value)

    def notifyOnSystemRegistrationChanges(self, address: ActorAddress, enable: bool) -> None:  # noqa: FBT001, N802
        """Nothing to do: one system has no convention, so nobody ever registers."""

    def preRegisterRemoteSystem(self, *_: Any) -> None:  # noqa: N802
        """Nothing to do: see `notifyOnSystemRegistrationChanges`."""

    def deRegisterRemoteSystem(self, *_: Any) -> None:  # noqa: N802
        """Nothing to do: see `notifyOnSystemRegistrationChanges`."""

    def registerSourceAuthority(self, *_: Any) -> None:  # noqa: N802
        """Refuse, clearly."""
        raise OutOfScopeError("loading actor source at run time")

    def notifyOnSourceAvailability(self, *_: Any) -> None:  # noqa: N802
        """Refuse, clearly."""
        raise OutOfScopeError("loading actor source at run time")

    def loadActorSource(self, *_: Any) -> None:  # noqa: N802
        """Refuse, clearly."""
        raise OutOfScopeError("loading actor source at run time")

    def unloadActorSource(self, *_: Any) -> None:  # noqa: N802
        """Refuse, clearly."""
        raise OutOfScopeError("loading actor source at run time")

    def actorSystemShutdown(self) -> None:  # noqa: N802
        """Begin the end of all actors; returns at once."""
        self._engine.begin_shutdown()


def set_capability(capabilities: dict[str, object], name: str, value: object) -> None:
    """Set, or remove with None."""
    if value is None:
        capabilities.pop(name, None)
    else:
        capabilities[name] = value
