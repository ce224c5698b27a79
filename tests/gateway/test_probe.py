"""An agent is alive when its health page says so with 200 and its own id; every other answer, or none, is "no"."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from actors.ids import AgentId
from actors.registry_messages import ProbeAnswered
from gateway import probe
from gateway.probe import HttpProber, health_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

IDV = AgentId("idv")


@pytest.fixture
async def prober() -> AsyncIterator[HttpProber]:
    prober = HttpProber()
    yield prober
    await prober.stop()


async def ask(prober: HttpProber, url: str) -> ProbeAnswered:
    answers: asyncio.Queue[ProbeAnswered] = asyncio.Queue()
    prober.probe(IDV, url, answers.put_nowait)
    answer = await asyncio.wait_for(answers.get(), 10)
    assert answers.empty()
    assert (answer.agent_id, answer.url) == (IDV, url)
    return answer


@asynccontextmanager
async def serving(answer: Any) -> AsyncIterator[str]:
    """An agent whose health page is ``answer``; gives its address."""
    app = web.Application()
    app.router.add_get("/health", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def page(body: str | bytes, status: int = 200) -> Any:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, content_type="text/plain")

    return answer


@pytest.mark.parametrize(
    ("body", "status", "alive", "mode"),
    [
        ('{"agentId":"idv","mode":"text"}', 200, True, "text"),
        ('{"status":"healthy"}', 200, True, ""),
        ('{"agentId":"idv","mode":null}', 200, True, ""),
        ('{"agentId":"banking"}', 200, False, ""),
        ('{"agentId":["idv"]}', 200, False, ""),
        ('{"agentId":"idv","mode":"text"}', 500, False, ""),
        ('{"agentId":"idv"}', 404, False, ""),
        ("[]", 200, False, ""),
        ("null", 200, False, ""),
        ("", 200, False, ""),
        ("healthy", 200, False, ""),
        (b'{"agentId":"\xff"}', 200, False, ""),
        ("[" * 50_000, 200, False, ""),
    ],
)
async def test_what_the_page_says(prober, body, status, alive, mode) -> None:
    async with serving(page(body, status)) as url:
        assert await ask(prober, url) == ProbeAnswered(IDV, url, alive, mode)


async def test_a_page_without_end_is_not_read_to_it(prober) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65536)
            sent += 65536

    async with serving(endless) as url:
        assert not (await ask(prober, url)).alive
    assert sent < 16 * 1024 * 1024


async def test_a_server_that_never_answers_is_given_up(prober, monkeypatch) -> None:
    monkeypatch.setattr(probe, "DEADLINE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not (await ask(prober, f"ws://127.0.0.1:{silent.getsockname()[1]}")).alive


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:1", "ws://[::1", "ws://", "nonsense", "ftp://127.0.0.1", "ws://127.0.0.1:99999"]
)
async def test_an_address_that_leads_nowhere_is_not_alive(prober, url) -> None:
    assert not (await ask(prober, url)).alive


async def test_stopping_gives_up_what_is_under_way() -> None:
    prober = HttpProber()
    answers: list[ProbeAnswered] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        prober.probe(IDV, f"ws://127.0.0.1:{silent.getsockname()[1]}", answers.append)
        await asyncio.sleep(0)
        await prober.stop()
    assert answers == []


async def test_stopping_before_anything_was_asked_is_fine() -> None:
    await HttpProber().stop()


@pytest.mark.parametrize(
    ("url", "health"),
    [
        ("ws://host:8081", "http://host:8081/health"),
        ("wss://host", "https://host/health"),
        ("http://host:1/", "http://host:1/health"),
        ("ws://host:1/session?x=1#y", "http://host:1/health"),
        ("ws://[::1]:8081/", "http://[::1]:8081/health"),
    ],
)
def test_the_page_lies_beside_the_socket(url, health) -> None:
    assert health_url(url) == health
