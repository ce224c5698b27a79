"""The outside's end of a system: an address whose mail is taken by `ask` and `listen`."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, final

from thespian.system import isInternalActorSystemMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.system_base.address import Address

ENDPOINT_LIMIT = 100_000
"""Mail that nobody listens for is kept up to here; then the oldest goes."""


@final
class Endpoint:
    """A mailbox read from outside, by a blocked thread or by an awaiting coroutine.

    With ``hear`` it keeps nothing: each message is given to that function at once, within the sender's turn, so it must
    be short and not raise.
    """

    __slots__ = ("_hear", "_mail", "_waiting", "address")

    def __init__(self, address: Address, hear: Callable[[object], None] | None = None) -> None:
        self.address = address
        self._hear = hear
        self._mail: SimpleQueue[object] = SimpleQueue()
        self._waiting: deque[asyncio.Future[None]] = deque()

    def put(self, message: object) -> None:
        """Keep a message for whoever listens; messages between systems are not for them. Called on the loop."""
        if isInternalActorSystemMessage(message):
            return
        if self._hear is not None:
            self._hear(message)
            return
        if self._mail.qsize() >= ENDPOINT_LIMIT:
            self.take(0)
        self._mail.put(message)
        self._wake_next()

    def drain(self) -> list[object]:
        """Take everything that is there, without waiting."""
        mail = []
        with suppress(Empty):
            while True:
                mail.append(self._mail.get_nowait())
        return mail

    def take(self, timeout_s: float | None) -> object | None:
        """Wait in this thread; None when time is up."""
        with suppress(Empty):
            return self._mail.get(timeout=timeout_s)
        return None

    async def take_async(self, timeout_s: float | None) -> object | None:
        """Wait without blocking the loop; None when time is up."""
        if timeout_s is None:
            return await self._take_next()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                return await self._take_next()
        return None

    async def _take_next(self) -> object:
        while True:
            with suppress(Empty):  # also of what was there: a thread may take it first
                return self._mail.get_nowait()
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                with suppress(ValueError):  # no longer among them: woken, or passed over
                    self._waiting.remove(waiter)
                if not waiter.cancelled():  # woken and cancelled at once: what it was woken for is the next one's
                    self._wake_next()
                raise

    def _wake_next(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break
