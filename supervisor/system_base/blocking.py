"""An engine for actors whose handlers block: each message is handled in a worker thread, the books stay on the loop.

Slower by far than handling on the loop, so only the base that is selected by name uses it: actors that were written for
processes of their own may sleep, join threads or read files in their handlers.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from thespian.actors import ActorExitRequest
from thespian.system.messages.status import Thespian_StatusReq

from supervisor.system_base.cell import CellPhase
from supervisor.system_base.engine import Engine, ignore

if TYPE_CHECKING:
    from thespian.actors import ActorAddress

    from supervisor.system_base.cell import Cell
    from supervisor.system_base.driver import Driver

WORKERS = 128
"""How many actors may block at once; the others wait for their turn."""


class BlockingEngine(Engine):
    """What a worker thread asks of the engine is done on the loop, and waited for, so that order is kept."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver.loop.time, driver.wake, ignore, turn_messages=1)
        self._driver = driver
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="understudy-actor")

    def close(self) -> None:
        """Give up what waits for a worker; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take_turn(self, cell: Cell) -> None:
        mailbox = cell.mailbox
        if cell.phase is not CellPhase.LIVE or not mailbox or isinstance(mailbox[0][0], Thespian_StatusReq):
            super()._take_turn(cell)
        else:
            self._pool.submit(self._work, cell, *mailbox[0])

    def _work(self, cell: Cell, message: object, sender: ActorAddress) -> None:
        self._call(cell, message, sender)
        self._driver.loop.call_soon_threadsafe(self._done, cell, message)

    def _done(self, cell: Cell, message: object) -> None:
        self.handled += 1
        if isinstance(message, ActorExitRequest) and cell.phase is CellPhase.LIVE:
            self._begin_exit(cell, recursive=message.isRecursive)
        cell.drop_first()
        if cell.mailbox:
            self.ready.append(cell)
            self.wake()

    # --- from a worker thread: on the loop, and waited for ---

    def post(self, target: ActorAddress, message: object, sender: ActorAddress) -> None:
        """See `Engine`."""
        self._driver.invoke(super().post, target, message, sender)

    def end(self, cell: Cell) -> None:
        """See `Engine`."""
        self._driver.invoke(super().end, cell)

    def create_child(self, *arguments: Any) -> Any:
        """See `Engine`."""
        return self._driver.invoke(super().create_child, *arguments)

    def wakeup_after(self, *arguments: Any) -> None:
        """See `Engine`."""
        self._driver.invoke(super().wakeup_after, *arguments)

    def handle_dead_letters(self, address: ActorAddress, *, enable: bool) -> None:
        """See `Engine`."""
        self._driver.invoke(lambda: Engine.handle_dead_letters(self, address, enable=enable))
