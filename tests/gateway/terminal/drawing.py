"""Draws what views give, as text of a given width, without a terminal."""

from io import StringIO

from rich.console import Console


def drawn(renderable, width=80):
    """The lines, without blanks at their ends."""
    file = StringIO()
    Console(width=width, file=file, force_terminal=False, highlight=False, markup=False).print(renderable)
    return [line.rstrip() for line in file.getvalue().splitlines()]
