"""Addresses: Thespian's, with a direct way to the mailbox behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thespian.actors import ActorAddress

if TYPE_CHECKING:
    from supervisor.system_base.cell import Cell
    from supervisor.system_base.engine import Engine
    from supervisor.system_base.external import Endpoint


class Address(ActorAddress):  # type: ignore[misc]  # Thespian is untyped
    """The address of one actor of ours. Its ``target`` is None once the actor has ended, so that it keeps nothing."""

    __slots__ = ("_aaddr", "actorAddressString", "home", "target")
    # Thespian's attribute and its property; as slots they need no dict and no call.

    def __init__(self, details: str, home: Engine) -> None:
        self._aaddr = self.actorAddressString = details
        self.home = home
        self.target: Cell | Endpoint | None = None

    def __deepcopy__(self, memo: object) -> Address:
        """Stay the same address: a copied message must not copy the actor behind it."""
        return self

    def __copy__(self) -> Address:
        return self

    def __reduce__(self) -> tuple[type[ActorAddress], tuple[str]]:
        """Travel as plain text: an address that comes back is looked up by its string."""
        return (ActorAddress, (self.actorAddressString,))
