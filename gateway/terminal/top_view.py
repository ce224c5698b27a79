"""The screen of `understudy top`; pure: a picture and the size of the terminal in, lines out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gateway.terminal import words
from gateway.terminal.picture import Health, Order, Wanted, chosen, grouped, health_of
from gateway.terminal.views import calls_table, id_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.terminal.picture import AgentGroup, Picture, Row

FIGURES = (
    ("calls", "calls"),
    ("starts/s", "started"),
    ("failed/s", "failed"),
    ("swaps/s", "swapped"),
    ("added p99", "added_p99_ms"),
)
MAX_NAME, GAP = 24, 2
FIXED_LINES = 7  # head, three of figures, a blank one, the titles of the calls, the keys
AGENT_LINES, EVENT_LINES, LEAST_CALLS = 4, 8, 3
_UNTOLD = frozenset({"dialled", "link_ended"})


EVERY_CALL = Wanted()


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks: what he wants to see, in which order, from which row on.

    ``problem``: why it is not live; ``silent_s``: for how long nothing was told, where that is long.
    """

    gateway: str
    wanted: Wanted = EVERY_CALL
    order: Order = Order.TROUBLE
    offset: int = 0
    problem: str = ""
    silent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Layout:
    """What there is room for: which calls, from ``offset`` on, how many lines of them, and which events."""

    rows: Sequence[Row]
    total: int
    offset: int
    room: int
    events: Sequence[Row]
    agents: Sequence[Text]


def layout(picture: Picture, look: Look, now: int, width: int, height: int) -> Layout:
    """Share out the lines of a terminal; ``now``: the gateway's clock."""
    rows = chosen(picture, look.wanted, look.order, now)
    agents = _agents(grouped(picture.agents), width)
    events = [event for event in picture.events if event.get("event") not in _UNTOLD]
    left = height - FIXED_LINES - len(agents)
    told = events[-EVENT_LINES:][-max(1, left - LEAST_CALLS - 2) :] if left > LEAST_CALLS + 2 else []
    room = max(1, left - (len(told) + 2 if told else 0))
    offset = max(0, min(look.offset, len(rows) - room))
    return Layout(rows[offset : offset + room], len(rows), offset, room, told, agents)


def screen(picture: Picture, look: Look, laid: Layout, now: int, width: int) -> Group:
    """Draw it, to the last line."""
    return Group(
        _head(picture, look, now, width),
        _figures(picture, width),
        *laid.agents,
        Text(),
        calls_table(laid.rows, now, width) if laid.rows else Text("no calls", style=words.QUIET),
        *(Text() for _ in range(laid.room - len(laid.rows))),
        *_events(laid.events, width),
        _foot(look, laid, width),
    )


def _line(left: Text, right: Text, width: int) -> Text:
    """Text at both ends; the left one gives way."""
    left.truncate(max(0, width - len(right) - 1), overflow="ellipsis")
    return Text.assemble(left, " " * max(1, width - len(left) - len(right)), right, no_wrap=True, overflow="crop")


def _head(picture: Picture, look: Look, now: int, width: int) -> Text:
    drain = picture.totals.get("drain") or "serving"
    left = Text.assemble(("understudy", "bold"), f" {look.gateway} ", (drain, "" if drain == "serving" else words.AWAY))
    if look.problem:
        left.append(f"  {look.problem}", words.BAD)
        return _line(left, Text(words.clock(now), words.QUIET), width)
    silent = f"silent for {words.span(look.silent_s * 1000)} "
    live = (silent, words.CHANGING) if look.silent_s else ("live ", words.GOOD)
    return _line(left, Text.assemble(live, words.clock(now)), width)


