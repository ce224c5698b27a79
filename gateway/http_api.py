"""The REST API for agents and frontends, and the admin tree. Bodies and ids are validated, errors are JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from actors.ids import AgentId
from actors.messages import CallEnded, CallTransferred, EndCall, MemoryRead, PatchMemory, ReadMemory, TransferCall
from actors.registry_messages import (
    AgentInfo,
    AgentList,
    Deregister,
    Deregistered,
    DrainInstance,
    Heartbeat,
    HeartbeatSeen,
    InstancesDrained,
    ListAgents,
    Register,
    Registered,
    ReportStatus,
)
from actors.topology import REGISTRY_PATH, SESSIONS_PATH
from gateway.rest import ApiError, an_id, audit, errors_as_json, iso_now, json_object
from gateway.wire import encode
from supervisor.messages import NoSuchChild, SnapshotReply, SnapshotRequest
from supervisor.snapshot import to_dict, to_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from gateway.rest import ApiSettings
    from supervisor.snapshot import Snapshot

    Ask = Callable[[str, object, float], Awaitable[object | None]]

ASK_S = 2.0
TRANSFER_S = 15.0
MAX_URL = 2048
MAX_CAPABILITIES = 8 * 1024  # all instances' together are one answer, which everybody may ask for
MAX_CALLS = 1_000_000  # that one instance can say it has
_VISIBLE = re.compile(r"[!-~]+")  # or a url could end a line of a head, a log or a terminal
STATUSES = frozenset({"ready", "busy", "error"})

Reply = TypeVar("Reply")


class Api:
    """Routes. ``ask(path, message, deadline)`` reaches the actor at a path of the tree."""

    def __init__(self, ask: Ask, settings: ApiSettings) -> None:
        self._ask_path = ask
        self.settings = settings

    def application(self, more: Iterable[web.RouteDef] = ()) -> web.Application:
        """Build the aiohttp application, with ``more`` routes."""
        app = web.Application(
            middlewares=[self.settings.cors, audit, errors_as_json], client_max_size=self.settings.body_limit
        )
        app.add_routes(
            [
                web.get("/health", self.health),
                web.post("/api/agents/register", self.register),
                web.post("/api/agents/heartbeat", self.heartbeat),
                web.get("/api/agents", self.agents),
                web.get("/api/agents/{id}", self.agent),
                web.post("/api/agents/{id}/status", self.status),
                web.delete("/api/agents/{id}", self.deregister),
                web.post("/api/agents/{id}/drain", self.drain_agent),
                web.delete("/api/agents/{id}/drain", self.drain_agent),
                web.get("/api/sessions/{id}/memory", self.read_memory),
                web.post("/api/sessions/{id}/memory", self.write_memory),
                web.post("/api/sessions/{id}/transfer", self.transfer),
                web.post("/admin/sessions/{id}/end", self.end_call),
                web.get("/admin/tree", self.tree),
                *more,
            ]
        )
        return app

    # --- agents ---

    async def health(self, _: web.Request) -> web.Response:
        """Answer within the deadline, whatever the registry does."""
        answer = await self._ask_path(REGISTRY_PATH, ListAgents(), ASK_S)
        agents = len(answer.agents) if isinstance(answer, AgentList) else 0
        state = "healthy" if isinstance(answer, AgentList) else "degraded"
        return web.json_response({"status": state, "service": "gateway", "agents": agents, "timestamp": iso_now()})

    async def register(self, request: web.Request) -> web.Response:
        """Take an instance in."""
        self.settings.admit_agent(request)
        body = await json_object(request)
        capabilities = body.get("capabilities") or {}
        if not isinstance(capabilities, dict | list) or len(encode({"": capabilities})) > MAX_CAPABILITIES:
            raise ApiError(400, f"capabilities must be an object or a list, of at most {MAX_CAPABILITIES} bytes")
        message = Register(
            agent_id=AgentId(an_id(body.get("id"), "id")),
            url=self._agent_url(body.get("url")),
            port=_number(body, "port", 1, 65535),
            capabilities=capabilities if isinstance(capabilities, dict) else tuple(map(str, capabilities)),
            peer=request.remote or "",
        )
        answer = await self._ask(REGISTRY_PATH, message, Registered)
        if answer.error:
            raise ApiError(503, answer.error)
        return web.json_response({"success": True, "message": f"Agent {answer.agent_id} registered"})

    def _agent_url(self, url: object) -> str:
        if not isinstance(url, str) or len(url) > MAX_URL or not _VISIBLE.fullmatch(url):
            raise ApiError(400, f"url must be text of at most {MAX_URL} characters, all of them visible and in ASCII")
        try:
            parts = urlsplit(url)
            port_ok = parts.port is None or parts.port > 0
        except ValueError:
            raise ApiError(400, "url cannot be read") from None
        if parts.scheme not in {"ws", "wss", "http", "https"} or not parts.hostname or not port_ok:
            raise ApiError(400, "url must be ws://, wss://, http:// or https:// with a host")
        if not self.settings.reach.allows(parts.hostname):
            raise ApiError(403, f"agents may not register with the host {parts.hostname}")
        return url

    async def heartbeat(self, request: web.Request) -> web.Response:
        """Credit an instance; ``known`` false asks it to register again."""
        self.settings.admit_agent(request)
        body = await json_object(request)
        url = body.get("url") or ""
        if not isinstance(url, str) or len(url) > MAX_URL:
            raise ApiError(400, f"url must be text of at most {MAX_URL} characters")
        message = Heartbeat(
            agent_id=AgentId(an_id(body.get("agentId"), "agentId")),
            url=url,
            port=_number(body, "port", 1, 65535),
            peer=request.remote or "",
            active_sessions=_number(body, "activeSessions", 0, MAX_CALLS) or 0,
        )
        answer = await self._ask(REGISTRY_PATH, message, HeartbeatSeen)
        return web.json_response({"success": True, "known": answer.known})

    async def agents(self, _: web.Request) -> web.Response:
        """List all instances."""
        answer = await self._ask(REGISTRY_PATH, ListAgents(), AgentList)
        return web.json_response([agent_json(info) for info in answer.agents])

    async def agent(self, request: web.Request) -> web.Response:
        """Show one agent: its first instance, as of old, with all under ``instances``."""
        agent_id = AgentId(an_id(request.match_info["id"], "id"))
        answer = await self._ask(REGISTRY_PATH, ListAgents(agent_id), AgentList)
        if not answer.agents:
            raise ApiError(404, f"Agent {agent_id} not found")
        rows = [agent_json(info) for info in answer.agents]
        return web.json_response({**rows[0], "instances": rows})

    async def status(self, request: web.Request) -> web.Response:
        """Take an agent's own word on how it is; it counts as a sign of life."""
        self.settings.admit_agent(request)
        agent_id = AgentId(an_id(request.match_info["id"], "id"))
        body = await json_object(request)
        status = body.get("status")
        if not isinstance(status, str) or status not in STATUSES:
            raise ApiError(400, "status must be ready, busy or error")
        await self._ask(REGISTRY_PATH, ReportStatus(agent_id, status), HeartbeatSeen)
        return web.json_response({"success": True, "agentId": agent_id, "status": status, "timestamp": iso_now()})

    async def deregister(self, request: web.Request) -> web.Response:
        """Remove all instances of an agent, or the one given by ``?url=``."""
        self.settings.admit_agent(request)
        agent_id = AgentId(an_id(request.match_info["id"], "id"))
        answer = await self._ask(REGISTRY_PATH, Deregister(agent_id, request.query.get("url", "")), Deregistered)
        if not answer.count:
            raise ApiError(404, f"Agent {agent_id} not found")
        return web.json_response({"success": True, "removed": answer.count})

    async def drain_agent(self, request: web.Request) -> web.Response:
        """Move the calls of an agent's instances, or of the one given by ``?url=``, away; DELETE undoes it."""
        self.settings.admit(request)
        agent_id = AgentId(an_id(request.match_info["id"], "id"))
        undo = request.method == "DELETE"
        message = DrainInstance(agent_id, request.query.get("url", ""), undo=undo)
        answer = await self._ask(REGISTRY_PATH, message, InstancesDrained)
        if not answer.count:
            raise ApiError(404, f"Agent {agent_id} not found")
        state = "serving" if undo else "draining"
        return web.json_response({"success": True, "state": state, "instances": answer.count, "calls": answer.links})

    # --- sessions ---

    async def read_memory(self, request: web.Request) -> web.Response:
        """Read a live session's memory."""
        self.settings.admit_agent(request)
        answer = await self._ask_session(request, ReadMemory(), MemoryRead)
        return web.json_response({"success": True, "memory": answer.memory, "timestamp": iso_now()})

    async def write_memory(self, request: web.Request) -> web.Response:
        """Merge into a live session's memory."""
        self.settings.admit_agent(request)
        patch = (await json_object(request)).get("memory")
        if not isinstance(patch, dict):
            raise ApiError(400, "memory must be an object")
        answer = await self._ask_session(request, PatchMemory(patch), MemoryRead)
        if answer.error:
            raise ApiError(413, answer.error)
        return web.json_response({"success": True, "sessionId": request.match_info["id"], "timestamp": iso_now()})

    async def transfer(self, request: web.Request) -> web.Response:
        """Move the live call; answers when the caller is with the other agent or instance, or has stayed."""
        self.settings.admit_agent(request)
        body = await json_object(request)
        target = an_id(body.get("targetAgent"), "targetAgent")
        url = body.get("targetUrl") or ""
        if not isinstance(url, str) or len(url) > MAX_URL:
            raise ApiError(400, f"targetUrl must be text of at most {MAX_URL} characters")
        message = TransferCall(target, str(body.get("reason") or "")[:500], url)
        answer = await self._ask_session(request, message, CallTransferred, TRANSFER_S)
        if answer.error:
            raise ApiError(409, answer.error)
        session_id = request.match_info["id"]
        done = {"success": True, "sessionId": session_id, "targetAgent": answer.target, "timestamp": iso_now()}
        return web.json_response(done)

    # --- admin ---

    async def end_call(self, request: web.Request) -> web.Response:
        """End a call for good; answers before its sockets have closed."""
        self.settings.admit(request)
        await self._ask_session(request, EndCall(), CallEnded)
        return web.json_response({"success": True, "sessionId": request.match_info["id"]}, status=202)

    async def tree(self, request: web.Request) -> web.Response:
        """Show the running tree, as JSON or with ``?format=text``."""
        self.settings.admit(request)
        snapshot = await self.snapshot()
        if request.query.get("format") == "text":
            return web.Response(text=to_text(snapshot) + "\n")
        return web.json_response(to_dict(snapshot))

    async def snapshot(self) -> Snapshot:
        """Take a picture of the tree."""
        return (await self._ask("node", SnapshotRequest(), SnapshotReply)).snapshot

    # --- inside ---

    async def _ask(self, path: str, message: object, reply: type[Reply], deadline_s: float = ASK_S) -> Reply:
        answer = await self._ask_path(path, message, deadline_s)
        if isinstance(answer, reply):
            return answer
        if isinstance(answer, NoSuchChild):
            raise ApiError(404, "Session not found" if path.startswith(SESSIONS_PATH) else "not running; try again")
        raise ApiError(503, "no answer in time; try again")

    async def _ask_session(
        self, request: web.Request, message: object, reply: type[Reply], deadline_s: float = ASK_S
    ) -> Reply:
        session_id = AgentId(an_id(request.match_info["id"], "id"))
        return await self._ask(f"{SESSIONS_PATH}/{session_id}", message, reply, deadline_s)


def _number(body: Mapping[str, object], name: str, least: int, most: int) -> int | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most):
        raise ApiError(400, f"{name} must be a number from {least} to {most}")
    return value


def agent_json(info: AgentInfo) -> Mapping[str, object]:
    """Show an instance as the REST API always has, and how it is loaded."""
    return {
        "id": info.id,
        "url": info.url,
        "status": info.status,
        "capabilities": info.capabilities,
        "lastHeartbeat": info.last_heartbeat_ms,
        "port": info.port,
        "activeSessions": info.active_sessions,
        "links": info.links,
        "breaker": info.breaker,
    }
