"""Hands out the voice client page: a fixed table of files, /config.json and /health.

The page is read once at start into a table keyed by URL path. A request is a look-up in that table, so no
request can name a file that is not part of the page.
"""

import argparse
import asyncio
import hashlib
import ipaddress
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 3000
DEFAULT_GATEWAY_PORT: Final = 8080  # the gateway's own default, on the host that the page came from

# Read in this order; the first is the name that deployments of the earlier page already set.
GATEWAY_URL_VARIABLES: Final = ("NEXT_PUBLIC_WS_URL", "GATEWAY_WS_URL")

# A fixed list: the type of a script must not depend on the MIME database of the machine it runs on.
_CONTENT_TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_STATIC_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_SOCKET_SCHEMES: Final[Mapping[str, str]] = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_HOSTNAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?")


class GatewayUrlError(ValueError):
    """The configured gateway URL cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page, ready to send."""

    body: bytes
    content_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class GatewayUrl:
    """Where the browser finds the gateway: `scheme://host[:port][/path]`."""

    scheme: str
    host: str
    port: int | None
    path: str = ""

    @property
    def socket_url(self) -> str:
        """Return the URL as the browser is told it; the page appends /sonic."""
        return f"{self.scheme}://{self._authority}{self.path}"

    @property
    def connect_sources(self) -> str:
        """Return the CSP sources for the gateway's sockets and its REST interface."""
        http_scheme = "https" if self.scheme == "wss" else "http"
        if ":" in self.host:  # CSP has no grammar for an IPv6 literal; its scheme is the closest that it can say
            return f"{self.scheme}: {http_scheme}:"
        return f"{self.scheme}://{self._authority} {http_scheme}://{self._authority}"

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def parse_gateway_url(text: str) -> GatewayUrl:
    """Read ws://, wss://, http:// or https:// with a host; raise GatewayUrlError for anything else."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise GatewayUrlError(f"gateway URL {text!r}: {error}") from error
    scheme = _SOCKET_SCHEMES.get(parts.scheme)
    if scheme is None:
        raise GatewayUrlError(f"gateway URL {text!r} must start with ws:// or wss://")
    host = parts.hostname or ""
    if not _is_host(host):
        raise GatewayUrlError(f"gateway URL {text!r} has no usable host name")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise GatewayUrlError("a gateway URL may hold a scheme, a host, a port and a path, nothing else")
    return GatewayUrl(scheme, host, port, parts.path.rstrip("/"))


def gateway_url_from_environment(environ: Mapping[str, str]) -> str | None:
    """Return the first of GATEWAY_URL_VARIABLES that is set and not empty."""
    return next((environ[name] for name in GATEWAY_URL_VARIABLES if environ.get(name)), None)


def build_app(gateway_ws_url: str | None = None) -> web.Application:
    """Build the page's server; without a gateway URL the page uses port 8080 of the host it came from."""
    configured = None if gateway_ws_url is None else parse_gateway_url(gateway_ws_url)
    assets = _load_page(Path(__file__).parent / "page")

    async def handle_page(request: web.Request) -> web.Response:
        path = request.path
        asset = assets.get("/index.html" if path == "/" else path)
        if asset is None:
            raise web.HTTPNotFound(text="There is nothing at this address.")
        if asset.etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers={"ETag": asset.etag, "Cache-Control": "no-cache"})
        headers = {"Content-Type": asset.content_type, "ETag": asset.etag, "Cache-Control": "no-cache"}
        return web.Response(body=asset.body, headers=headers)

    async def handle_config(request: web.Request) -> web.Response:
        gateway = configured or _gateway_beside(request)
        if gateway is None:
            raise web.HTTPBadRequest(text="The Host header of this request is not a host name.")
        return web.json_response({"gatewayUrl": gateway.socket_url}, headers={"Cache-Control": "no-store"})

    async def handle_health(_request: web.Request) -> web.Response:
        body = {"status": "healthy", "service": "frontend"}
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_STATIC_HEADERS)
        response.headers["Content-Security-Policy"] = _content_security_policy(request, configured)
        response.headers.pop("Server", None)

    app = web.Application()
    app.router.add_get("/config.json", handle_config)
    app.router.add_get("/health", handle_health)
    app.router.add_get("/{path:.*}", handle_page)
    app.on_response_prepare.append(add_security_headers)
    return app


@asynccontextmanager
async def running(
    host: str = DEFAULT_HOST, port: int = DEFAULT_PORT, gateway_ws_url: str | None = None
) -> AsyncIterator[int]:
    """Serve the page while the context is open; gives the bound port (useful with port 0)."""
    runner = web.AppRunner(build_app(gateway_ws_url), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def serve(host: str = DEFAULT_HOST, port: int = DEFAULT_PORT, gateway_ws_url: str | None = None) -> None:
    """Serve the page until cancelled; OSError if the port is taken, GatewayUrlError for a bad URL."""
    async with running(host, port, gateway_ws_url):
        await asyncio.Event().wait()


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the page until SIGINT or SIGTERM."""
    arguments = _parse_arguments(argv)
    gateway_ws_url = arguments.gateway or gateway_url_from_environment(os.environ)
    try:
        asyncio.run(_serve_until_signal(arguments.host, arguments.port, gateway_ws_url))
    except GatewayUrlError as error:
        sys.exit(f"frontend: {error}")
    except OSError as error:
        sys.exit(f"frontend: cannot listen on {arguments.host}:{arguments.port}: {error.strerror or error}")


async def _serve_until_signal(host: str, port: int, gateway_ws_url: str | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(host, port, gateway_ws_url) as bound_port:
        sys.stdout.write(f"frontend: http://{host}:{bound_port}\n")
        sys.stdout.flush()
        await stop.wait()


def _parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m frontend", description="Serve the voice client page.")
    parser.add_argument("--host", default=os.environ.get("FRONTEND_HOST", DEFAULT_HOST))
    parser.add_argument("--port", type=int, default=os.environ.get("FRONTEND_PORT", str(DEFAULT_PORT)))
    parser.add_argument("--gateway", metavar="WS_URL", help="where the browser finds the gateway")
    return parser.parse_args(argv)


def _load_page(folder: Path) -> Mapping[str, Asset]:
    return {
        f"/{path.relative_to(folder).as_posix()}": _load_asset(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in _CONTENT_TYPES and path.is_file()
    }


def _load_asset(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, _CONTENT_TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:20]}"')


def _gateway_beside(request: web.Request) -> GatewayUrl | None:
    """Return port 8080 of the host that the browser used, if that is a host name: it goes into a header."""
    try:
        host = urlsplit(f"//{request.host}").hostname
    except ValueError:
        return None
    if not host or not _is_host(host):
        return None
    return GatewayUrl("wss" if request.secure else "ws", host, DEFAULT_GATEWAY_PORT)


def _is_host(text: str) -> bool:
    if ":" not in text:
        return _HOSTNAME.fullmatch(text) is not None
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def _content_security_policy(request: web.Request, configured: GatewayUrl | None) -> str:
    gateway = configured or _gateway_beside(request)
    sources = "'self'" if gateway is None else f"'self' {gateway.connect_sources}"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src {sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
