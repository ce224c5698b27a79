"""``GET /admin/live`` read event by event: parsing Server-Sent Events, and staying connected."""

from __future__ import annotations

import json
import random
import socket
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.terminal.api import NoConnection, Refused, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.terminal.api import Api

SILENCE_S: Final = 40.0  # the gateway says something every 15 s
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
CHUNK: Final = 64 * 1024
MAX_EVENT: Final = 16 * 1024 * 1024  # bytes; one of 500 actors has 300 KB
LOST: Final = "lost"
_LASTING: Final = frozenset({400, 401, 403, 404})


class Told(NamedTuple):
    """One event: `snapshot`, `delta`, `event`; or `LOST`, with ``why`` and ``wait_s`` until the next attempt."""

    kind: str
    data: dict[str, Any]


class Parser:
    """Splits bytes that come in any pieces into events."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._looked = 0

    def take(self, data: bytes) -> Iterator[Told]:
        """Add bytes; give the events that are complete. Raises `ValueError` for one that is no event of ours."""
        self._rest += data
        while (end := self._rest.find(b"\n\n", self._looked)) >= 0:
            block = bytes(self._rest[:end])
            del self._rest[: end + 2]
            self._looked = 0
            if (told := _event(block)) is not None:
                yield told
        self._looked = max(0, len(self._rest) - 1)
        if len(self._rest) > MAX_EVENT:
            raise ValueError("an event without an end")


def _event(block: bytes) -> Told | None:
    kind, lines = "message", []
    for line in block.decode().split("\n"):
        name, _, value = line.partition(":")
        match name:
            case "event":
                kind = value.removeprefix(" ")
            case "data":
                lines.append(value.removeprefix(" "))
    if not lines:
        return None  # a comment, to keep the connection
    data = json.loads("\n".join(lines))
    if not isinstance(data, dict):
        raise ValueError("an event that is no object")  # noqa: TRY004 - as json.loads says it
    return Told(kind, plain(data))


class Stream:
    """The stream of one gateway; ``silence_s`` without a byte mean that it is lost. `stop` may come from a thread."""

    def __init__(self, api: Api, silence_s: float = SILENCE_S) -> None:
        self._api = api
        self._silence_s = silence_s
        self._stopped = Event()
        self._socket: socket.socket | None = None

    def stop(self) -> None:
        """End what `once` or `following` gives, also while they wait."""
        self._stopped.set()
        if (connected := self._socket) is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def once(self) -> Iterator[Told]:
        """Give the events of one connection; raises `Refused` or `NoConnection` as it ends."""
        parser = Parser()
        with self._api.open("/admin/live", self._silence_s) as (answer, self._socket):
            while not self._stopped.is_set():
                try:
                    data = answer.read1(CHUNK)
                    events = list(parser.take(data))
                except ValueError as wrong:  # of ours, or a TLS socket that was shut down
                    raise NoConnection(f"no gateway at {self._api.url}: {wrong}") from wrong
                yield from events
                if not data:
                    break
        raise NoConnection(f"the gateway at {self._api.url} has ended the stream")

    def following(self) -> Iterator[Told]:
        """Give events and, wherever the connection was lost, `LOST`, and connect again; ends when it is stopped.

        Raises what the first attempt meets, and later a refusal that time does not heal.
        """
        attempt, began = 0, False
        while not self._stopped.is_set():
            try:
                for told in self.once():
                    attempt, began = (0, True) if told.kind == "snapshot" else (attempt, began)
                    yield told
            except (Refused, NoConnection) as error:
                if self._stopped.is_set():
                    return
                if not began or (isinstance(error, Refused) and error.status in _LASTING):
                    raise
                attempt += 1
                wait_s = wait_before(attempt, random.random())
                why = str(error) if isinstance(error, Refused) else "the connection was lost"
                yield Told(LOST, {"why": why, "wait_s": wait_s})
                self._stopped.wait(wait_s)


def wait_before(attempt: int, chance: float) -> float:
    """Seconds before attempt number ``attempt``, from 1; ``chance`` is in [0, 1)."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10)) * (0.75 + chance / 2)
