"""`understudy replay`: a black box is played again, and whether the call ends the same way is said."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, assert_never

import typer
from websockets.exceptions import WebSocketException

from actors.ids import AgentId, SessionId
from actors.messages import TransferCall
from actors.registry_messages import Register, Registered
from actors.session_events import LinkDialled, SwapEnded
from actors.topology import REGISTRY_PATH, SESSIONS_PATH
from gateway import logs
from gateway.app import Gateway
from gateway.blackbox import Recorder, read_file
from gateway.config import load
from gateway.replay_caller import ReplayCaller
from gateway.replay_script import (
    Await,
    Break,
    ComeBack,
    Ending,
    HandOver,
    HangUp,
    Say,
    Script,
    Speak,
    Transfer,
    ending_of,
    script_of,
)
from gateway.stand_in import StandIn, standing_in
from gateway.telemetry import EVERY
from supervisor.messages import KillChild

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.replay_script import Step
    from gateway.telemetry import Observers

ENDS_OTHERWISE, BAD_USAGE, NO_CONNECTION = 1, 2, 3
MARGIN_S = 20.0  # beyond the recorded time: the gateway's patience, and a slow machine
ASK_S = 15.0
POLL_S, LATE_S = 0.02, 5.0
_HANG_UPS = {"agent_left": 1000, "bad_data": 1007}


class _Watched(Gateway):
    """A gateway of our own, on a free port, with nothing kept."""

    def __init__(self, folder: str, away_s: float) -> None:
        park_s = away_s and away_s + 1.0
        quiet = {"otlp_endpoint": "", "langfuse_public_key": "", "langfuse_secret_key": "", "history_calls": 0}
        super().__init__(load(host="127.0.0.1", port=0, park_s=park_s, data_dir=Path(folder), store="memory", **quiet))
        self.recorder = Recorder(self.ports.now, words=False)
        self.dialled: list[int] = []
        """Generations, by dial."""
        self.place = ("", "")
        """The agent and the URL that were dialled last."""
        self.swaps = 0

    def observers(self) -> list[Observers]:
        """Those of every gateway, and this one."""
        return [*super().observers(), dict.fromkeys(EVERY, self._watch)]

    def _watch(self, session_id: SessionId, event: object) -> None:  # noqa: ARG002 - there is one
        self.recorder.note(event)
        match event:
            case LinkDialled(agent_id=agent, url=url, generation=generation):
                self.dialled.append(generation)
                self.place = (agent, url)
            case SwapEnded():
                self.swaps += 1

    def ending(self) -> Ending:
        """How the call went."""
        document = self.recorder.document(SessionId(""), "", 0.0)
        return ending_of(document["events"])  # type: ignore[arg-type] # rows, as it wrote them


@dataclass(slots=True)
class _Stage:
    """Who plays: the caller always, a gateway of ours and stand-ins where no others were named."""

    caller: ReplayCaller
    gateway: _Watched | None = None
    agents: Mapping[str, StandIn] = field(default_factory=dict)
    urls: Mapping[str, list[str]] = field(default_factory=dict)
    """Of stand-ins and real agents."""
    skipped: list[str] = field(default_factory=list)


def replay(
    file: Annotated[Path, typer.Argument(help="A black box.")],
    gateway: Annotated[
        str, typer.Option(help="Call this gateway (ws://host:port/sonic) instead of one of our own.")
    ] = "",
    agent: Annotated[
        list[str] | None, typer.Option(metavar="ID=URL", help="A real agent instead of a stand-in. Repeatable.")
    ] = None,
) -> None:
    """Play a black box again. Exit code: 0 ends the same way, 1 does not, 2 bad usage, 3 no connection."""
    logs.configure("ERROR", "human")
    try:
        script = script_of(read_file(file))
        real = _addresses(agent or [])
    except (ValueError, OSError) as wrong:
        _fail(BAD_USAGE, f"{file}: {wrong}")
        return
    try:
        ending, skipped = asyncio.run(_play_to(gateway, script) if gateway else play(script, real))
    except (OSError, WebSocketException, TimeoutError) as error:
        _fail(NO_CONNECTION, f"the call could not be made: {error or type(error).__name__}")
        return
    for words in skipped:
        typer.echo(f"not done again: {words}")
    if script.lost:
        typer.echo(f"{script.lost} events between the beginning and the last ones were not kept")
    differences = script.ending.differences(ending)
    for words in differences:
        typer.echo(words)
    typer.echo("ends otherwise" if differences else "ends the same way")
    raise typer.Exit(ENDS_OTHERWISE if differences else 0)


async def play(script: Script, real: Mapping[str, list[str]]) -> tuple[Ending, list[str]]:
    """Play against a gateway of our own, with stand-ins for the agents that are not named."""
    stood_in = {agent: count for agent, count in script.agents.items() if agent not in real}
    with TemporaryDirectory(prefix="understudy-replay-") as folder:
        async with standing_in(stood_in, script.refusals) as agents:
            gateway = _Watched(folder, script.away_s)
            await gateway.start()
            try:
                urls = {**real, **{name: agent.urls for name, agent in agents.items()}}
                await _register(gateway, urls)
                async with ReplayCaller(f"ws://127.0.0.1:{gateway.port}/sonic") as caller:
                    stage = _Stage(caller, gateway, agents, urls)
                    await _perform(stage, script)
                await _until(lambda: not len(gateway.calls), script.away_s + MARGIN_S)
                ending = gateway.ending()
            finally:
                await gateway.stop()
    if ending.code is None and script.ending.code is not None:
        ending = Ending(ending.swaps, ending.causes, caller.close_code)
    return ending, stage.skipped


async def _play_to(url: str, script: Script) -> tuple[Ending, list[str]]:
    """Play against a gateway elsewhere: only what a caller does and sees; the rest is taken as recorded."""
    async with ReplayCaller(url) as caller:
        stage = _Stage(caller)
        await _perform(stage, script)
    recorded = script.ending
    return Ending(recorded.swaps, recorded.causes, recorded.code and caller.close_code), stage.skipped


async def _register(gateway: Gateway, agents: Mapping[str, list[str]]) -> None:
    for name, urls in agents.items():
        for url in urls:
            answer = await gateway.ask(REGISTRY_PATH, Register(AgentId(name), url), ASK_S)
            if not isinstance(answer, Registered) or answer.error:
                raise OSError(f"{name} could not be registered")


async def _perform(stage: _Stage, script: Script) -> None:
    """Take every step at its time, and wait for the end."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for at, step in script.steps:
        await asyncio.sleep(began + at - loop.time())
        await _take(stage, step)
    if script.ending.code is None:
        await asyncio.sleep(began + script.seconds - loop.time())
        await stage.caller.hang_up()
    await stage.caller.ended(MARGIN_S)


