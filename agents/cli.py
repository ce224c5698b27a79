"""`understudy agent <id>`, also `python -m agents <id>`."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Annotated, NoReturn

import typer

from agents.bank import Bank
from agents.config import AgentConfig, BadSetting, from_env
from agents.services import AGENTS, build, load_voice
from gateway import logs

FAILED, BAD_USAGE = 1, 2


def run_agent(
    agent_id: Annotated[str | None, typer.Argument(help=f"One of {', '.join(AGENTS)}; or set AGENT_ID.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one. [AGENT_PORT]")] = None,
    gateway_url: Annotated[str | None, typer.Option(help="Where the gateway is. [GATEWAY_URL]")] = None,
    mode: Annotated[str | None, typer.Option(help="text, voice or hybrid. [MODE]")] = None,
    host: Annotated[str | None, typer.Option(help="Name by which the gateway reaches us. [AGENT_HOST]")] = None,
) -> None:
    """Run one agent of the bank until it is told to stop."""
    try:
        config = from_env(os.environ, agent_id, port, gateway_url, mode, host)
    except BadSetting as wrong:
        _fail(BAD_USAGE, str(wrong))
    if config.agent_id not in AGENTS:
        _fail(BAD_USAGE, f"there is no agent {config.agent_id!r}; choose one of {', '.join(AGENTS)}")
    _start_logging(config.log_level)
    try:
        asyncio.run(_serve(config))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        _fail(FAILED, f"port {config.port} is in use; stop what listens there or choose another with --port")


async def _serve(config: AgentConfig) -> None:
    with Bank(config.bank_path) as bank:
        await build(config, bank, load_voice() if config.mode.speaks else None).run()


def _fail(code: int, message: str) -> NoReturn:
    typer.echo(f"understudy agent: {message}", err=True)
    raise typer.Exit(code)


def _start_logging(level: str) -> None:
    try:
        logs.configure(level, "human")
    except ValueError:
        _fail(BAD_USAGE, f"LOG_LEVEL must be a level such as INFO or DEBUG, not {level!r}")


def main() -> None:
    """Run as a program."""
    typer.run(run_agent)
