"""Calls, agents and drains as tables; pure: rows in, something that rich can draw out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.terminal import words
from gateway.terminal.columns import Column, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.table import Table

    Row = Mapping[str, Any]

SHORT_ID, WHOLE_ID = 8, 36
WIDE = 120  # columns from which an id is shown whole
_STATUS_STYLES = {"healthy": words.GOOD, "draining": words.AWAY, "unhealthy": words.BAD}
_BREAKER_STYLES = {"open": words.BAD, "half_open": words.CHANGING}


def id_width(width: int | None) -> int:
    """How much of an id there is room for."""
    return WHOLE_ID if width is None or width >= WIDE else SHORT_ID


def calls_table(rows: Iterable[Row], now: int, width: int | None) -> Table:
    """One line per call; each has its ``health``."""
    return table(_calls(now, width), rows, width)


def _calls(now: int, width: int | None) -> Sequence[Column[Row]]:
    shown = id_width(width)

    def plain(name: str) -> Callable[[Row], str]:
        return lambda row: str(row.get(name) or words.NONE)

    def ago(name: str) -> Callable[[Row], str]:
        return lambda row: words.since(row.get(name), now)

    def heard(name: str) -> Callable[[Row], str]:
        return lambda row: words.audio(row.get(name), now)

    return (
        Column("health", 12, 1, _health, lambda row: words.HEALTH_STYLES[row["health"]]),
        Column("call", shown, 0, lambda row: str(row["id"]) if width is None else str(row["id"])[:shown]),
        Column("agent", 12, 2, plain("agent")),
        Column("state", 12, 3, lambda row: words.spaced(row.get("state"))),
        Column("lasts", 9, 4, ago("began"), justify="right"),
        Column("left", 4, 7, lambda row: _number(row.get("restarts_left")), _left_style, "right"),
        Column("swaps", 5, 9, lambda row: _number(row.get("swaps")), justify="right"),
        Column("in", 7, 5, heard("caller_audio"), justify="right"),
        Column("out", 7, 6, heard("agent_audio"), justify="right"),
        Column("added ms", 11, 8, lambda row: words.delays(row.get("added_ms")), justify="right"),
        Column("stashed", 7, 10, lambda row: words.size(row.get("stashed")), justify="right"),
        Column("lost", 9, 11, ago("lost"), justify="right"),
        Column("instance", 28, 12, plain("url")),
    )


def _health(row: Row) -> str:
    return f"{words.HEALTH_SIGNS[row['health']]} {words.spaced(row['health'].value)}"


def _left_style(row: Row) -> str:
    left = row.get("restarts_left")
    return words.BAD if left == 0 else words.CHANGING if left == 1 else ""


def _number(value: int | None) -> str:
    return words.NONE if value is None else str(value)


def agents_table(instances: Iterable[Row], now: int, width: int | None) -> Table:
    """One line per instance, as the REST API lists them."""
    rows = sorted(instances, key=lambda row: (str(row.get("id")), str(row.get("url"))))
    columns: Sequence[Column[Row]] = (
        Column("agent", 12, 0, lambda row: str(row.get("id"))),
        Column("instance", 28, 1, lambda row: str(row.get("url"))),
        Column("health", 9, 2, lambda row: str(row.get("status")), lambda row: _STATUS_STYLES.get(row["status"], "")),
        Column(
            "breaker", 9, 4, lambda row: words.spaced(row.get("breaker")),
            lambda row: _BREAKER_STYLES.get(row.get("breaker") or "", ""),
        ),
        Column("links", 5, 3, lambda row: _number(row.get("links")), justify="right"),
        Column("says", 4, 6, lambda row: _number(row.get("activeSessions")), justify="right"),
        Column("heard", 6, 5, lambda row: words.since(row.get("lastHeartbeat"), now), justify="right"),
    )  # fmt: skip
    return table(columns, rows, width)


def drain_words(drain: Row) -> str:
    """How a gateway's drain goes, in one line."""
    state, left_s = drain.get("state"), drain.get("deadline_in_s")
    calls = words.plural(drain.get("calls") or 0, "call")
    until = f", {words.span(left_s * 1000)} until the deadline" if left_s is not None else ""
    return f"gateway  {state}, {calls}{until}"
