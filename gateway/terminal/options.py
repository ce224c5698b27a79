"""What all commands share: which gateway, how it is told who asks, JSON; and ids that the shell completes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from gateway.terminal.api import Api, BadAddress, NoConnection, Refused
from gateway.terminal.looking import look

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.terminal.picture import Picture

Completion: TypeAlias = list[tuple[str, str]]
DEFAULT_URL = "http://localhost:8080"
COMPLETION_S = 1.0  # somebody has pressed Tab
MAX_COMPLETIONS = 200

URL_VARIABLE, TOKEN_VARIABLE = "UNDERSTUDY_URL", "UNDERSTUDY_ADMIN_TOKEN"
Url = Annotated[str, typer.Option(envvar=URL_VARIABLE, help="The gateway.")]
Token = Annotated[str, typer.Option(envvar=TOKEN_VARIABLE, help="Admin token.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]


def _completing(values: Callable[[Picture], Completion]) -> Callable[[typer.Context, str], Completion]:
    """Complete from the running gateway; with nothing where there is none, or none that lets us in."""

    def complete(context: typer.Context, incomplete: str) -> Completion:
        given = context.params
        url = given.get("url") or os.environ.get(URL_VARIABLE) or DEFAULT_URL
        token = given.get("token") or os.environ.get(TOKEN_VARIABLE) or ""
        try:
            picture = look(Api(url, token, COMPLETION_S), COMPLETION_S)
        except (Refused, NoConnection, BadAddress):
            return []
        return [pair for pair in values(picture) if pair[0].startswith(incomplete)][:MAX_COMPLETIONS]

    return complete


def _calls(picture: Picture) -> Completion:
    return [(row["id"], f"{row.get('agent') or 'no agent'}, {row.get('state')}") for row in picture.calls()]


def _agents(picture: Picture) -> Completion:
    return [(name, "") for name in sorted({str(row.get("id")) for row in picture.agents})]


def _instances(picture: Picture) -> Completion:
    return [(str(row.get("url")), str(row.get("id"))) for row in picture.agents]


def _actors(picture: Picture) -> Completion:
    return [(path, str(row.get("state"))) for path, row in picture.actors.items()]


CallId = Annotated[
    str, typer.Argument(metavar="CALL", help="A call's id, or how it begins.", autocompletion=_completing(_calls))
]
AgentId = Annotated[str, typer.Argument(metavar="AGENT", help="An agent's id.", autocompletion=_completing(_agents))]
complete_call, complete_agent = _completing(_calls), _completing(_agents)
complete_instance, complete_actor = _completing(_instances), _completing(_actors)
