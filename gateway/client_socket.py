"""The caller's WebSocket: hands whole messages to the relay of its session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gateway.socket_core import Cause, SocketCore, SocketLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.keepalive import Keepalive


class CallerSink(Protocol):
    """What takes the caller's messages."""

    def on_caller_binary(self, data: bytes) -> None:
        """One binary message."""

    def on_caller_text(self, data: bytes) -> None:
        """One text message."""

    def on_caller_gone(self, code: int, reason: str) -> None:
        """The socket has ended."""

    def on_caller_slow(self, slow: bool) -> None:  # noqa: FBT001
        """The caller's write buffer passed its high or low mark."""


class ClientSocket(SocketCore):
    """One caller's connection."""

    __slots__ = ("_sink",)

    def __init__(
        self, limits: SocketLimits, on_bug: Callable[[BaseException], None], keepalive: Keepalive | None = None
    ) -> None:
        super().__init__(limits, on_bug, keepalive)
        self._sink: CallerSink | None = None

    @property
    def sink(self) -> CallerSink | None:
        """Who takes the messages; nobody once the socket has ended."""
        return self._sink

    @sink.setter
    def sink(self, sink: CallerSink | None) -> None:
        self._sink = sink
        self.take_binary = self.on_binary if sink is None else sink.on_caller_binary

    def on_text(self, data: bytes) -> None:
        """Pass on."""
        if self._sink is not None:
            self._sink.on_caller_text(data)

    def on_end(self, cause: Cause, code: int, reason: str) -> None:  # noqa: ARG002
        """Tell the sink and let it go."""
        sink, self.sink = self.sink, None
        if sink is not None:
            sink.on_caller_gone(code, reason)

    def on_write_paused(self, paused: bool) -> None:  # noqa: FBT001
        """Push back on the agent."""
        if self._sink is not None:
            self._sink.on_caller_slow(paused)
