"""One look at a gateway by way of its stream, and finding the call that somebody means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.terminal.api import NoConnection
from gateway.terminal.picture import Picture
from gateway.terminal.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.terminal.api import Api

LOOK_S: Final = 10.0  # the longest silence before all actors have been told
SHOWN: Final = 5


class Ambiguous(Exception):  # noqa: N818 - what the person gave
    """Several calls begin like that."""


def look(api: Api, silence_s: float = LOOK_S) -> Picture:
    """Read a whole picture, and the stream no further. Raises what `Api` raises."""
    picture = Picture()
    for told in Stream(api, silence_s).once():
        picture.take(told.kind, told.data)
        if picture.complete:
            return picture
    raise NoConnection(f"the gateway at {api.url} told nothing")


def find_call(picture: Picture, beginning: str) -> str:
    """The id of the one live call that begins like that; ``beginning`` itself where none does.

    Raises `Ambiguous`.
    """
    return _the_one(beginning, (row["id"] for row in picture.calls())) or beginning


def find_any_call(api: Api, picture: Picture, beginning: str) -> str:
    """Find a call, live or over: `find_call`, then the last events and the history."""
    found = _the_one(beginning, (row["id"] for row in picture.calls()))
    found = found or _the_one(beginning, (str(event["session"]) for event in picture.events if event.get("session")))
    return found or _the_one(beginning, _ended(api)) or beginning


def _ended(api: Api) -> list[str]:
    rows = api.get("/api/history")
    names = (str(row.get("id", "")) for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
    return [name.removeprefix("session_").removesuffix(".json") for name in names]


def _the_one(beginning: str, ids: Iterable[str]) -> str | None:
    found = {known for known in ids if known.startswith(beginning)}
    if beginning in found or not found:
        return beginning if found else None
    if len(found) > 1:
        some = ", ".join(sorted(found)[:SHOWN])
        raise Ambiguous(f"{len(found)} calls begin with {beginning}: {some}{', ...' if len(found) > SHOWN else ''}")
    return found.pop()