async def _take(stage: _Stage, step: Step) -> None:
    match step:
        case Say(message):
            await stage.caller.say(message)
        case Speak(size):
            await stage.caller.speak(size)
        case HangUp():
            await stage.caller.hang_up()
        case ComeBack():
            await stage.caller.come_back()
        case HandOver(target):
            for agent in stage.agents.values():
                await agent.hand_over(target)
        case Transfer(target):
            await _ask(stage, TransferCall(target, url=_other_place(stage, target)), f"transfer to {target}")
        case Break():
            await _break(stage, step)
        case Await(swaps):
            if (gateway := stage.gateway) is not None:
                await _until(lambda: gateway.swaps >= swaps)
        case _:
            assert_never(step)


async def _break(stage: _Stage, step: Break) -> None:
    code, gateway = _HANG_UPS.get(step.cause), stage.gateway
    if code is not None and stage.agents:
        for agent in stage.agents.values():
            await agent.hang_up(code)
    elif gateway is None or not await _until(lambda: len(gateway.dialled) >= step.dial):
        stage.skipped.append(f"{step.cause}: link {step.dial}")
    else:
        await _end_link(stage, gateway.dialled[step.dial - 1], step)


async def _end_link(stage: _Stage, generation: int, step: Break) -> None:
    if step.cause == "killed":
        await _ask(stage, KillChild(f"link-{generation}"), "", 0.0)
    elif not step.served and stage.agents:
        for agent in stage.agents.values():
            agent.tear()
    elif not await _until(lambda: _cut(stage, generation)):
        stage.skipped.append(f"{step.cause}: link {step.dial}")


def _other_place(stage: _Stage, target: str) -> str:
    """Find the instance to which a call that is with that agent already was moved; empty: it was with another agent."""
    agent, present = stage.gateway.place if stage.gateway is not None else ("", "")
    return next((url for url in stage.urls.get(target, ()) if agent == target and url != present), "")


def _cut(stage: _Stage, generation: int) -> bool:
    relay = stage.gateway.calls.get(stage.caller.session_id) if stage.gateway is not None else None
    return relay is not None and relay.cut(generation)


async def _until(holds: Callable[[], bool], deadline_s: float = LATE_S) -> bool:
    """Wait for what was there when it was recorded: this machine may be slower."""
    for _ in range(int(deadline_s / POLL_S)):
        if holds():
            return True
        await asyncio.sleep(POLL_S)
    return False


async def _ask(stage: _Stage, message: object, words: str, deadline_s: float = ASK_S) -> None:
    if stage.gateway is None:
        stage.skipped.append(words)
    else:
        await stage.gateway.ask(f"{SESSIONS_PATH}/{stage.caller.session_id}", message, deadline_s)


def _addresses(words: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        name, equals, url = word.partition("=")
        if not equals or not url.startswith(("ws://", "wss://", "http://", "https://")):
            raise ValueError(f"--agent {word}: wanted is ID=URL")
        found.setdefault(name, []).append(url)
    return found


def _fail(code: int, message: str) -> None:
    typer.echo(f"understudy: {message}", err=True)
    raise typer.Exit(code)
