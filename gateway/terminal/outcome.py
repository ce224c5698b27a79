"""How a command ends: an exit code that scripts can use, and one line of words for people."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from gateway.terminal.api import BadAddress, NoConnection, Refused
from gateway.terminal.looking import Ambiguous

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

DONE, REFUSED, BAD_USAGE, NO_CONNECTION = 0, 1, 2, 3
CODES = "Exit code: 0 done, 1 the gateway refused, 2 bad usage, 3 no connection."
PIPED_WIDTH = 10_000  # characters of a line that nobody's terminal has to hold


def fail(code: int, words: str) -> NoReturn:
    """End the command; ``words`` go to standard error."""
    for line in words.splitlines():
        typer.echo(f"understudy: {line}", err=True)
    raise typer.Exit(code)


@contextmanager
def told() -> Iterator[None]:
    """Turn what an `Api` raises into an exit code and a line."""
    try:
        yield
    except Refused as refused:
        fail(REFUSED, str(refused))
    except NoConnection as missing:
        fail(NO_CONNECTION, str(missing))
    except (BadAddress, Ambiguous) as wrong:
        fail(BAD_USAGE, str(wrong))


class Screen:
    """Standard output, as a terminal or as a file: without colours and without cutting anything in the latter."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # a sign that an old locale does not have is no reason to fail
        self.console = Console(
            highlight=False,
            markup=False,
            force_terminal=None if self.is_terminal else False,
            width=None if self.is_terminal else PIPED_WIDTH,
        )

    @property
    def width(self) -> int | None:
        """Characters of a line; None where nothing limits it."""
        return self.console.width if self.is_terminal else None

    def show(self, *parts: RenderableType) -> None:
        """Draw something for a person; the terminal folds what is text."""
        for part in parts:
            self.console.print(part, soft_wrap=isinstance(part, str | Text))

    def show_json(self, value: Any) -> None:
        """Write one JSON value in one line."""
        typer.echo(json.dumps(value))


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person before something is done; whoever cannot be asked must have said ``--yes``."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(BAD_USAGE, f"{question} Nobody can be asked here: say --yes")
    typer.confirm(question, abort=True, err=True)
