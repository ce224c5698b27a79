"""Keeps the gateway informed of this agent: registers, beats, registers again when forgotten, de-registers on stop."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
from loguru import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

HEARTBEAT_S = 15.0  # the gateway calls an agent stale after two missed beats
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
GOODBYE_TIMEOUT = aiohttp.ClientTimeout(total=2.0)
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 15.0


class GatewayRefused(Exception):  # noqa: N818 - an answer, not an error of ours
    """The gateway answered with an HTTP error."""


def backoff(attempt: int, chance: float) -> float:
    """Delay before try ``attempt`` (from 1) in seconds: doubling, the upper half random (``chance`` in 0..1)."""
    ceiling: float = min(BACKOFF_FIRST_S * 2 ** min(attempt - 1, 16), BACKOFF_MAX_S)
    return ceiling * (0.5 + chance / 2)


class Registration:
    """One agent instance as one gateway should know it. `run` never ends by itself, whatever the gateway does."""

    def __init__(
        self,
        gateway_url: str,
        entry: Mapping[str, Any],
        status: Callable[[], Mapping[str, Any]],
        http: aiohttp.ClientSession,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._api = f"{gateway_url}/api/agents"
        self._entry = dict(entry)
        self._status = status
        self._http = http
        self._sleep = sleep
        self._chance = chance

    async def run(self) -> None:
        """Register, then beat; for ever."""
        known = False
        failures = 0
        while True:
            try:
                known = await self._beat() if known else await self._register()
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError, GatewayRefused) as error:
                failures += 1
                delay = backoff(failures, self._chance())
                logger.warning("Gateway not reached (try {}, next in {:.1f} s): {}", failures, delay, _words(error))
                await self._sleep(delay)
                continue
            failures = 0
            if known:
                await self._sleep(HEARTBEAT_S)

    async def stop(self) -> None:
        """Take the entry away; a gateway that does not answer is left to notice by itself."""
        url = f"{self._api}/{self._entry['id']}?url={quote(self._entry['url'], safe='')}"
        try:
            async with self._http.delete(url, timeout=GOODBYE_TIMEOUT) as answer:
                logger.info("De-registered from the gateway ({})", answer.status)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            logger.warning("Could not de-register: {}", _words(error))

    async def _register(self) -> bool:
        await self._post("register", self._entry)
        logger.info("Registered {} at {} with the gateway", self._entry["id"], self._entry["url"])
        return True

    async def _beat(self) -> bool:
        """Send a heartbeat; False when the gateway does not know this instance."""
        status = self._status()
        beat = {"agentId": self._entry["id"], "url": self._entry["url"], "port": self._entry["port"]}
        beat |= {"activeSessions": status["activeSessions"], "uptime": status["uptime"]}
        try:
            answer = await self._post("heartbeat", beat)
        except GatewayRefused as refused:
            if refused.args[1] != 404:
                raise
            answer = {"known": False}
        if answer.get("known") is False:
            logger.info("The gateway has forgotten {}; registering again", self._entry["id"])
            return False
        return True

    async def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        async with self._http.post(f"{self._api}/{path}", json=body, timeout=REQUEST_TIMEOUT) as answer:
            if answer.status >= 400:
                raise GatewayRefused(f"{path} was answered with HTTP {answer.status}", answer.status)
            decoded = await answer.json(content_type=None)
            return decoded if isinstance(decoded, dict) else {}


def _words(error: Exception) -> str:
    if isinstance(error, GatewayRefused):
        return str(error.args[0])
    return str(error) or type(error).__name__
