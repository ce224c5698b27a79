"""The composition root: one process's actors, sockets and HTTP, put together and taken apart."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web
from loguru import logger

from actors.ids import AgentId
from actors.ports import Ports, StoreFailed
from actors.redials import RedialSettings
from actors.registry import RegistryArgs
from actors.registry_book import RegistrySettings
from actors.routing import BANK_AGENTS
from actors.store import StoreArgs
from actors.topology import NODE, SESSIONS_PATH, STORE_PATH, NodeArgs, node_spec
from gateway import logs, telemetry
from gateway.admission import Admission, Bounds
from gateway.agent_socket import AGENT_LIMITS, AgentDialer
from gateway.blackbox import BlackBoxes
from gateway.call_meter import CallMeter
from gateway.caller_tokens import CallerTokens
from gateway.catalogue import Catalogue
from gateway.catalogue_api import CatalogueApi
from gateway.chaos import Chaos
from gateway.chronicle import Chronicle
from gateway.collector import Collector
from gateway.console_page import ConsolePage
from gateway.delay import DelayObjective
from gateway.drain import Drain
from gateway.front_door import Callbacks, FrontDoor, RequestHead
from gateway.glance import Glance
from gateway.health import Health
from gateway.history import History
from gateway.http_api import Api
from gateway.live import Live
from gateway.meters import Meters
from gateway.metrics import Metrics
from gateway.probe import HttpProber
from gateway.pulse import Pulse
from gateway.reach import Reach
from gateway.reception import Reception
from gateway.rest import ApiSettings
from gateway.resume import LiveCalls, ResumeTokens
from gateway.socket_core import SocketLimits
from gateway.store import MemoryStore, SqliteStore
from gateway.tracing import Tracing, langfuse, otlp
from gateway.trends import Trends
from supervisor.backoff import Backoff
from supervisor.messages import Runtime, Start, Started, Stop, TerminateChild, ToPath
from supervisor.names import Names
from supervisor.system_base import AsyncioSystemBase, actor_system

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr
    from thespian.actors import ActorAddress

    from actors.ids import SessionId
    from gateway.client_socket import ClientSocket
    from gateway.config import Settings
    from gateway.delay import Delays
    from gateway.relay import CallerRelay

START_S = 10.0
REVIVE_MAX_S = 10.0
STOP_POLL_S = 0.01
IDLE_HTTP_S = 75.0  # longer than the minute that proxies keep theirs; aiohttp's own is an hour
DAY_S = 86_400.0
DEFAULT_PORTS = {
    "triage": 8081,
    "banking": 8082,
    "mortgage": 8083,
    "idv": 8084,
    "disputes": 8085,
    "investigation": 8086,
}


class StartError(Exception):
    """The tree did not come up."""


@dataclass(frozen=True, slots=True)
class _Tree:
    """A tree that came up: its root, its own names, and whether its root has given up since."""

    node: ActorAddress
    names: Names
    given_up: asyncio.Event


@dataclass(slots=True)
class _Parts:
    """What the start brings up, in this order."""

    tree: _Tree | None = None
    runner: web.AppRunner | None = None
    reception: Reception | None = None
    door: FrontDoor | None = None


Part = TypeVar("Part")


def _there(part: Part | None) -> Part:
    if part is None:
        raise RuntimeError("the gateway has not been started")
    return part


class Gateway:
    """One gateway. ``start``, then it serves until ``stop``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.system = actor_system(notify=telemetry.notice)
        self.base: AsyncioSystemBase = self.system._systemBase  # noqa: SLF001 - Thespian gives the base no other name
        reach = Reach(tuple(host.lower() for host in settings.agent_hosts), settings.agent_networks)
        self.prober = HttpProber(reach)
        self.ports = Ports(
            dialer=AgentDialer(self._bug, replace(AGENT_LIMITS, unread_s=settings.unread_s), settings.dial_s, reach),
            tell=self.base.teller(),
            now=asyncio.get_running_loop().time,
            wall=time.time,
            random=random.random,
        )
        self.api = Api(self.ask, self._api_settings(reach))
        self.history = self._history()
        self.meters = Meters()
        self.delays = CallMeter.of(None)
        self.objective = DelayObjective(settings.objective_ms, self._directions())
        self.chronicle = Chronicle(self.ports.wall)
        self.calls = LiveCalls(self._resume_tokens())
        self.trends = Trends(lambda: len(self.calls), self.chronicle, self._directions())
        self.collector = Collector()
        self.pulse = Pulse(self._look)
        self.metrics = Metrics(self.meters, self.base, self.delays, lambda: self.pulse.lag_s, self.ask)
        self.tracing = self._tracing()
        self.boxes = self._boxes()
        self.metrics.add(self.tracing.families)
        self.drain = Drain(lambda: len(self.calls), self._end_calls, self.ports.now, settings.drain_s)
        self.admission = self._admission()
        self.health = self._health()
        self._documents = MemoryStore(max_documents=settings.store_documents)  # outlives its actor
        self._started = self.ports.now()
        self._parts = _Parts()
        self._reviving: asyncio.Task[None] | None = None
        self.live = self._live()
        self.audience = telemetry.Audience(self.observers())
        self._began_ms = int(self.ports.wall() * 1000)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return _there(self._parts.door).port

    @property
    def reception(self) -> Reception:
        """Who gives callers their sessions."""
        return _there(self._parts.reception)

    @property
    def _node(self) -> ActorAddress:
        return _there(self._parts.tree).node

    async def start(self) -> None:
        """Start the tree, then listen. Raises `StartError` or ``OSError``."""
        parts = self._parts
        await self._start_tree()
        catalogue = CatalogueApi(self._catalogue(), self.history, self.api.settings, self.status)
        parts.runner = web.AppRunner(
            self.api.application([*catalogue.routes(), *self._operations()]),
            access_log=None,
            logger=logs.http_log(),
            keepalive_timeout=IDLE_HTTP_S,
        )
        await parts.runner.setup()
        if parts.runner.server is None:
            raise StartError("the HTTP server did not start")
        parts.reception = self._reception()
        self.metrics.watch(self.calls)
        callbacks = Callbacks(
            http=parts.runner.server,
            on_caller=self._welcome,
            on_bug=self._bug,
            accept=self.admission.judge,
            on_gone=self._gone,
            http_open=partial(_transports, parts.runner.server),
        )
        limits = SocketLimits(message_bytes=self.settings.message_limit, unread_s=self.settings.unread_s)
        parts.door = FrontDoor(callbacks, limits, self.settings.head_s)
        await parts.door.start(self.settings.host, self.settings.port)
        self.pulse.start()
        self._reviving = asyncio.get_running_loop().create_task(self._revive(), name="revive")

    async def stop(self) -> None:
        """Stop accepting, let the tree end in order (callers are told, calls are kept), end what is left.

        Each phase within ``stop_s``. A start that failed is taken apart as far as it came.
        """
        parts, stop_s = self._parts, self.settings.stop_s
        if parts.door is not None:
            parts.door.shut()
        await self.live.stop()
        await self.drain.stop()
        self.health.add("stopping", lambda: "the gateway is going down")
        self.pulse.stop()
        if self._reviving is not None:
            self._reviving.cancel()
        if parts.tree is not None:
            await self._stop_tree(stop_s)
        if parts.door is not None:
            await parts.door.stop(stop_s)
        await self.base.shutdown_async(stop_s)
        if parts.reception is not None:
            await parts.reception.stop()
        await self.prober.stop()
        await asyncio.to_thread(self.tracing.stop, stop_s)
        await asyncio.to_thread(self.boxes.stop)
        if self.history is not None:
            await asyncio.to_thread(self.history.close)
        if parts.runner is not None:
            await parts.runner.cleanup()

    async def _start_tree(self) -> None:
        """Start a tree and use it from now on. Raises `StartError`, and stops what there is of it."""
        spec, names, given_up = node_spec(self._node_args()), Names(), asyncio.Event()
        node = self.system.createActor(spec.actor)
        ended = telemetry.WhenEnded(NODE, given_up.set)
        log = telemetry.SupervisionLog(debug=self.settings.log_level in {"TRACE", "DEBUG"})
        sinks = (log, self.meters, self.chronicle, self.live, ended)
        start = Start(NODE, NODE, 1, spec.args, Runtime(sink=telemetry.Sinks(sinks), names=names))
        answer = await self.base.ask_async(node, start, START_S)
        if not isinstance(answer, Started):
            self.base.tell(node, Stop())
            raise StartError(f"the supervisor tree did not start: {answer}")
        self._parts.tree = _Tree(node, names, given_up)

    async def _revive(self) -> None:
        """Wait for the root to give up: nobody is above it but the process, which ends only when it is told to."""
        while True:
            await _there(self._parts.tree).given_up.wait()
            logger.critical("the supervisor tree has given up; it is started anew")
            await self._start_tree_again()
            tree = _there(self._parts.tree)
            self.reception.move_to(tree.node, tree.names)

    async def _start_tree_again(self) -> None:
        backoff = Backoff(0.2, 2.0, REVIVE_MAX_S)
        for attempt in count():
            await asyncio.sleep(backoff.delay(attempt, self.ports.random()))
            try:
                await self._start_tree()
            except (StartError, TimeoutError) as error:
                logger.critical("the supervisor tree does not start: {}", error)
            else:
                return

    async def _stop_tree(self, deadline_s: float) -> None:
        self.base.tell(self._node, Stop())
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                while self.base.statistics()["actors"]:  # noqa: ASYNC110 - actors set no event of the loop
                    await asyncio.sleep(STOP_POLL_S)

    async def ask(self, path: str, message: object, deadline_s: float) -> object | None:
        """Ask the actor at a path of the tree; None when it does not answer in time."""
        if path == NODE:
            return await self.base.ask_async(self._node, message, deadline_s)
        return await self.base.ask_as_async(self._node, partial(ToPath, path, message), deadline_s)

    def _resume_tokens(self) -> ResumeTokens:
        settings = self.settings
        secret = settings.resume_secret.get_secret_value().encode() if settings.resume_secret else secrets.token_bytes()
        return ResumeTokens(secret, settings.resume_ttl_s, self.ports.wall)

    def _reception(self) -> Reception:
        tree, session = _there(self._parts.tree), self.settings.session
        self.calls.on_gone = self._call_over
        return Reception(
            self.base, tree.node, tree.names, self.ports, session, self.audience.observe, self.calls, meter=self._meter
        )

    def observers(self) -> list[telemetry.Observers]:
        """All who keep, count or show what happens to sessions."""
        observers = [
            telemetry.LOG,
            self.meters.observers,
            self.tracing.observers,
            dict.fromkeys(telemetry.EVERY, self.boxes.observe),
            dict.fromkeys(telemetry.EVERY, self.chronicle.observe),
            self.live.observers,
        ]
        if self.history is not None:
            observers.append(self.history.observers)
        return observers

    def _look(self) -> None:
        """Every five seconds."""
        self.objective.look()
        self.trends.look()
        self.collector.look(len(self.calls))

    def _directions(self) -> list[Delays]:
        return [delays for _, delays in self.delays.directions()]

    def _live(self) -> Live:
        ports = self.ports
        glance = Glance(self.base.engine.cells, self.chronicle, ports.now, ports.wall)
        return Live(glance, self.chronicle, self.trends, self.ask, self._totals, ports.wall, self.history)

    def _totals(self) -> dict[str, object]:
        """Tell how the whole is, for the console."""
        return {
            "calls": len(self.calls),
            "max_calls": self.settings.max_sessions,
            "started": self.chronicle.started,
            "failed": self.chronicle.failed,
            "swapped": self.chronicle.swapped,
            "actors": self.base.statistics()["actors"],
            "lag_ms": round(self.pulse.lag_s * 1000),
            "drain": self.drain.state.value,
            "chaos": self.settings.chaos,
            "began": self._began_ms,
        }

    def _history(self) -> History | None:
        settings = self.settings
        if settings.history_calls == 0:
            return None
        return History(settings.data_dir / "history", settings.history_calls, settings.history_days * DAY_S)

    async def status(self) -> dict[str, object]:
        """How the process is, in a few figures."""
        return {
            "status": "running",
            "sessions": len(self.calls),
            "connections": _there(self._parts.door).open_sockets,
            "actors": self.base.statistics()["actors"],
            "uptime_s": round(self.ports.now() - self._started),
        }

    def _admission(self) -> Admission:
        settings = self.settings
        bounds = Bounds(
            settings.connect_rate, settings.connect_burst, settings.per_address, tuple(settings.caller_origins)
        )
        checks = {"draining": self.drain.why_not, "full": self._full, "objective": self.objective.broken}
        secret = _shown(settings.caller_secret)
        tokens = CallerTokens(secret, settings.caller_audience, settings.caller_issuer) if secret else None
        return Admission(bounds, checks, self.ports.now, self.meters.refuse, tokens, self._is_back)

    def _is_back(self, head: RequestHead) -> bool:
        return self.reception.is_back(head)

    def _welcome(self, client: ClientSocket, head: RequestHead) -> None:
        self.admission.came(head.remote)
        self.reception.welcome(client, head)

    def _gone(self, remote: str, code: int) -> None:
        self.admission.went(remote)
        self.meters.closed(code)

    async def _end_calls(self) -> None:
        """Tell every live call to come back elsewhere, and wait for their ends."""
        for session_id in self.calls.ids():
            self.base.tell(self._node, ToPath(SESSIONS_PATH, TerminateChild(session_id), self._node))
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.stop_s):
                while len(self.calls):  # noqa: ASYNC110 - actors set no event of the loop
                    await asyncio.sleep(STOP_POLL_S)

    def _meter(self, session_id: SessionId) -> CallMeter:
        return CallMeter.of(self.delays, self.boxes.open(session_id))

    def _call_over(self, relay: CallerRelay) -> None:
        self.metrics.call_over(relay)
        self.boxes.close(relay.session_id)
        self.chronicle.call_over(relay.session_id)
        self.tracing.forget(relay.session_id)

    def _tracing(self) -> Tracing:
        settings, exporters = self.settings, {}
        if settings.langfuse_public_key and settings.langfuse_secret_key is not None:
            secret = settings.langfuse_secret_key.get_secret_value()
            exporters["langfuse"] = langfuse(settings.langfuse_host, settings.langfuse_public_key, secret)
        if settings.otlp_endpoint:
            exporters["otlp"] = otlp(settings.otlp_endpoint)
        return Tracing(exporters, content=settings.trace_content == "masked")

    def _boxes(self) -> BlackBoxes:
        settings, ports = self.settings, self.ports
        later = asyncio.get_running_loop().call_later
        folder = settings.data_dir / "blackbox"
        return BlackBoxes(folder, settings.blackbox_files, ports.now, ports.wall, later, words=settings.blackbox_words)

    def _full(self) -> str:
        return "the gateway is full" if len(self.calls) >= self.settings.max_sessions else ""

    def _health(self) -> Health:
        health = Health(
            alive=lambda: self.base.statistics()["actors"] > 0,
            load=lambda: (len(self.calls), self.settings.max_sessions),
            ask=self.ask,
        )
        health.add("drain", self.drain.why_not)
        health.add("sessions", self._full)
        health.add("objective", self.objective.broken)
        return health

    def _operations(self) -> list[web.RouteDef]:
        settings = self.api.settings
        chaos = Chaos(self.ask, enabled=self.settings.chaos)
        parts = (self.metrics, self.drain, self.boxes, chaos, self.live, ConsolePage())
        return [*self.health.routes(), *(route for part in parts for route in part.routes(settings))]

    def _bug(self, error: BaseException) -> None:
        logger.opt(exception=error).error("a connection's callback failed; that connection is closed")

    def _node_args(self) -> NodeArgs:
        settings = self.settings
        opened: Any = _sqlite(settings) if settings.store == "sqlite" else lambda: self._documents
        known = {AgentId(agent): f"ws://127.0.0.1:{DEFAULT_PORTS[agent]}" for agent in BANK_AGENTS}
        redials = RedialSettings(settings.redial_rate, settings.redial_burst)
        bounds = RegistrySettings(redials=redials, warm_links=settings.warm_links)
        registry = RegistryArgs(self.ports, self.prober, STORE_PATH, bounds, known)
        return NodeArgs(StoreArgs(opened), registry, max_sessions=settings.max_sessions)

    def _api_settings(self, reach: Reach) -> ApiSettings:
        settings = self.settings
        return ApiSettings(
            _shown(settings.admin_token),
            settings.admin_networks,
            settings.cors_origins,
            settings.body_limit,
            reach,
            _shown(settings.agent_secret),
        )

    def _catalogue(self) -> Catalogue:
        return Catalogue(self.settings.data_dir / "catalogue", self.settings.tools_dir)


def _transports(server: web.Server) -> list[asyncio.Transport]:
    return [there.transport for there in server.connections if there.transport is not None]


def _shown(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _sqlite(settings: Settings) -> Callable[[], SqliteStore]:
    """Open the file once before the tree needs it: what is wrong with it then is said once, and not retried."""
    path = settings.data_dir / "understudy.sqlite"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        SqliteStore(path).close()
    except (OSError, StoreFailed) as error:
        raise StartError(f"the store {path} cannot be opened: {error}") from error
    return partial(SqliteStore, path, max_documents=settings.store_documents)
