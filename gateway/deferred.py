"""Commands whose program is imported when they run: who looks at a gateway need not wait for speech and traces."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Callable


def deferred(target: str) -> type[TyperCommand]:
    """Make the class of a command that is the function ``module:name``, with its options and its help."""

    class Deferred(TyperCommand):
        def make_context(self, *arguments: Any, **options: Any) -> Any:
            return _command(self.name, target).make_context(*arguments, **options)

    return Deferred


def _command(name: str | None, target: str) -> Any:
    module, _, function = target.partition(":")
    program: Callable[..., Any] = getattr(import_module(module), function)
    alone = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
    alone.command(name)(program)
    return typer.main.get_command(alone)
