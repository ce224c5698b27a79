"""Serves the console's page: a fixed table of files. They hold no data, so anybody may have them; the stream asks."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from gateway.rest import ApiSettings

FOLDER: Final = Path(__file__).parent / "console"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ConsolePage:
    """The files, read once; a request is a look-up, so no request can name another file."""

    def __init__(self, folder: Path = FOLDER) -> None:
        found = (path for path in sorted(folder.iterdir()) if path.suffix in _TYPES)
        self._files = {path.name: (path.read_bytes(), _TYPES[path.suffix]) for path in found}

    def routes(self, _: ApiSettings) -> list[web.RouteDef]:
        """The page at ``/admin/``, and its parts beside it."""

        async def page(request: web.Request) -> web.Response:
            return self._answer(request, "index.html")

        async def part(request: web.Request) -> web.Response:
            return self._answer(request, request.match_info["file"])

        async def slash(_: web.Request) -> web.Response:
            raise web.HTTPPermanentRedirect("/admin/")

        return [
            web.get("/admin", slash),
            web.get("/admin/", page),
            web.get(r"/admin/{file:[a-z_]+\.(?:css|js|svg)}", part),
        ]

    def _answer(self, request: web.Request, name: str) -> web.Response:
        if name not in self._files:
            raise web.HTTPNotFound
        body, kind = self._files[name]
        etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        headers = {**_HEADERS, "ETag": etag}
        if etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers={**headers, "Content-Type": kind})
