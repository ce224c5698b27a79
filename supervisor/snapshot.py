"""Frozen pictures of actors and trees, for admin and tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from supervisor.reasons import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supervisor.reasons import ExitReason

UNRESPONSIVE = "unresponsive"


class Snapshot(Struct, frozen=True):
    """One actor at one moment, with its children's pictures below it.

    ``state``: the actor's phase, or ``unresponsive`` if it did not answer in time. ``children_total`` exceeds the
    number of ``children`` where the request's limit or depth cut them. ``detail`` is the actor's own ``snapshot()``.
    """

    path: str
    kind: str
    state: str
    incarnation: int = 0
    restarts_left: int | None = None
    mailbox_depth: int | None = None
    last_exit: ExitReason | None = None
    last_event: str | None = None
    children: tuple[Snapshot, ...] = ()
    children_total: int = 0
    detail: Mapping[str, object] = field(default_factory=dict)

    def find(self, path: str) -> Snapshot | None:
        """The picture of the actor at ``path``, or None."""
        return next((snapshot for snapshot in self.walk() if snapshot.path == path), None)

    def walk(self) -> Iterator[Snapshot]:
        """This picture and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def to_dict(snapshot: Snapshot) -> dict[str, object]:
    """JSON-ready: nothing but dicts, lists, strings, numbers, booleans and None."""
    return {
        "path": snapshot.path,
        "kind": snapshot.kind,
        "state": snapshot.state,
        "incarnation": snapshot.incarnation,
        "restarts_left": snapshot.restarts_left,
        "mailbox_depth": snapshot.mailbox_depth,
        "last_exit": None if snapshot.last_exit is None else describe(snapshot.last_exit),
        "last_event": snapshot.last_event,
        "children": [to_dict(child) for child in snapshot.children],
        "children_total": snapshot.children_total,
        "detail": _plain(snapshot.detail),
    }


def to_text(snapshot: Snapshot) -> str:
    """The tree as a drawing, one actor per line."""
    return "\n".join(_lines(snapshot, "", ""))


def _plain(value: object) -> object:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case set() | frozenset():
            return sorted((_plain(item) for item in value), key=str)
        case _:
            return str(value)


def _lines(snapshot: Snapshot, first: str, rest: str) -> Iterator[str]:
    yield first + _label(snapshot)
    hidden = snapshot.children_total - len(snapshot.children)
    for index, child in enumerate(snapshot.children):
        last = index == len(snapshot.children) - 1 and not hidden
        yield from _lines(child, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "))
    if hidden:
        yield f"{rest}└── … {hidden} more"


def _label(snapshot: Snapshot) -> str:
    words = [snapshot.path.rpartition("/")[2], f"[{snapshot.kind}]", snapshot.state, f"#{snapshot.incarnation}"]
    if snapshot.restarts_left is not None:
        words.append(f"restarts_left={snapshot.restarts_left}")
    if snapshot.mailbox_depth:
        words.append(f"mailbox={snapshot.mailbox_depth}")
    if snapshot.last_exit is not None:
        words.append(f"last_exit=({describe(snapshot.last_exit)})")
    shown = (pair for pair in snapshot.detail.items() if not isinstance(pair[1], Mapping))  # for one line too long
    words += [f"{key}={value}" for key, value in shown if value not in (None, "", ())]
    return " ".join(words)


class Gathering(Struct):
    """The answers of one parent's children to one request; owned by that parent until it is complete or late."""

    own: Snapshot
    missing: dict[str, Snapshot]  # per child id, what is shown if it never answers
    answers: dict[str, Snapshot] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def take(self, child_id: str, answer: Snapshot) -> bool:
        """Note an answer; True when it was the last one awaited. What only the parent knows is taken from it."""
        known = self.missing.pop(child_id, None)
        if known is None:
            return False
        self.answers[child_id] = replace(
            answer, last_exit=known.last_exit, last_event=answer.last_event or known.last_event
        )
        return not self.missing

    def result(self) -> Snapshot:
        """The picture with what has come so far."""
        pictures = self.missing | self.answers
        return replace(self.own, children=tuple(pictures[child_id] for child_id in self.order if child_id in pictures))
