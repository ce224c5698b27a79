"""What happened in a world, for people: kept as it came, written only where somebody reads it."""

from __future__ import annotations

from enum import Enum

_TAIL = 200
"""Lines of a failure that concerns nobody in particular."""
_UNSAID = frozenset({"session_id", "memory_keys", "counters"})
_EMPTY = (None, "", (), 0, {})


class Story:
    """``about`` names a caller or one of his sessions, or is empty for what concerns everybody."""

    def __init__(self, owners):
        self.lines = []
        self.owners = owners

    def add(self, at, about, words):
        self.lines.append((at, self.owners.get(about, about), words))

    def text(self):
        """All of it."""
        return [line(*entry) for entry in self.lines]

    def of(self, about):
        """What a failure that concerns ``about`` needs: his own lines, and everybody's."""
        about = self.owners.get(about, about)
        if not about:
            return self.text()[-_TAIL:]
        return [line(*entry) for entry in self.lines if entry[1] in {"", about}]


def line(at, about, words):
    return f"{at:9.3f}  {about:<5} {' '.join(map(brief, words))}"


def brief(thing):
    """A value without what goes without saying: empty fields, and whose session it is."""
    if isinstance(thing, Enum):
        return str(thing.value)
    names = getattr(thing, "__match_args__", ())
    if not names or isinstance(thing, BaseException):
        return str(thing)
    said = {name: value for name in names if name not in _UNSAID and (value := getattr(thing, name)) not in _EMPTY}
    return f"{type(thing).__name__}({', '.join(f'{name}={brief(value)}' for name, value in said.items())})"
