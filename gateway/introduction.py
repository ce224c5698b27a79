"""Making a connection known to picows, without the questions to its socket that nobody wants answered.

Picows sets TCP_NODELAY, which both loops have set already, and TCP_QUICKACK, which makes the kernel send an empty
packet ahead of the answer; then it reads four options and both addresses for a log line that `PeerLog` leaves out. On
uvloop each option makes a socket object of its own and two system calls.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class _Unasked(Struct):
    """A socket of which only the descriptor is told."""

    _descriptor: int

    setsockopt = slice  # takes three arguments, and leaves all as it is
    getsockopt = operator.or_  # a number that nobody reads

    def fileno(self) -> int:
        """The descriptor, to which picows writes."""
        return self._descriptor


class _Introduced:
    """A transport as picows keeps it: the same, but for what it says of itself while it is introduced."""

    __slots__ = ("_transport", "get_extra_info", "get_write_buffer_size", "write")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.write = transport.write  # picows keeps these two, for every frame
        self.get_write_buffer_size = transport.get_write_buffer_size
        descriptor = transport.get_extra_info("socket").fileno()
        told = {"socket": _Unasked(descriptor), "ssl_object": transport.get_extra_info("ssl_object")}
        self.get_extra_info: Callable[..., Any] = told.get

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def introduce(protocol: Any, transport: asyncio.Transport) -> None:
    """Tell a protocol of picows' that it has a connection."""
    if type(transport).__module__.startswith("asyncio."):  # it has a socket object; and `SocketCore` wants to know it
        protocol.connection_made(transport)
        return
    introduced = _Introduced(transport)
    protocol.connection_made(introduced)
    del introduced.get_extra_info  # from now on it is the transport's
