"""Commands that only look: `tree`, `sessions`, `session`, `agents`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from gateway.terminal import words
from gateway.terminal.api import Api, part
from gateway.terminal.looking import find_any_call, look
from gateway.terminal.options import DEFAULT_URL, AsJson, CallId, Token, Url, complete_agent
from gateway.terminal.outcome import Screen, told
from gateway.terminal.picture import Order, Wanted, chosen, health_of
from gateway.terminal.story_view import story_view
from gateway.terminal.views import agents_table, calls_table

Agent = Annotated[str, typer.Option(help="Only calls with this agent.", autocompletion=complete_agent)]
State = Annotated[
    str, typer.Option(help="Only calls in this state (live, dialling...) or health (failing, no-agent, recovering...).")
]
Failing = Annotated[bool, typer.Option("--failing", help="Only calls without an agent, or with no restart left.")]
Restarted = Annotated[bool, typer.Option("--restarted", help="Only calls that lost a link in the last five minutes.")]
Ordered = Annotated[Order, typer.Option(help="What comes first.")]


def tree(url: Url = DEFAULT_URL, token: Token = "", as_json: AsJson = False) -> None:
    """Show the running supervisor tree."""
    with told():
        api = Api(url, token)
        screen = Screen()
        if as_json:
            screen.show_json(api.get("/admin/tree"))
        else:
            typer.echo(api.get_text("/admin/tree", format="text").rstrip("\n"))


def sessions(
    agent: Agent = "",
    state: State = "",
    failing: Failing = False,
    restarted: Restarted = False,
    order: Ordered = Order.TROUBLE,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List the live calls."""
    with told():
        picture = look(Api(url, token))
    rows = chosen(picture, Wanted(agent, state, failing, restarted), order, picture.at)
    screen = Screen()
    if as_json:
        screen.show_json(rows)
        return
    if rows:
        screen.show(calls_table(rows, picture.at, screen.width))
    total = sum(1 for _ in picture.calls())
    if screen.is_terminal or not rows:
        shown = f"{words.plural(total, 'call')}" if len(rows) == total else f"{len(rows):,} of {total:,} calls"
        typer.echo(shown, err=not screen.is_terminal)


def session(call: CallId, url: Url = DEFAULT_URL, token: Token = "", as_json: AsJson = False) -> None:
    """Show one call's life: who served it, failures and swaps, its links, and what was said, masked.

    A call that is over can be read as long as it is among the last 500.
    """
    with told():
        api = Api(url, token)
        picture = look(api)
        call_id = find_any_call(api, picture, call)
        story = api.get(f"/admin/sessions/{part(call_id)}")
    row = next((row for row in picture.calls() if row["id"] == call_id), None)
    if row is not None:
        row = {**row, "health": health_of(row, picture.at)}
    screen = Screen()
    if as_json:
        screen.show_json({**story, "call": row})
    else:
        screen.show(story_view(story, row, picture.at, screen.width))


def agents(
    agent: Annotated[
        str, typer.Argument(metavar="[AGENT]", help="Only this one.", autocompletion=complete_agent, show_default=False)
    ] = "",
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List the agents' instances: health, breaker, drain and load."""
    with told():
        api = Api(url, token)
        rows = api.get(f"/api/agents/{part(agent)}")["instances"] if agent else api.get("/api/agents")
    screen = Screen()
    if as_json:
        screen.show_json(rows)
    elif rows:
        screen.show(agents_table(rows, int(time.time() * 1000), screen.width))
    else:
        typer.echo("no agent is registered", err=not screen.is_terminal)
