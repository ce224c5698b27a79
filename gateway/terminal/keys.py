"""Single keys of a terminal, without Enter."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

try:
    import termios
    import tty
except ImportError:  # not a Unix
    termios = tty = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

UP, DOWN, PAGE_UP, PAGE_DOWN, HOME = "up", "down", "page up", "page down", "home"
GONE: Final = ""  # there is no terminal any more
_SEQUENCES: Final = {
    b"\x1b[A": UP, b"\x1bOA": UP, b"\x1b[B": DOWN, b"\x1bOB": DOWN,
    b"\x1b[5~": PAGE_UP, b"\x1b[6~": PAGE_DOWN, b"\x1b[H": HOME, b"\x1bOH": HOME, b"\x1b[1~": HOME,
    b"k": UP, b"j": DOWN, b" ": PAGE_DOWN, b"g": HOME,
}  # fmt: skip


def name_of(data: bytes) -> str:
    """Name what one read of a terminal gave: a key's name, or the character."""
    return _SEQUENCES.get(data) or data[:1].decode("ascii", errors="replace")


@contextmanager
def one_by_one() -> Iterator[bool]:
    """Let `read` have each key at once, and leave the terminal as it was; false where there are no keys."""
    if termios is None or not sys.stdin.isatty():
        yield False
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield True
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def read() -> str:
    """Wait for a key; `GONE` when there will be none."""
    try:
        return name_of(os.read(sys.stdin.fileno(), 16))
    except OSError:
        return GONE
