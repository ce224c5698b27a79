"""Who is at a path now: the fixed actors of one process by name, for neighbours that reach them without a detour."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thespian.actors import ActorAddress


class Names:
    """Addresses by path. Static supervisors enter their running children, and strike them out when they end.

    It belongs to one process: pickled, it arrives empty and stays so, and messages find their way through the tree.
    """

    __slots__ = ("_addresses",)

    def __init__(self) -> None:
        self._addresses: dict[str, ActorAddress] = {}

    def __repr__(self) -> str:
        return f"Names({sorted(self._addresses)})"

    def __reduce__(self) -> tuple[type[Names], tuple[()]]:
        return (Names, ())

    def find(self, path: str) -> ActorAddress | None:
        """The incarnation that runs at ``path``; None where the tree must be asked."""
        return self._addresses.get(path)

    def enter(self, path: str, address: ActorAddress) -> None:
        """It has started."""
        self._addresses[path] = address

    def strike(self, path: str) -> None:
        """It has ended, or is about to."""
        self._addresses.pop(path, None)
