"""Who is at a path now: the fixed actors of one tree by name, for neighbours that reach them without a detour."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thespian.actors import ActorAddress


class Names:
    """Addresses by path. A path is unknown, or known and down, or known and up; it is never unknown again.

    Static supervisors keep it: a child is up from the message that starts it to its end or the request for it. So
    whoever goes by name always does, and none of his messages overtakes another on a second way.

    It belongs to one tree, for two may be there at once: one that ends, and the next. And it belongs to one process:
    pickled, it arrives empty and stays so, and messages find their way through the tree.
    """

    __slots__ = ("_addresses",)

    def __init__(self) -> None:
        self._addresses: dict[str, ActorAddress | None] = {}

    def __repr__(self) -> str:
        return f"Names({self._addresses})"

    def __reduce__(self) -> tuple[type[Names], tuple[()]]:
        return (Names, ())

    def __contains__(self, path: str) -> bool:
        return path in self._addresses

    def find(self, path: str) -> ActorAddress | None:
        """The incarnation at ``path``; None where it is down, or not known."""
        return self._addresses.get(path)

    def enter(self, path: str, address: ActorAddress) -> None:
        """It has been told to start, so whatever is sent to it from now on comes after that."""
        self._addresses[path] = address

    def strike(self, path: str) -> None:
        """It is down: not started yet, about to end, or over."""
        self._addresses[path] = None
