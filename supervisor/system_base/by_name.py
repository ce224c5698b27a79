"""Selection by name, as Thespian's own bases are: ``ActorSystem('asyncioBase')`` after `register`.

A base that is selected so has no loop to run on, so it runs one in a thread of its own.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from types import ModuleType
from typing import Any, cast

from supervisor.system_base.base import AsyncioSystemBase
from supervisor.system_base.blocking import BlockingEngine

NAME = "asyncioBase"


class ActorSystemBase(AsyncioSystemBase):
    """`AsyncioSystemBase` with a loop in a thread of its own, as Thespian constructs it."""

    def __init__(self, system: Any, logDefs: object = None) -> None:  # noqa: ARG002, N803 - Thespian's parameters
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name=f"understudy-{NAME}", daemon=True)
        self._thread.start()
        super().__init__(loop=loop, thread_id=self._thread.ident)
        self.share(system.capabilities)

    def _make_engine(self, _: object) -> BlockingEngine:
        return BlockingEngine(self.driver)

    def shutdown(self) -> None:
        """Shut down, then end the loop and its thread. A second call does nothing."""
        loop = self.driver.loop
        if loop.is_closed():
            return
        super().shutdown()
        cast("BlockingEngine", self.engine).close()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()


def register(name: str = NAME) -> None:
    """Make `ActorSystem(name)` find this base, without a change to Thespian."""
    qualified = f"thespian.system.{name}"
    module = ModuleType(qualified)
    module.ActorSystemBase = ActorSystemBase  # type: ignore[attr-defined]
    sys.modules[qualified] = module
