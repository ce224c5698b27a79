"""What is fuzzed: each target takes bytes of any kind and raises where a promise does not hold."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from urllib.parse import quote

import msgspec
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from actors.ids import AgentId, Generation, Instance
from actors.link_end import FailureKind
from actors.messages import CallerSent
from actors.registry_book import RegistrySettings
from actors.registry_messages import (
    AgentList,
    Deregister,
    Deregistered,
    DrainInstance,
    ForgetHolders,
    Heartbeat,
    HeartbeatSeen,
    InstancePicked,
    InstancesDrained,
    ListAgents,
    NoInstance,
    PickInstance,
    ProbeAnswered,
    Register,
    Registered,
    ReleaseInstance,
    ReportStatus,
)
from gateway.http_api import Api
from gateway.nesting import MAX_DEPTH
from gateway.rest import ApiSettings
from gateway.translate import Translator
from gateway.wire import Malformed, Ping, decode, encode, parse_caller, sniff_type
from supervisor.messages import NoSuchChild, ToChild
from tests.actors.test_registry import World
from tests.fuzz.wire_in_memory import UPGRADE, as_others_read, cut, receive

OURS = {1002, 1007, 1008, 1009}
"""Codes of ends that we began: the other parser looks at neither UTF-8 nor floods, and goes on."""
LOOP = asyncio.new_event_loop()


def door(data: bytes) -> None:
    """The front door, byte by byte as they come: heads, admission, tokens, upgrades, and frames after those."""
    _, answered, _ = LOOP.run_until_complete(receive(cut(data[2:], data[:2])))
    assert answered[:9] in {b"", b"HTTP/1.1 "}, answered


def frames(data: bytes) -> None:
    """Frames after a good handshake, compared with what another parser reads."""
    stream = data[4:]
    caller, answered, is_open = LOOP.run_until_complete(receive([UPGRADE, *cut(stream, data[:4])]))
    assert answered.startswith(b"HTTP/1.1 101 ")
    others, code = as_others_read(stream)
    assert caller.heard == others[: len(caller.heard)], (caller.heard, others)
    if is_open or caller.ends[0][0] not in OURS:
        assert caller.heard == others, (caller.heard, others, caller.ends)
    # too long a fragment ends it when it has come, and not when it is announced
    assert code in {None, 1009} or not is_open, "an end that we have not seen"


def wire(data: bytes) -> None:
    """The caller's JSON: what was understood can be written, and means the same."""
    kind = sniff_type(data)
    message = decode(data)
    understood = parse_caller(data)
    if message is None:
        assert isinstance(understood, Malformed)
        return
    assert _depth(message) <= MAX_DEPTH
    assert decode(encode(message)) == message
    assert kind == (message["type"] if isinstance(message.get("type"), str) else None)
    json.dumps(message).encode()  # as the catalogue and the store do
    if not isinstance(understood, CallerSent | Malformed | Ping):
        msgspec.json.encode(understood)


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def translate(data: bytes) -> None:
    """An agent's JSON, line by line: what the caller is sent is text, and what the session is told can be kept."""
    translator = Translator("0b54c7a2-1111-4222-8333-444455556666", lambda: 1_000_000.0)
    for number, line in enumerate(data.split(b"\n")):
        sent, event = translator.translate(line, Generation(number // 3 + 1), AgentId("banking"))
        assert sent is None or sent is line or decode(sent) is not None
        if event is not None:
            json.dumps(msgspec.to_builtins(event)).encode()


REQUESTS = (
    ("POST", "/api/agents/register"),
    ("POST", "/api/agents/heartbeat"),
    ("POST", "/api/agents/{id}/status"),
    ("DELETE", "/api/agents/{id}"),
    ("GET", "/api/agents/{id}"),
    ("GET", "/api/agents"),
    ("POST", "/api/agents/{id}/drain"),
    ("POST", "/api/sessions/{id}/memory"),
    ("POST", "/api/sessions/{id}/transfer"),
)


TRANSPORT = SimpleNamespace(get_extra_info=lambda *_: None)
PROTOCOL = SimpleNamespace(peername=("10.9.9.9", 1), sockname=None, ssl_context=None)
WRITER = SimpleNamespace()  # of these three aiohttp's mocks cost more than the request


def rest(data: bytes) -> None:
    """Requests to the REST API, one a line: which, id, tab, body. A registry behind them; never a 500."""
    world = World()
    LOOP.run_until_complete(_requests(Api(Behind(world).ask, ApiSettings(admin_token="t", body_limit=4096)), data))
    _is_sound(world)


async def _requests(api: Api, data: bytes) -> None:
    app = api.application()
    app.freeze()
    for line in data.split(b"\n")[:20]:
        method, path = REQUESTS[line[0] % len(REQUESTS)] if line else ("GET", "/health")
        name, _, body = line[1:].partition(b"\t")
        payload = StreamReader(BaseProtocol(LOOP), 2**16, loop=LOOP)
        payload.feed_data(body)
        payload.feed_eof()
        target = path.replace("{id}", quote(name) or "x")
        headers = {"Authorization": "Bearer t", "Content-Length": str(len(body))}
        request = make_mocked_request(
            method, target, headers, payload=payload, app=app, protocol=PROTOCOL, writer=WRITER, transport=TRANSPORT
        )
        response = await app._handle(request)
        assert response.status < 500 or response.status == 503, response.text
        json.loads(response.text)


class Behind:
    """Asks the registry of a world; there are no sessions."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def ask(self, path: str, message: object, _: float) -> object:
        if path != "node/registry":
            return NoSuchChild(path, message)
        replies = (Registered, HeartbeatSeen, AgentList, Deregistered, InstancesDrained)
        return next(reply for reply in (_answer(self._world, message),) if isinstance(reply, replies))


IDS = ("triage", "banking", "idv", "mortgage")
HOLDERS = ("s1", "s2", "s3")
ASKS = (Register, Heartbeat, Deregister, DrainInstance, ReportStatus, ListAgents, PickInstance)


def registry(data: bytes) -> None:
    """The registry's messages, four bytes each, with time between them: always answered, never restarted."""
    world = World()
    for start in range(0, min(len(data), 800), 4):
        kind, who, where, more = data[start : start + 4].ljust(4, b"\0")
        message = _message(world, kind, AgentId(IDS[who % 4]), f"ws://10.0.{where % 5}.1:80{where % 3}", more)
        if message is None:
            world.stage.advance(more)
        elif isinstance(message, ASKS):
            assert _answer(world, message) is not None
        else:
            world.stage.tell(world.node, ToChild("registry", message))
    _is_sound(world)


def _message(world: World, kind: int, agent: AgentId, url: str, more: int) -> object | None:
    holder, failure = HOLDERS[more % 3], [None, *FailureKind][more % (len(FailureKind) + 1)]
    wish = PickInstance(world.stage.address, holder, more, agent, frozenset({url} if more & 64 else ()))
    return (
        Register(agent, url, more or None, {"mode": IDS[more % 4]} if more & 1 else ("voice",), "10.9.9.9"),
        Heartbeat(agent, url if more & 1 else "", more or None, "10.9.9.9", more),
        Deregister(agent, url if more & 1 else ""),
        DrainInstance(agent, url if more & 1 else "", undo=bool(more & 2)),
        ReportStatus(agent, "busy"),
        ListAgents(agent if more & 1 else ""),
        wish,
        ReleaseInstance(holder, Instance(agent, url), failure),
        ForgetHolders(holder),
        ProbeAnswered(agent, url, alive=bool(more & 1), mode="text" if more & 2 else "nonsense"),
        None,
    )[kind % 11]


def _answer(world: World, message: object) -> object:
    before = len(world.stage.outside.seen)
    world.stage.tell(world.node, ToChild("registry", message))
    answers = [seen for seen in world.stage.outside.seen[before:] if not isinstance(seen, NoSuchChild)]
    return answers[0] if answers else None


def _is_sound(world: World) -> None:
    listed = _answer(world, ListAgents())
    assert isinstance(listed, AgentList)
    assert len(listed.agents) <= RegistrySettings().max_instances
    for info in listed.agents:
        assert info.links >= 0
        assert info.active_sessions >= 0
        json.dumps(msgspec.to_builtins(info))
    actor = world.stage.actor("node/registry")
    assert actor.incarnation == 1, "the registry crashed"
    for agent in IDS:
        picked = _answer(world, PickInstance(world.stage.address, "last", 1, AgentId(agent)))
        assert isinstance(picked, InstancePicked | NoInstance)


TARGETS = {target.__name__: target for target in (door, frames, wire, translate, rest, registry)}
