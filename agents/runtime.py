"""What an agent's author uses: `Agent`, and the `Call` that its functions get."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
from loguru import logger

from agents.call import Call
from agents.config import AgentConfig, Mode, from_env
from agents.conversation import Conversation, Opening
from agents.engine.script import SAY_AGAIN
from agents.registration import Registration
from agents.server import AgentServer
from agents.toolbox import Toolbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.voice import Voice

__all__ = ["Agent", "Call", "Opening", "Service"]


class Service:
    """One agent process: sockets and registration, started and stopped in order."""

    def __init__(
        self,
        config: AgentConfig,
        conversation: Callable[[], Conversation],
        toolbox: Toolbox | None = None,
        voice: Voice | None = None,
    ) -> None:
        self._config = config
        self._toolbox = toolbox or Toolbox()
        self._server = AgentServer(config, conversation, self._toolbox, voice)
        self._stop = asyncio.Event()
        self.port = 0

    async def run(self, on_ready: Callable[[int], None] = lambda _port: None) -> None:
        """Serve until `stop`, SIGTERM or SIGINT. Raises OSError when the port is taken."""
        self.port = await self._server.start()
        logger.info("Agent {} ({}) listens on port {}", self._config.agent_id, self._config.mode, self.port)
        on_ready(self.port)
        with _signals(self._stop.set):
            async with aiohttp.ClientSession(headers=self._credentials()) as http:
                registration = Registration(self._config.gateway_url, self._entry(), self._server.status, http)
                beating = asyncio.create_task(registration.run(), name=f"{self._config.agent_id}/registration")
                try:
                    await self._until_stopped(beating)
                finally:
                    beating.cancel()
                    await asyncio.gather(beating, return_exceptions=True)
                    await registration.stop()
                    await self._server.stop()
        logger.info("Agent {} stopped", self._config.agent_id)

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stop.set()

    async def _until_stopped(self, beating: asyncio.Task[None]) -> None:
        """Wait for the end; a registration that broke is our bug, and ends the process so that it is restarted."""
        stopped = asyncio.create_task(self._stop.wait(), name=f"{self._config.agent_id}/stop")
        try:
            await asyncio.wait({stopped, beating}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        if beating.done():
            beating.result()

    def _credentials(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._config.secret}"} if self._config.secret else {}

    def _entry(self) -> dict[str, Any]:
        mode = self._config.mode
        capabilities = {
            "voice": mode.speaks,
            "text": mode is not Mode.VOICE,
            "mode": str(mode),
            "tools": sorted(self._toolbox.offered),
        }
        url = self._config.url(self.port)
        return {"id": self._config.agent_id, "url": url, "port": self.port, "capabilities": capabilities}


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Any:
    """End on SIGTERM and SIGINT, where the loop can be told of them."""
    loop = asyncio.get_running_loop()
    caught = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


class Agent:
    """An agent made of functions.

    ``@agent.on_start`` gets the call and how it began, ``@agent.on_text`` the call and each utterance.
    """

    def __init__(self, agent_id: str, *, port: int | None = None) -> None:
        self._id = agent_id
        self._port = port
        self._on_start: Callable[[Call, Opening], Awaitable[None]] | None = None
        self._on_text: Callable[[Call, str], Awaitable[None]] | None = None

    def on_start(self, hook: Callable[[Call, Opening], Awaitable[None]]) -> Callable[[Call, Opening], Awaitable[None]]:
        """Register what greets a caller."""
        self._on_start = hook
        return hook

    def on_text(self, hook: Callable[[Call, str], Awaitable[None]]) -> Callable[[Call, str], Awaitable[None]]:
        """Register what answers an utterance."""
        self._on_text = hook
        return hook

    async def begin(self, call: Call, opening: Opening) -> None:
        """Greet, if the author wants to."""
        if self._on_start:
            await self._on_start(call, opening)

    async def heard(self, call: Call, text: str) -> None:
        """Answer one utterance."""
        if self._on_text:
            await self._on_text(call, text)

    async def missed(self, call: Call) -> None:
        """Ask again: the caller spoke, and was not understood."""
        await call.say(SAY_AGAIN)

    def service(self, config: AgentConfig | None = None) -> Service:
        """Build the service, with settings from the environment unless given; call it with a loop running."""
        settings = config or replace(from_env(os.environ, self._id, self._port), mode=Mode.TEXT)
        return Service(settings, lambda: self)

    def run(self) -> None:
        """Serve until the process is told to stop."""

        async def serve() -> None:
            await self.service().run()

        asyncio.run(serve())