def _figures(picture: Picture, width: int) -> Table:
    room = max(8, width // len(FIGURES))
    drawn = Table.grid(expand=False)
    for _ in FIGURES:
        drawn.add_column(width=room, no_wrap=True, overflow="crop")
    drawn.add_row(*(Text(title, words.QUIET) for title, _ in FIGURES))
    drawn.add_row(*(_value(picture, name, room - GAP) for _, name in FIGURES))
    drawn.add_row(*(Text(words.sparkline(picture.series.get(name) or [], room - GAP), "cyan") for _, name in FIGURES))
    return drawn


def _value(picture: Picture, name: str, room: int) -> Text:
    totals = picture.totals
    match name:
        case "calls":
            most = f" of {totals['max_calls']:,}" if totals.get("max_calls") else ""
            calls = f"{totals.get('calls') or 0:,}"
            return Text.assemble((calls, "bold"), (most if len(calls + most) <= room else "", words.QUIET))
        case "added_p99_ms":
            added = picture.figure(name)
            return Text.assemble((words.figure(added), "bold"), ("" if added is None else " ms", words.QUIET))
        case _:
            value = picture.rate(name)
            return Text(words.rate(value), words.BAD if name == "failed" and value else "bold")


def _agents(groups: Sequence[AgentGroup], width: int) -> list[Text]:
    if not groups:
        return [Text("no agent is registered", style=words.BAD, no_wrap=True)]
    cells = [_agent(group) for group in groups]
    room = max(len(cell) for cell in cells) + GAP
    across = max(1, (width + GAP) // room)
    lines = [Text(no_wrap=True, overflow="ellipsis") for _ in range(-(-len(cells) // across))]
    for place, cell in enumerate(cells):
        cell.pad_right(room - len(cell))
        lines[place // across].append_text(cell)
    if len(lines) > AGENT_LINES:
        hidden = len(cells) - (AGENT_LINES - 1) * across
        lines[AGENT_LINES - 1 :] = [Text(f"and {hidden} more: understudy agents", style=words.QUIET)]
    return lines


def _agent(group: AgentGroup) -> Text:
    health = _agent_health(group)
    drained = f", {group.draining} draining" if group.draining else ""
    load = f" {group.healthy}/{group.instances} up{drained}, {words.plural(group.links, 'link')}"
    sign = f"{words.HEALTH_SIGNS[health]} "
    return Text.assemble((sign, words.HEALTH_STYLES[health]), group.id[:MAX_NAME], (load, words.QUIET))


def _agent_health(group: AgentGroup) -> Health:
    if group.healthy == group.instances:
        return Health.HEALTHY
    return Health.RECOVERING if group.healthy else Health.PARKED if group.draining else Health.FAILING


def _events(events: Sequence[Row], width: int) -> Iterator[Text]:
    if events:
        yield Text()
        yield Text("what happens, the newest last", style=words.QUIET)
    yield from (event_line(event, id_width(width)) for event in events)


def event_line(event: Mapping[str, Any], shown: int) -> Text:
    """One event in one line; ``shown`` characters of the call's id."""
    told = words.of_event(event)
    who = str(event.get("session") or "")[:shown]
    return Text.assemble(
        (f"{words.clock(event.get('at') or 0)}  ", words.QUIET),
        f"{who:{shown}}  ",
        (told.title, told.style),
        (f"  {told.more}" if told.more else "", words.QUIET),
        no_wrap=True,
        overflow="ellipsis",
    )


def _foot(look: Look, laid: Layout, width: int) -> Text:
    keys = Text.assemble(
        ("q", "bold"), " quit  ", ("o", "bold"), f" order: {look.order.value}  ", ("↑↓", "bold"), " scroll"
    )
    last = laid.offset + len(laid.rows)
    calls = f"{laid.offset + 1}-{last} of {words.plural(laid.total, 'call')}" if laid.rows else "0 calls"
    return _line(keys, Text(calls, words.QUIET), width)


def screen_json(picture: Picture, look: Look, now: int, rows: int) -> dict[str, Any]:
    """The screen as one JSON object, with the first ``rows`` calls."""
    found = chosen(picture, look.wanted, look.order, now)
    healths = [health_of(row, now) for row in picture.calls()]
    return {
        "at": now,
        "totals": picture.totals,
        "figures": {
            "started_per_s": picture.rate("started"),
            "failed_per_s": picture.rate("failed"),
            "swapped_per_s": picture.rate("swapped"),
            "added_p99_ms": picture.figure("added_p99_ms"),
        },
        "health": {health.value: healths.count(health) for health in Health},
        "agents": picture.agents,
        "wanted": len(found),
        "calls": found[:rows],
    }
