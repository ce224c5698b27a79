"""The outside's end of a system: an address whose mail is taken by `ask` and `listen`."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from thespian.system import isInternalActorSystemMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.system_base.address import Address

ENDPOINT_LIMIT = 100_000
"""Mail that nobody listens for is kept up to here; then the oldest goes."""


class Endpoint:
    """A mailbox read from outside, by a blocked thread or by an awaiting coroutine.

    With ``hear`` it keeps nothing: each message is given to that function at once, within the sender's turn, so it must
    be short and not raise.
    """

    __slots__ = ("_arrived", "_hear", "_mail", "_waiting", "address")

    def __init__(self, address: Address, hear: Callable[[object], None] | None = None) -> None:
        self.address = address
        self._hear = hear
        self._mail: deque[object] = deque(maxlen=ENDPOINT_LIMIT)
        self._arrived = threading.Condition()
        self._waiting: deque[asyncio.Future[None]] = deque()

    def put(self, message: object) -> None:
        """Keep a message for whoever listens; messages between systems are not for them. Called on the loop."""
        if isInternalActorSystemMessage(message):
            return
        if self._hear is not None:
            self._hear(message)
            return
        with self._arrived:
            self._mail.append(message)
            self._arrived.notify()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break

    def drain(self) -> list[object]:
        """Take everything that is there, without waiting."""
        with self._arrived:
            mail = list(self._mail)
            self._mail.clear()
        return mail

    def take(self, timeout_s: float | None) -> object | None:
        """Wait in this thread; None when time is up."""
        deadline = None if timeout_s is None else monotonic() + timeout_s
        with self._arrived:
            while not self._mail:
                remaining = None if deadline is None else deadline - monotonic()
                if remaining is not None and remaining <= 0:
                    return None
                self._arrived.wait(remaining)
            return self._mail.popleft()

    async def take_async(self, timeout_s: float | None) -> object | None:
        """Wait without blocking the loop; None when time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._mail:
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiting.append(waiter)
                    try:
                        await waiter
                    finally:
                        self._forget(waiter)
        except TimeoutError:
            return None
        return self._mail.popleft()

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        """Leave no trace of one that stopped waiting."""
        with suppress(ValueError):
            self._waiting.remove(waiter)
