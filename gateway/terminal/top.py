"""`understudy top`: the running gateway in a terminal, redrawn as the stream tells what has changed."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from queue import Empty, Queue
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.live import Live

from gateway.terminal import keys
from gateway.terminal.api import Api
from gateway.terminal.options import DEFAULT_URL, AsJson, Token, Url
from gateway.terminal.outcome import Screen, told
from gateway.terminal.picture import Order, Picture, Wanted
from gateway.terminal.reading import Agent, Failing, Ordered, Restarted, State
from gateway.terminal.stream import LOST, Stream, Told
from gateway.terminal.top_view import Layout, Look, layout, screen, screen_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    Item = Told | str | Exception | None

WAITING: Final = 200  # events between the reader and the screen; then the reader waits, and the gateway's bound counts
BETWEEN_S, PRINTED_S = 0.1, 1.0  # two pictures drawn, printed
LEAVING: Final = 20
SILENT_S: Final = 10.0  # a gateway tells its figures every 5 s
TICK_S: Final = 0.5  # ages go on and the terminal changes its size also where nothing is told
PIPED_WIDTH, PIPED_HEIGHT = 160, 50
ORDERS: Final = tuple(Order)


@dataclass(slots=True)
class Top:
    """What is shown, as events and keys change it."""

    look: Look
    picture: Picture = field(default_factory=Picture)
    skew_ms: float = 0.0
    heard_s: float = 0.0
    over: bool = False

    def take(self, item: Item, now_s: float, page: int) -> None:
        """Take one event, or one key. Raises the exception that ended the stream. ``now_s``: Unix seconds, here."""
        match item:
            case Told(kind, data) if kind == LOST:
                self.look = replace(self.look, problem=f"{data['why']}; trying again")
            case Told(kind, data):
                self.picture.take(kind, data)
                self.heard_s = now_s
                if kind != "event":
                    self.skew_ms = self.picture.at - now_s * 1000
                    self.look = replace(self.look, problem="")
            case Exception():
                raise item
            case None:
                self.over = True
            case key:
                self._press(key, page)

    def lay_out(self, now_s: float, width: int, height: int) -> tuple[Layout, int]:
        """Share out the lines, and stop where the calls end; gives the gateway's time, too."""
        now = int(now_s * 1000 + self.skew_ms)
        laid = layout(self.picture, self.look, now, width, height)
        silent_s = now_s - self.heard_s
        self.look = replace(self.look, offset=laid.offset, silent_s=silent_s if silent_s >= SILENT_S else 0.0)
        return laid, now

    def _press(self, key: str, page: int) -> None:
        look, steps = self.look, {keys.UP: -1, keys.DOWN: 1, keys.PAGE_UP: -page, keys.PAGE_DOWN: page}
        match key:
            case "q" | keys.GONE:
                self.over = True
            case "o":
                order = ORDERS[(ORDERS.index(look.order) + 1) % len(ORDERS)]
                self.look = replace(look, order=order, offset=0)
            case keys.HOME:
                self.look = replace(look, offset=0)
            case _:
                self.look = replace(look, offset=max(0, look.offset + steps.get(key, 0)))


def top(
    agent: Agent = "",
    state: State = "",
    failing: Failing = False,
    restarted: Restarted = False,
    order: Ordered = Order.TROUBLE,
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="End after so many pictures; 0: never.")] = 0,
    rows: Annotated[int, typer.Option(min=0, help="Calls in one picture of --json.")] = 20,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Watch calls, agents and events live. Keys: q ends, o changes the order, arrows, j and k scroll."""
    with told(), suppress(KeyboardInterrupt):
        api = Api(url, token)
        shown = Top(Look(api.name, Wanted(agent, state, failing, restarted), order))
        output = Screen()
        with _reading(Stream(api)) as queue:
            shown.take(queue.get(), time.time(), 1)
            if as_json or not output.is_terminal:
                _print(shown, queue, output, count, rows if as_json else None)
            else:
                _draw(shown, queue, output.console, count)


@contextmanager
def _reading(stream: Stream) -> Iterator[Queue[Item]]:
    """Read the stream in a thread of its own, as far ahead as the queue has room."""
    queue: Queue[Item] = Queue(WAITING)

    def read() -> None:
        try:
            for event in stream.following():
                queue.put(event)
        except Exception as error:  # noqa: BLE001 - raised again where it is shown
            queue.put(error)
        queue.put(None)

    reader = threading.Thread(target=read, name="stream", daemon=True)
    reader.start()
    try:
        yield queue
    finally:
        stream.stop()
        for _ in range(LEAVING):
            if reader.is_alive():  # it may wait for room; or for an address that does not answer, and then it is left
                with suppress(Empty):
                    queue.get(timeout=0.05)


def _take_all(shown: Top, queue: Queue[Item], page: int, wait_s: float | None) -> None:
    """Wait for one thing, and take all that is there."""
    with suppress(Empty):
        shown.take(queue.get(timeout=wait_s), time.time(), page)
        while not shown.over:
            shown.take(queue.get_nowait(), time.time(), page)


def _print(shown: Top, queue: Queue[Item], output: Screen, count: int, rows: int | None) -> None:
    """Write a picture whenever something has changed, at most one a second; as JSON with so many ``rows``."""
    printed = 0
    while not shown.over:
        if shown.picture.complete and not shown.look.problem:
            laid, now = shown.lay_out(time.time(), PIPED_WIDTH, PIPED_HEIGHT)
            if rows is None:
                output.show(screen(shown.picture, shown.look, laid, now, PIPED_WIDTH))
            else:
                output.show_json(screen_json(shown.picture, shown.look, now, rows))
            printed += 1
            if printed == count:
                return
            time.sleep(PRINTED_S)
        _take_all(shown, queue, 1, None)


def _draw(shown: Top, queue: Queue[Item], console: Console, count: int) -> None:
    """Redraw until a key, or the end of the stream, ends it."""
    drawn, page = 0, 1
    with keys.one_by_one() as there_are_keys, Live(console=console, screen=True, auto_refresh=False) as live:
        if there_are_keys:
            threading.Thread(target=_read_keys, args=(queue,), name="keys", daemon=True).start()
        while not shown.over:
            if shown.picture.complete:
                width, height = console.size
                laid, now = shown.lay_out(time.time(), width, height)
                live.update(screen(shown.picture, shown.look, laid, now, width), refresh=True)
                drawn, page = drawn + 1, laid.room
                if drawn == count:
                    return
                time.sleep(BETWEEN_S)
            _take_all(shown, queue, page, TICK_S)


def _read_keys(queue: Queue[Item]) -> None:
    while (key := keys.read()) != keys.GONE:
        queue.put(key)
    queue.put(keys.GONE)
