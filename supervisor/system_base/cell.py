"""One actor as its system sees it: instance, mailbox, family, phase."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections import deque

    from thespian.actors import ActorAddress

    from supervisor.system_base.address import Address


Mail: TypeAlias = "tuple[object, ActorAddress]"
"""A message and its sender."""

Mailbox: TypeAlias = "deque[Mail] | tuple[()] | tuple[Mail]"
"""A deque only where there is more than one message: an empty one is larger than the rest of an idle actor."""


class CellPhase(Enum):
    """The life of a cell; it only moves forward."""

    LIVE = "live"
    EXITING = "exiting"
    """Has seen its ActorExitRequest; ends when its last child has."""
    ABORTED = "aborted"
    """Never lived: its constructor failed. Mail for it goes back as poison."""
    DEAD = "dead"


_LIVE = CellPhase.LIVE  # found sooner than CellPhase.LIVE


class Cell:
    """Everything a system keeps for one actor; nothing else refers to a dead one."""

    __slots__ = ("address", "children", "failure", "instance", "mailbox", "name", "parent", "phase", "timers")

    def __init__(self, address: Address, instance: object, parent: Cell | None, name: str | None) -> None:
        self.address = address
        self.instance = instance
        self.parent = parent
        self.name = name
        self.mailbox: Mailbox = ()
        self.children: dict[str, Cell] | None = None
        self.phase = _LIVE
        self.failure = ""
        self.timers = 0

    def drop_first(self) -> None:
        """Take the oldest message out, if there is one; it stays in while it is handled."""
        mailbox = self.mailbox
        if len(mailbox) > 1:
            mailbox.popleft()  # type: ignore[union-attr]  # a tuple has one at most
        else:
            self.mailbox = ()

    def __repr__(self) -> str:
        actor = type(self.instance).__name__
        return f"<Cell {self.address.actorAddressString} {actor} {self.phase.value} mail={len(self.mailbox)}>"
