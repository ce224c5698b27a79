"""`understudy tail`: events as they happen, also after the connection was lost."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.terminal.api import Api
from gateway.terminal.options import DEFAULT_URL, AsJson, Token, Url, complete_call
from gateway.terminal.outcome import BAD_USAGE, Screen, fail, told
from gateway.terminal.stream import LOST, Stream
from gateway.terminal.top_view import event_line
from gateway.terminal.views import id_width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Event = Mapping[str, Any]

KINDS: Final = (
    "began", "routed", "dialled", "link_lost", "link_ended", "swap", "parked", "resumed", "ended", "actor_restarting",
)  # fmt: skip
REMEMBERED: Final = 200
SAME_MS: Final = 100  # the stream and the list of the last events take the time of one event one after the other


class Seen:
    """Tells events that were shown from those that a new connection tells for the first time."""

    def __init__(self) -> None:
        self._last: deque[Event] = deque(maxlen=REMEMBERED)

    def note(self, event: Event) -> None:
        """Remember one that was shown, or need not be."""
        self._last.append(event)

    def new(self, events: Iterable[Event]) -> Iterator[Event]:
        """Those that were not there yet; each is remembered."""
        known = list(self._last)
        for event in events:
            same = next((one for one in known if _is_same(one, event)), None)
            if same is None:
                self.note(event)
                yield event
            else:
                known.remove(same)


def _is_same(one: Event, other: Event) -> bool:
    return abs(one.get("at", 0) - other.get("at", 0)) <= SAME_MS and {**one, "at": 0} == {**other, "at": 0}


def is_wanted(event: Event, call: str, kinds: frozenset[str]) -> bool:
    """Whether it is of this call, by the beginning of its id, and of one of these kinds; empty is any."""
    return str(event.get("session") or "").startswith(call) and (not kinds or event.get("event") in kinds)


def batches(stream: Stream, say: Callable[[str], None]) -> Iterator[list[Event]]:
    """Every event once: first those that were before, then what comes.

    ``say`` is told in words of a connection that was lost and is back; then follows what was missed, as far as it is
    among the gateway's last events.
    """
    seen, lost = Seen(), False
    for kind, data in stream.following():
        match kind:
            case "snapshot":
                if lost:
                    say("connected again")
                lost = False
                yield list(seen.new(data.get("recent") or ()))
            case "event":
                seen.note(data)
                yield [data]
            case _ if kind == LOST and not lost:
                lost = True
                say(f"{data['why']}; trying again")
            case _:
                pass


def _complete_kind(incomplete: str) -> list[str]:
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def tail(
    call: Annotated[
        str, typer.Option("--session", metavar="CALL", help="Only this call.", autocompletion=complete_call)
    ] = "",
    kind: Annotated[
        list[str] | None, typer.Option(help="Only these; repeatable.", autocompletion=_complete_kind)
    ] = None,
    last: Annotated[int, typer.Option("--last", "-n", min=0, max=60, help="Begin with so many that were.")] = 10,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Show what happens as it happens; where the connection is lost, go on when it is back. Ctrl-C ends it."""
    kinds = frozenset(kind or ())
    if unknown := kinds - {*KINDS}:
        fail(BAD_USAGE, f"there is no event {min(unknown)}; choose of {', '.join(KINDS)}")
    with told():
        stream = Stream(Api(url, token))
        with suppress(KeyboardInterrupt):
            _show(Screen(), stream, lambda event: is_wanted(event, call, kinds), last, as_json=as_json)


def _show(screen: Screen, stream: Stream, wanted: Callable[[Event], bool], last: int, *, as_json: bool) -> None:
    """Write every event that is wanted, of those that were before only the ``last``."""
    shown, first = id_width(screen.width), True
    for batch in batches(stream, lambda line: typer.echo(f"understudy: {line}", err=True)):
        events = [event for event in batch if wanted(event)]
        for event in events[max(0, len(events) - last) :] if first else events:
            if as_json:
                screen.show_json(event)
            else:
                screen.show(event_line(event, shown))
        first = False
