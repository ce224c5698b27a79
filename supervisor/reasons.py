"""The one value that describes an ending. Restart, log level and metric read it; nothing else does."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class Normal(Struct, frozen=True):
    """The actor finished its work."""


class Shutdown(Struct, frozen=True):
    """The actor was asked to stop, and did."""


class Killed(Struct, frozen=True):
    """The actor was ended from outside, without a word of its own."""


class Crashed(Struct, frozen=True):
    """An exception ended the actor. It may be a domain exception that carries data; it carries no traceback."""

    error: Exception


class StartFailed(Struct, frozen=True):
    """An exception, or its start deadline, ended the actor before it had started."""

    error: Exception


ExitReason: TypeAlias = Normal | Shutdown | Killed | Crashed | StartFailed


def is_abnormal(reason: ExitReason) -> bool:
    """True for every reason but `Normal` and `Shutdown`."""
    return not isinstance(reason, (Normal, Shutdown))


def describe(reason: ExitReason) -> str:
    """One line for people: ``crashed: ValueError('x')``."""
    match reason:
        case Crashed(error):
            return f"crashed: {error!r}"
        case StartFailed(error):
            return f"start failed: {error!r}"
        case _:
            return type(reason).__name__.lower()


def without_traceback(error: Exception) -> Exception:
    """Drop the tracebacks of ``error`` and its causes, so that a kept reason keeps no frames alive."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.__traceback__ = None
        pending += (current.__cause__, current.__context__)
    return error
