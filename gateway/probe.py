"""Asking an agent instance over HTTP whether it is alive."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from actors.registry_messages import ProbeAnswered
from gateway.reach import OutOfReach, Reach
from gateway.wire import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.ids import AgentId

DEADLINE_S = 3.0
MAX_PAGE = 64 * 1024  # a health page has a few hundred bytes; a longer one is none


class HttpProber:
    """A `Prober`. Bounded: at most as many requests at once as its connector has room for."""

    def __init__(self, reach: Reach | None = None) -> None:
        self._reach = reach or Reach()
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: aiohttp.ClientSession | None = None

    def probe(self, agent_id: AgentId, url: str, deliver: Callable[[ProbeAnswered], None]) -> None:
        """GET ``/health``; delivers exactly once unless the prober is stopped."""
        task = asyncio.get_running_loop().create_task(self._ask(agent_id, url, deliver), name=f"probe {agent_id} {url}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, agent_id: AgentId, url: str, deliver: Callable[[ProbeAnswered], None]) -> None:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=DEADLINE_S),
                connector=aiohttp.TCPConnector(limit=32, resolver=_Resolver(self._reach), use_dns_cache=False),
            )
        alive, mode = False, ""
        try:
            page_url = health_url(url)
            if not self._reach.allows(urlsplit(page_url).hostname or ""):
                raise OutOfReach(url)
            async with self._client.get(page_url, allow_redirects=False) as answer:
                page = await _read(answer.content) if answer.status == 200 else None
            alive = page is not None and page.get("agentId", agent_id) == agent_id
            mode = str(page.get("mode") or "") if page is not None and alive else ""
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
            pass  # not alive, for whatever reason
        deliver(ProbeAnswered(agent_id, url, alive, mode))

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()


class _Resolver(AbstractResolver):
    """Gives aiohttp the addresses that are in reach, and no other."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - asked for where one is forced: nowhere
    ) -> list[ResolveResult]:
        """Resolve, once."""
        found = await self._reach.addresses(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def _read(content: aiohttp.StreamReader) -> dict[str, object] | None:
    try:
        await content.readexactly(MAX_PAGE + 1)
    except asyncio.IncompleteReadError as whole:
        return decode(whole.partial)
    return None


def health_url(url: str) -> str:
    """Return the address of ``/health`` beside a WebSocket address."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc}/health"
