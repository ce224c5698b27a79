"""Tables whose columns go, the least important first, where the terminal is narrow; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

GAP = 2
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """``width`` in characters; ``rank``: the higher, the earlier it goes; ``style`` may look at the item."""

    title: str
    width: int
    rank: int
    text: Callable[[Item], str]
    style: Callable[[Item], str] = lambda _: ""
    justify: Literal["left", "right"] = "left"


def fitting(columns: Sequence[Column[Item]], width: int | None) -> list[Column[Item]]:
    """The most important columns that fit, in their order; all of them where ``width`` is None."""
    if width is None:
        return list(columns)
    kept: set[str] = set()
    used = -GAP
    for column in sorted(columns, key=lambda column: column.rank):
        used += column.width + GAP
        if used > width and kept:
            break
        kept.add(column.title)
    return [column for column in columns if column.title in kept]


def table(columns: Sequence[Column[Item]], items: Iterable[Item], width: int | None) -> Table:
    """One line per item. Where ``width`` is None nothing is cut."""
    chosen = fitting(columns, width)
    drawn = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for column in chosen:
        fixed = None if width is None else column.width
        drawn.add_column(column.title, justify=column.justify, width=fixed, no_wrap=True)
    for item in items:
        drawn.add_row(*(Text(column.text(item), style=column.style(item)) for column in chosen))
    return drawn
