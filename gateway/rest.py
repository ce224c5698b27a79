"""What all REST endpoints share: errors as JSON, bodies and ids that are checked, who is let in, origins."""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from loguru import logger

from gateway.foreign import is_from_elsewhere, is_of_another_page
from gateway.reach import LOOPBACK, Reach, is_within
from gateway.wire import decode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.reach import Networks

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_S = 10.0  # as long as a request's head may take
MAX_AUDIT: Final = 300  # characters of an answer
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_AUDITED: Final = re.compile(r"/admin/.*|/api/sessions/[^/]+/transfer|/api/agents/[^/]+/drain")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class ApiError(Exception):
    """Answered as ``{"success": false, "error": ...}`` with its status."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.body: dict[str, object] = {"success": False, "error": error}


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What the API needs of the settings."""

    admin_token: str | None = field(default=None, repr=False)
    admin_networks: Networks = ()
    cors_origins: tuple[str, ...] = ("*",)
    body_limit: int = 100 * 1024
    reach: Reach = field(default_factory=Reach)
    agent_secret: str | None = field(default=None, repr=False)

    def admit(self, request: web.Request) -> None:
        """Let in whoever has the token or, where none is configured, comes from a trusted network; else `ApiError`."""
        if self.admin_token is None:
            if not is_within(request.remote, self.admin_networks):
                raise ApiError(403, "no admin token is configured, so only trusted networks are let in")
            if self._is_foreign(request):
                raise ApiError(403, "no admin token is configured, so pages and proxies of others are not let in")
            return
        if not _bears(request, self.admin_token):
            raise ApiError(401, "a valid bearer token is needed")

    def admit_agent(self, request: web.Request) -> None:
        """Let in whoever has the agents' secret or the admin token; without a secret all but others' pages."""
        if self.agent_secret is None:
            if "Origin" in request.headers and self._is_foreign(request):
                raise ApiError(403, "no agents' secret is configured, so pages of others are not let in")
            return
        if _bears(request, self.agent_secret):
            return
        if self.admin_token is None or not _bears(request, self.admin_token):
            raise ApiError(401, "the agents' secret is needed")

    def _is_foreign(self, request: web.Request) -> bool:
        if is_of_another_page(request.headers, self.cors_origins):
            return True
        return is_within(request.remote, LOOPBACK) and is_from_elsewhere(request.headers)

    @web.middleware
    async def cors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer preflights, and name the origins that may read answers (Fetch standard, section 3.2)."""
        origin = request.headers.get("Origin", "")
        allowed = "*" if "*" in self.cors_origins else origin if origin in self.cors_origins else ""
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response = web.Response(status=204) if preflight else await handler(request)
        if allowed:
            response.headers["Access-Control-Allow-Origin"] = allowed
            response.headers["Vary"] = "Origin"
        if preflight and allowed:
            asked = request.headers.get("Access-Control-Request-Headers", "*")
            response.headers["Access-Control-Allow-Methods"] = "GET,HEAD,PUT,PATCH,POST,DELETE"
            response.headers["Access-Control-Allow-Headers"] = asked
        return response


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as JSON; an exception of ours is logged and told as 500 without its text."""
    try:
        return await handler(request)
    except ApiError as error:
        return web.json_response(error.body, status=error.status)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return web.json_response({"error": f"{error.reason}: {request.method} {request.path}"}, status=error.status)
    except Exception:  # noqa: BLE001 - one request's bug is that request's 500
        logger.exception("{} {} failed", request.method, request.path)
        return web.json_response({"error": "internal error"}, status=500)


@web.middleware
async def audit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log what somebody did to calls, agents or the gateway, who asked, and what came of it."""
    response = await handler(request)
    if request.method not in _READING and _AUDITED.fullmatch(request.path):
        answer = (response.text or "")[:MAX_AUDIT] if isinstance(response, web.Response) else ""
        logger.info(
            "audit: {} {} by {}: {} {}", request.method, request.path_qs, request.remote, response.status, answer
        )
    return response


async def json_object(request: web.Request) -> dict[str, Any]:
    """Read a body that must be a JSON object, in time."""
    try:
        async with asyncio.timeout(BODY_S):
            body = decode(await request.read())
    except TimeoutError:
        raise ApiError(408, "the body did not come in time") from None
    except ConnectionError:  # its sender has gone, and is answered for the log's sake
        raise ApiError(400, "the body ended too soon") from None
    if body is None:
        raise ApiError(400, "the body must be a JSON object, and not nested too deep")
    return body


def _bears(request: web.Request, secret: str) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(given.encode(errors="surrogateescape"), secret.encode())


def an_id(value: object, name: str) -> str:
    """Validate an id: letters, digits, dot, dash and underscore; 128 characters at most."""
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise ApiError(400, f"{name} must match {ID.pattern}")
    return value


def iso_now() -> str:
    """Return the present time, UTC, with milliseconds."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
