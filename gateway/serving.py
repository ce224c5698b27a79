"""The gateway as a process: its signals, its descriptors, its collector, and its end."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from loguru import logger

from gateway import descriptors
from gateway.app import Gateway
from gateway.front_door import MAX_HEADS, MAX_HTTP

if TYPE_CHECKING:
    from gateway.config import Settings


async def serve(settings: Settings) -> None:
    """Run a gateway until SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, told.set)
    loop.set_exception_handler(_log_and_carry_on)
    standbys = min(settings.max_sessions, settings.warm_links)
    descriptors.take(2 * settings.max_sessions + standbys + MAX_HEADS + MAX_HTTP)
    gateway = Gateway(settings)
    await gateway.start()
    gateway.collector.spare()
    logger.info("Gateway listening on {}:{}", settings.host, gateway.port)
    await told.wait()
    await _drain(gateway, told)
    logger.info("Stopping")
    with suppress(TimeoutError):
        await gateway.stop()


async def _drain(gateway: Gateway, told: asyncio.Event) -> None:
    """Let the live calls end by themselves, until the deadline or a second signal."""
    told.clear()
    draining = gateway.drain.begin()
    logger.info("Draining: {}", gateway.drain.describe())
    again = asyncio.create_task(told.wait(), name="second signal")
    await asyncio.wait({draining, again}, return_when=asyncio.FIRST_COMPLETED)
    again.cancel()


def _log_and_carry_on(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what no one caught; the process ends only when told to."""
    logger.opt(exception=context.get("exception")).error("uncaught: {}", context.get("message"))
