"""`AsyncioSystemBase`: what Thespian's `ActorSystem` calls, on an asyncio loop.

Given as an object it runs on the loop that is running; by name it runs a loop in a thread of its own. From other
threads every call works and blocks; on the running loop itself the blocking ones raise `WouldDeadlockError`, and have
awaitable counterparts. In the loop's thread while the loop stands still, they run it until they have their answer.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from thespian.actors import ActorSystem, ThespianGeneration

from supervisor.system_base.cell import Cell
from supervisor.system_base.driver import Driver
from supervisor.system_base.engine import Engine, ignore
from supervisor.system_base.errors import OutOfScopeError, WouldDeadlockError
from supervisor.system_base.reference import set_capability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from thespian.actors import ActorAddress

    from supervisor.system_base.address import Address
    from supervisor.system_base.external import Endpoint
    from supervisor.system_base.notices import Notice

SHUTDOWN_S = 10.0
"""How long actors may take to exit before they are ended without being asked."""

_POLL_S = 0.01


class AsyncioSystemBase:
    """A system base; give it to `ActorSystem`, or use `actor_system`, which also shares the capabilities."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        thread_id: int | None = None,
        notify: Callable[[Notice], None] = ignore,
    ) -> None:
        loop = loop or asyncio.get_running_loop()
        self.driver = Driver(loop, thread_id if thread_id is not None else threading.get_ident())
        self.engine = self._make_engine(notify)
        self.engine.accept = self.driver.accept
        self.driver.engine = self.engine
        self._describe(self.engine.capabilities)
        self._outside = self.engine.open_endpoint()

    def _make_engine(self, notify: Callable[[Notice], None]) -> Engine:
        return Engine(self.driver.loop.time, self.driver.wake, notify)

    def share(self, capabilities: dict[str, object]) -> None:
        """Make an `ActorSystem`'s capabilities the ones that actors are checked against."""
        self._describe(capabilities)
        self.engine.capabilities = capabilities

    @staticmethod
    def _describe(capabilities: dict[str, object]) -> None:
        capabilities["Python Version"] = tuple(sys.version_info)
        capabilities["Thespian Generation"] = ThespianGeneration
        capabilities["Thespian Version"] = str(int(time.time() * 1000))
        capabilities["Thespian ActorSystem Name"] = "asyncioSystem"
        capabilities["Thespian ActorSystem Version"] = 1
        capabilities["Thespian Watch Supported"] = False
        capabilities["AllowRemoteActorSources"] = "No"

    # --- Thespian's interface; names are Thespian's ---

    def newPrimaryActor(  # noqa: N802
        self,
        actor: object,
        requirements: Mapping[str, object] | None = None,
        name: str | None = None,
        source: str | None = None,
    ) -> Address:
        """Create a top-level actor. Raises what keeps it from living."""
        if source is not None:
            raise OutOfScopeError("creating actors from loaded source")
        return self.driver.invoke(self.engine.create_root, actor, requirements, name)

    def tell(self, target: ActorAddress, message: object) -> None:
        """Put a message into a mailbox; at once on the loop, handed over before returning from elsewhere."""
        self._post(target, message, self._outside)

    def ask(self, target: ActorAddress, message: object, timeout: object = None) -> object | None:
        """Send, and wait for the first message from *any* actor; None when time is up. Not on the loop."""
        self._refuse_here("ask")
        self._post(target, message, self._outside)
        return self._take(self._outside, timeout)

    def listen(self, timeout: object = None) -> object | None:
        """Wait for the next message from any actor; None when time is up. Not on the loop."""
        self._refuse_here("listen")
        return self._take(self._outside, timeout)

    def shutdown(self) -> None:
        """Ask all actors to exit, wait at most `SHUTDOWN_S`, end the rest. Not on the loop."""
        self._refuse_here("shutdown")
        if self.driver.is_here:
            self.driver.loop.run_until_complete(self.shutdown_async())
            return
        self.driver.invoke(self.engine.begin_shutdown)
        deadline = time.monotonic() + SHUTDOWN_S
        while self.driver.invoke(self.engine.__len__) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        self.driver.invoke(self._finish)

    def external_clone(self) -> PrivateContext:
        """Make an end of its own for one outside thread."""
        return PrivateContext(self, self.driver.invoke(self.engine.open_endpoint))

    def updateCapability(self, name: str, value: object = None) -> None:  # noqa: N802
        """Set a capability; None removes it."""
        self.driver.invoke(set_capability, self.engine.capabilities, name, value)

    def loadActorSource(self, *_: Any) -> None:  # noqa: N802
        """Refuse, clearly."""
        raise OutOfScopeError("loading actor source at run time")

    def unloadActorSource(self, *_: Any) -> None:  # noqa: N802
        """Refuse, clearly."""
        raise OutOfScopeError("loading actor source at run time")

    def _handleDeadLetters(self, address: ActorAddress, enable: bool) -> None:  # noqa: FBT001, N802
        self.driver.invoke(lambda: self.engine.handle_dead_letters(address, enable=enable))

    # --- awaitable counterparts ---

    async def ask_async(self, target: ActorAddress, message: object, timeout_s: float | None = None) -> object | None:
        """Send, and wait for the answer to this very message; None when time is up. Any number may wait at once."""
        return await self.ask_as_async(target, lambda _: message, timeout_s)

    async def ask_as_async(
        self, target: ActorAddress, message: Callable[[ActorAddress], object], timeout_s: float | None = None
    ) -> object | None:
        """Like `ask_async`, for a message that names the asker: ``message`` is given the address for the answer."""
        endpoint = self.engine.open_endpoint()
        try:
            self.engine.post(target, message(endpoint.address), endpoint.address)
            return await endpoint.take_async(timeout_s)
        finally:
            self.engine.close_endpoint(endpoint)

    async def listen_async(self, timeout_s: float | None = None) -> object | None:
        """Wait for the next message to the outside; None when time is up."""
        return await self._outside.take_async(timeout_s)

    def teller(self) -> Callable[[ActorAddress, object], None]:
        """A `tell` for the loop's thread only: it does not ask, at each message, which thread it is on."""
        return partial(self.engine.post, sender=self._outside.address)

    async def shutdown_async(self, timeout_s: float = SHUTDOWN_S) -> None:
        """Ask all actors to exit, wait, end the rest."""
        self.engine.begin_shutdown()
        try:
            async with asyncio.timeout(timeout_s):
                while len(self.engine):  # noqa: ASYNC110 - the engine has no loop, so it can set no event
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            pass
        self._finish()

    # --- looking in ---

    def statistics(self) -> dict[str, int]:
        """Count what a leak would show."""
        engine = self.engine
        return {
            "actors": len(engine),
            "ready": len(engine.ready),
            "waiting": sum(len(cell.mailbox) for cell in engine.cells()),
            "timers": len(engine.wakeups),
            "dead_letters": engine.dead_letters,
            "handled": engine.handled,
        }

    def mailbox_depth(self, address: ActorAddress) -> int:
        """How many messages wait for an actor, the one it handles included; 0 for one that is gone."""
        target = self.engine.find(address)
        return len(target.mailbox) if isinstance(target, Cell) else 0

    # --- inside ---

    def _post(self, target: ActorAddress, message: object, endpoint: Endpoint) -> None:
        if self.driver.is_here:
            self.engine.post(target, message, endpoint.address)
        else:
            self.driver.invoke(self.engine.post, target, message, endpoint.address)

    def _take(self, endpoint: Endpoint, timeout: object) -> object | None:
        if self.driver.is_here:
            return self.driver.loop.run_until_complete(endpoint.take_async(seconds(timeout)))
        return endpoint.take(seconds(timeout))

    def _refuse_here(self, call: str) -> None:
        if self.driver.is_here and self.driver.loop.is_running():
            raise WouldDeadlockError(call)

    def _finish(self) -> None:
        self.engine.end_all()
        self.driver.close()


