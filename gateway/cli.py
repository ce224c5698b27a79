"""The ``understudy`` command."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.deferred import deferred
from gateway.terminal import acting, reading
from gateway.terminal.outcome import BAD_USAGE, CODES, REFUSED, fail
from gateway.terminal.tail import tail
from gateway.terminal.top import top

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.config import Settings

main = typer.Typer(
    name="understudy",
    help="An actor-model session supervisor for voice agents.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,  # they may hold what callers said
)
RUN, LOOK, ACT = "Run", "Look at a running gateway", "Act on it"


@main.command("gateway", rich_help_panel=RUN)
def run_gateway(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [UNDERSTUDY_HOST]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one. [PORT]")] = None,
    log_format: Annotated[str | None, typer.Option(help="human or json. [UNDERSTUDY_LOG_FORMAT]")] = None,
    log_level: Annotated[str | None, typer.Option(help="TRACE to ERROR. [UNDERSTUDY_LOG_LEVEL]")] = None,
    store: Annotated[str | None, typer.Option(help="memory or sqlite. [UNDERSTUDY_STORE]")] = None,
) -> None:
    """Run the gateway until it is told to stop."""
    from gateway import app, logs, serving  # noqa: PLC0415 - see gateway/deferred.py

    settings = _settings(host=host, port=port, log_format=log_format, log_level=log_level, store=store)
    logs.configure(settings.log_level, settings.log_format)
    try:
        _run(serving.serve(settings))
    except app.StartError as error:
        fail(REFUSED, str(error))
    except OSError as error:
        fail(REFUSED, _why(error, settings))


@main.command("up", rich_help_panel=RUN)
def run_up(
    log_level: Annotated[str, typer.Option(help="TRACE to ERROR, for every process.")] = "INFO",
) -> None:
    """Run everything: the gateway, six agents and the page, each restarted when it dies."""
    from gateway import up  # noqa: PLC0415 - see gateway/deferred.py

    settings = _settings(log_level=log_level)
    secret = settings.agent_secret.get_secret_value() if settings.agent_secret else ""
    raise typer.Exit(asyncio.run(up.run(settings.log_level, secret)))


@main.command("page", rich_help_panel=RUN)
def run_page(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 3000,
) -> None:
    """Serve the voice page."""
    os.execv(sys.executable, [sys.executable, "-m", "frontend", "--host", host, "--port", str(port)])  # noqa: S606


def _elsewhere() -> None:
    """Stand for a program that is imported when it runs."""


for _name, _target, _help in (
    ("agent", "agents.cli:run_agent", "Run one agent of the bank until it is told to stop."),
    ("call", "agents.caller:call", "Call the bank."),
    ("replay", "gateway.replay:replay", "Play a black box again."),
):
    main.command(_name, cls=deferred(_target), help=_help, rich_help_panel=RUN)(_elsewhere)
_LOOKING: tuple[Callable[..., None], ...] = (
    top, reading.tree, reading.sessions, reading.session, reading.agents, tail,
)  # fmt: skip
_ACTING: tuple[Callable[..., None], ...] = (acting.move, acting.end)
for _panel, _commands in ((LOOK, _LOOKING), (ACT, _ACTING)):
    for _command in _commands:
        main.command(epilog=CODES, rich_help_panel=_panel)(_command)
main.add_typer(acting.drain, name="drain", rich_help_panel=ACT)
main.add_typer(acting.chaos, name="chaos", rich_help_panel=ACT)


def _settings(**flags: object) -> Settings:
    from gateway.config import BadSettings, load  # noqa: PLC0415 - see gateway/deferred.py

    try:
        return load(**flags)
    except BadSettings as wrong:
        fail(BAD_USAGE, str(wrong))


def _why(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {settings.port} is in use; stop what listens there or choose another with --port"
    return f"the gateway cannot run on {settings.host}:{settings.port}: {error}"


def _run(program: Any) -> None:
    try:
        import uvloop  # noqa: PLC0415 - optional: not on every platform
    except ImportError:
        asyncio.run(program)
    else:
        uvloop.run(program)
