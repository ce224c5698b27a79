"""Commands that do something to calls, agents or the gateway: `move`, `end`, `drain`, `chaos`. Each is asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.terminal import words
from gateway.terminal.api import Api, NoConnection, part
from gateway.terminal.looking import find_call, look
from gateway.terminal.options import (
    DEFAULT_URL,
    AgentId,
    AsJson,
    CallId,
    Token,
    Url,
    Yes,
    complete_actor,
    complete_call,
    complete_instance,
)
from gateway.terminal.outcome import BAD_USAGE, CODES, Screen, confirm, fail, told
from gateway.terminal.picture import Picture
from gateway.terminal.stream import Stream
from gateway.terminal.views import agents_table, drain_words

if TYPE_CHECKING:
    from rich.console import RenderableType

MAX_DEADLINE_S = 24 * 3600

drain = typer.Typer(no_args_is_help=True, help="Take the gateway, an agent or an instance out of service gently.")
chaos = typer.Typer(no_args_is_help=True, help="Break something on purpose, where UNDERSTUDY_CHAOS allows it.")


def move(
    call: CallId,
    agent: AgentId,
    reason: Annotated[str, typer.Option(help="What the agent and the log are told.")] = "operator",
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Hand a live call over to another agent; done when the caller is with it, refused where he has stayed."""
    with told():
        api = Api(url, token)
        call_id = find_call(look(api), call)
        confirm(f"Move the call {call_id} to {agent}?", yes=yes)
        body = {"targetAgent": agent, "reason": reason}
        answer = api.send("POST", f"/api/sessions/{part(call_id)}/transfer", body)
    _say(answer, f"the call {call_id} is with {answer.get('targetAgent')} now", as_json=as_json)


def end(
    call: CallId,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """End a call: the caller is disconnected at once and cannot come back to it."""
    with told():
        api = Api(url, token)
        call_id = find_call(look(api), call)
        confirm(f"End the call {call_id}?", yes=yes)
        answer = api.send("POST", f"/admin/sessions/{part(call_id)}/end")
    _say(answer, f"the call {call_id} has been ended", as_json=as_json)


@drain.command("status", epilog=CODES)
def drain_status(url: Url = DEFAULT_URL, token: Token = "", as_json: AsJson = False) -> None:
    """Show what is being drained: the gateway, and instances of agents."""
    with told():
        api = Api(url, token)
        gateway, picture = api.get("/admin/drain"), look(api)
    draining = [row for row in picture.agents if row.get("status") == "draining"]
    screen = Screen()
    parts: list[RenderableType] = [drain_words(gateway)]
    if draining:
        parts.append(agents_table(draining, picture.at, screen.width))
    _say({"gateway": gateway, "instances": draining}, *parts, as_json=as_json)


@drain.command("gateway", epilog=CODES)
def drain_gateway(
    deadline: Annotated[
        float | None,
        typer.Option(min=0, max=MAX_DEADLINE_S, help="Seconds that live calls may go on.", show_default="as set"),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when the last call has ended.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Take callers again.")] = False,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Send new callers elsewhere; live calls go on until the deadline, and are then asked to come back elsewhere."""
    with told():
        api = Api(url, token)
        if cancel:
            answer = api.send("DELETE", "/admin/drain")
        else:
            confirm(f"Drain the gateway {api.name}?", yes=yes)
            answer = api.send("POST", "/admin/drain", {} if deadline is None else {"deadline_s": deadline})
            if wait:
                _wait_drained(api)
                answer = api.get("/admin/drain")
    _say(answer, drain_words(answer), as_json=as_json)


def _wait_drained(api: Api) -> None:
    picture = Picture()
    for event in Stream(api).once():
        picture.take(event.kind, event.data)
        if picture.totals.get("drain") == "drained":
            return
        if picture.totals.get("drain") == "serving":
            raise NoConnection("somebody has cancelled the drain")


@drain.command("agent", epilog=CODES)
def drain_agent(
    agent: AgentId,
    instance: Annotated[
        str, typer.Option(metavar="URL", help="Only this instance of it.", autocompletion=complete_instance)
    ] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help="Take calls again.")] = False,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Give an agent's instances no new calls, and move the present ones to others; an only one keeps its calls."""
    query: dict[str, str] = {"url": instance} if instance else {}
    with told():
        api = Api(url, token)
        if not cancel:
            confirm(f"Drain {f'the instance {instance}' if instance else 'all instances'} of {agent}?", yes=yes)
        answer = api.send("DELETE" if cancel else "POST", f"/api/agents/{part(agent)}/drain", None, query)
    instances, calls = (
        words.plural(answer.get("instances", 0), "instance"),
        words.plural(answer.get("calls", 0), "call"),
    )
    _say(answer, f"{agent}  {answer.get('state')}, {instances} with {calls}", as_json=as_json)


@chaos.command("kill", epilog=CODES)
def chaos_kill(
    actor: Annotated[
        str,
        typer.Argument(
            metavar="[ACTOR]", help="Its path, such as node/store.", autocompletion=complete_actor, show_default=False
        ),
    ] = "",
    link_of: Annotated[
        str, typer.Option(metavar="CALL", help="The newest link of this call instead.", autocompletion=complete_call)
    ] = "",
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """End an actor as a crash would; its supervisor decides what follows."""
    if bool(actor) == bool(link_of):
        fail(BAD_USAGE, "name an actor by its path, or a call with --link-of")
    with told():
        api = Api(url, token)
        call_id = find_call(look(api), link_of) if link_of else ""
        confirm(f"Kill {f'the newest link of {call_id}' if call_id else actor}?", yes=yes)
        answer = api.send("POST", "/admin/chaos/kill", {"link_of": call_id} if call_id else {"actor": actor})
    _say(answer, f"killed {answer.get('killed')}", as_json=as_json)


def _say(answer: Any, *parts: RenderableType, as_json: bool) -> None:
    screen = Screen()
    if as_json:
        screen.show_json(answer)
    else:
        screen.show(*parts)
