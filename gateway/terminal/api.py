"""A client of the gateway's admin API: one connection per request, answers as plain values, three kinds of failure."""

from __future__ import annotations

import http.client
import json
import re
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

ANSWER_S: Final = 20.0  # a transfer may take 15 s
MAX_ANSWER: Final = 64 * 1024 * 1024  # bytes: the tree of ten thousand calls has a fifth of that
_NO_QUERY: Final[Mapping[str, str]] = {}
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What would let a caller's or an agent's words steer the terminal."""
_CONTROL_IN_LINES: Final = re.compile(_CONTROL.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))


class Refused(Exception):  # noqa: N818 - what the gateway answered
    """The gateway answered with an error."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"the gateway answers {status}: {words}")
        self.status = status


class NoConnection(Exception):  # noqa: N818 - what we have
    """There is no gateway at the address, or it does not speak as one."""


class BadAddress(ValueError):  # noqa: N818 - what the person gave
    """The gateway's address cannot be used."""


class Api:
    """Requests to one gateway. Raises `Refused`, `NoConnection`, or, when it is made, `BadAddress`."""

    def __init__(self, url: str, token: str = "", timeout_s: float = ANSWER_S) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadAddress(f"{url}: the gateway's address begins with http:// or https://")
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as wrong:
            raise BadAddress(f"{url}: {wrong}") from None
        if not self._host:
            raise BadAddress(f"{url}: the gateway's address has no host")
        self.url = url.rstrip("/")
        self.name = parts.netloc.rpartition("@")[2]
        self._secure = parts.scheme == "https"
        self._base = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout_s = timeout_s

    def get(self, path: str, **query: str) -> Any:
        """Ask for a JSON value."""
        return plain(self._read_json("GET", path, None, query))

    def get_text(self, path: str, **query: str) -> str:
        """Ask for text."""
        return _CONTROL_IN_LINES.sub(" ", self._read("GET", path, None, query))

    def send(
        self, method: str, path: str, body: Mapping[str, object] | None = None, query: Mapping[str, str] = _NO_QUERY
    ) -> Any:
        """Have something done; gives the answer's JSON value."""
        return plain(self._read_json(method, path, body, query))

    @contextmanager
    def open(self, path: str, timeout_s: float) -> Iterator[tuple[http.client.HTTPResponse, socket.socket]]:
        """Read an answer that goes on, and the socket it comes by; ``timeout_s`` is the longest silence."""
        with self._telling(), closing(self._connection(timeout_s)) as connection:
            connection.connect()
            carrier = connection.sock
            with self._ask(connection, "GET", path, None, {}) as answer:
                yield answer, carrier

    def _read_json(self, method: str, path: str, body: Mapping[str, object] | None, query: Mapping[str, str]) -> Any:
        text = self._read(method, path, body, query)
        try:
            return json.loads(text)
        except ValueError:
            raise NoConnection(f"no gateway at {self.url}: the answer to {path} is no JSON") from None

    def _read(self, method: str, path: str, body: Mapping[str, object] | None, query: Mapping[str, str]) -> str:
        with (
            self._telling(),
            closing(self._connection(self._timeout_s)) as connection,
            self._ask(connection, method, path, body, query) as answer,
        ):
            return answer.read(MAX_ANSWER).decode()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout_s)

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        query: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        target = self._base + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if data is None else {"Content-Type": "application/json"})
        connection.request(method, target, data, headers)
        answer = connection.getresponse()
        if answer.status >= 300:  # a redirect, too: the token is for this gateway only
            with answer:
                raise Refused(answer.status, _error_of(answer.read(MAX_ANSWER)) or answer.reason)
        return answer

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
            raise NoConnection(f"no gateway at {self.url}: {error or type(error).__name__}") from error


def part(text: str) -> str:
    """Write one part of a path."""
    return quote(text, safe="")


def plain(value: Any) -> Any:
    """Put blanks for control characters in every text of a JSON value."""
    match value:
        case str():
            return _CONTROL.sub(" ", value)
        case dict():
            return {plain(name): plain(item) for name, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def _error_of(body: bytes) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    words = answer.get("error") or answer.get("message") if isinstance(answer, dict) else None
    return plain(words) if isinstance(words, str) else ""
