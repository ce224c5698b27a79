"""The ``understudy`` command."""

from __future__ import annotations

import asyncio
import errno
import http.client
import os
import sys
import urllib.error
import urllib.request
from typing import Annotated, Any

import typer

from agents.caller import call
from agents.cli import run_agent
from gateway import app as gateway_app
from gateway import logs, up
from gateway.config import BadSettings, Settings, load
from gateway.replay import replay
from gateway.wire import decode, error_text

main = typer.Typer(
    name="understudy",
    help="An actor-model session supervisor for voice agents.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,  # they may hold what callers said
)
main.command("agent")(run_agent)
main.command("call")(call)
main.command("replay")(replay)

FAILED, BAD_USAGE, NO_CONNECTION = 1, 2, 3


@main.command("gateway")
def run_gateway(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [UNDERSTUDY_HOST]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one. [PORT]")] = None,
    log_format: Annotated[str | None, typer.Option(help="human or json. [UNDERSTUDY_LOG_FORMAT]")] = None,
    log_level: Annotated[str | None, typer.Option(help="TRACE to ERROR. [UNDERSTUDY_LOG_LEVEL]")] = None,
    store: Annotated[str | None, typer.Option(help="memory or sqlite. [UNDERSTUDY_STORE]")] = None,
) -> None:
    """Run the gateway until it is told to stop."""
    settings = _settings(host=host, port=port, log_format=log_format, log_level=log_level, store=store)
    logs.configure(settings.log_level, settings.log_format)
    try:
        _run(gateway_app.serve(settings))
    except gateway_app.StartError as error:
        _fail(FAILED, str(error))
    except OSError as error:
        _fail(FAILED, _why(error, settings))


@main.command("up")
def run_up(
    log_level: Annotated[str, typer.Option(help="TRACE to ERROR, for every process.")] = "INFO",
) -> None:
    """Run everything: the gateway, six agents and the page, each restarted when it dies."""
    settings = _settings(log_level=log_level)
    secret = settings.agent_secret.get_secret_value() if settings.agent_secret else ""
    raise typer.Exit(asyncio.run(up.run(settings.log_level, secret)))


@main.command("tree")
def show_tree(
    url: Annotated[str, typer.Option(help="The gateway.")] = "http://localhost:8080",
    token: Annotated[str, typer.Option(envvar="UNDERSTUDY_ADMIN_TOKEN", help="Admin token.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002 - named on the line
) -> None:
    """Show the running supervisor tree."""
    if not url.startswith(("http://", "https://")):
        _fail(BAD_USAGE, f"{url}: the gateway's address begins with http:// or https://")
    address = f"{url}/admin/tree" + ("" if as_json else "?format=text")
    try:
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})  # noqa: S310
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the scheme was checked
            typer.echo(answer.read().decode())
    except urllib.error.HTTPError as refused:
        _fail(FAILED, f"the gateway answers {refused.code}: {error_text(decode(refused.read()) or {})}")
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
        _fail(NO_CONNECTION, f"no gateway at {url}: {error or type(error).__name__}")
    except ValueError as error:
        _fail(BAD_USAGE, f"{url}: {error}")


@main.command("page")
def run_page(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 3000,
) -> None:
    """Serve the voice page."""
    os.execv(sys.executable, [sys.executable, "-m", "frontend", "--host", host, "--port", str(port)])  # noqa: S606


def _settings(**flags: object) -> Settings:
    try:
        return load(**flags)
    except BadSettings as wrong:
        _fail(BAD_USAGE, str(wrong))
        raise


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


def _fail(code: int, message: str) -> None:
    for line in message.splitlines():
        typer.echo(f"understudy: {line}", err=True)
    raise typer.Exit(code)
