"""Runs an engine on an asyncio loop, in bounded batches, so that sockets are served between them."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from thespian.actors import ActorAddress

    from supervisor.system_base.engine import Engine

Result = TypeVar("Result")

HAND_OVER_S = 60.0
"""Thespian's bound for handing a call over to the system. Then the caller gets a `TimeoutError`: the loop is stuck."""

BATCH_MESSAGES = 256
BATCH_S = 0.005
"""A burst of messages holds the loop no longer than this between two looks at the sockets."""

TICK_S = 0.001
"""Of uvloop's clock. Called a part of a tick too early, nothing would be due, and the loop would spin until it is."""


class Driver:
    """Owns the calls that an engine has scheduled on its loop. All but `invoke` belong to the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        self.loop = loop
        self.engine: Engine
        self._thread_id = thread_id
        self._soon: asyncio.Handle | None = None
        self._later: asyncio.TimerHandle | None = None
        self._due = 0.0  # of `_later`: uvloop's handle of what is due already does not say

    @property
    def is_here(self) -> bool:
        """Whether the calling thread is the loop's."""
        return threading.get_ident() == self._thread_id

    def wake(self) -> None:
        """Run soon; a run that is under way looks by itself. Thread-safe by way of `invoke` only."""
        if self._soon is None:
            self._soon = self.loop.call_soon(self._run)

    def _run(self) -> None:
        engine = self.engine
        try:
            engine.run_batch(BATCH_MESSAGES, self.loop.time() + BATCH_S)
        finally:
            # Also when something escaped: the loop reports it, and the other actors go on.
            self._soon = self.loop.call_soon(self._run) if engine.ready else None
            self._arm()

    def _arm(self) -> None:
        due = self.engine.wakeups.next_due()
        if self._later is not None:
            if due is not None and self._due <= due and not self._later.cancelled():
                return
            self._later.cancel()
        self._later = None if due is None else self.loop.call_at(due + TICK_S, self._fire)
        self._due = due or 0.0

    def _fire(self) -> None:
        self._later = None
        try:
            self.engine.fire_due()
        finally:
            self._arm()

    def accept(self, target: ActorAddress, message: object, sender: ActorAddress) -> None:
        """Take a message from another system, whatever thread that runs in."""
        if self.is_here:
            self.engine.post(target, message, sender)
            return
        with suppress(RuntimeError):  # the loop is closed: nobody is left to count a dead letter
            self.loop.call_soon_threadsafe(self.engine.post, target, message, sender)

    def invoke(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call on the loop's thread and wait for the result, from whatever thread."""
        if self.is_here:
            return function(*arguments)
        outcome: Future[Result] = Future()

        def call() -> None:
            try:
                outcome.set_result(function(*arguments))
            except BaseException as error:  # noqa: BLE001 - the caller gets it
                outcome.set_exception(error)

        self.loop.call_soon_threadsafe(call)
        return outcome.result(HAND_OVER_S)

    def close(self) -> None:
        """Cancel what is scheduled."""
        for handle in (self._soon, self._later):
            if handle is not None:
                handle.cancel()
        self._soon = self._later = None