class PrivateContext:
    """One outside thread's own end of a system: its answers reach nobody else."""

    def __init__(self, base: AsyncioSystemBase, endpoint: Endpoint) -> None:
        self._base = base
        self._endpoint = endpoint

    def tell(self, target: ActorAddress, message: object) -> None:
        """Send from this end."""
        self._base._post(target, message, self._endpoint)  # noqa: SLF001 - the base's own second half

    def ask(self, target: ActorAddress, message: object, timeout: object = None) -> object | None:
        """Send from this end and wait for the first message to it."""
        self._base._refuse_here("ask")  # noqa: SLF001 - the base's own second half
        self.tell(target, message)
        return self._base._take(self._endpoint, timeout)  # noqa: SLF001 - the base's own second half

    def listen(self, timeout: object = None) -> object | None:
        """Wait for the next message to this end."""
        self._base._refuse_here("listen")  # noqa: SLF001 - the base's own second half
        return self._base._take(self._endpoint, timeout)  # noqa: SLF001 - the base's own second half

    def newPrimaryActor(self, *arguments: Any) -> Address:  # noqa: N802 - Thespian's name
        """Create a top-level actor."""
        return self._base.newPrimaryActor(*arguments)

    def exit_context(self) -> None:
        """Close this end; what is sent to it from now on is a dead letter."""
        self._base.driver.invoke(self._base.engine.close_endpoint, self._endpoint)


def seconds(timeout: object) -> float | None:
    """Read a Thespian timeout: a timedelta, seconds, or None for ever."""
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        return max(0.0, timeout.total_seconds())
    return max(0.0, float(timeout))  # type: ignore[arg-type]  # Thespian documents a number


def actor_system(
    capabilities: dict[str, object] | None = None, *, notify: Callable[[Notice], None] = ignore
) -> ActorSystem:
    """Build an `ActorSystem` of its own (not the process-wide one) on the running loop."""
    base = AsyncioSystemBase(notify=notify)
    system = ActorSystem(systemBase=base, capabilities=capabilities, transientUnique=True)
    base.share(system.capabilities)
    return system
