"""Log lines: loguru for everything, masked, human or JSON, with the session they belong to."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import TYPE_CHECKING

from aiohttp.http_exceptions import HttpProcessingError
from loguru import logger
from msgspec import Struct

from gateway.masking import mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from loguru import Record

PARSER_FAULT = "WS parser"  # how picows begins to speak of one
PROTOCOL_ERROR = 1002  # what it closes with where it says no code; RFC 6455 section 7.4.1
MAX_LINE = 4000  # characters
_HUMAN = "{time:HH:mm:ss.SSS} <level>{level: <7}</level> {extra[where]}{message}{extra[traceback]}\n"
_JSON = "{extra[line]}\n"


class Intercept(logging.Handler):
    """Passes what libraries log with the standard module on to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        known = {level.name for level in logger._core.levels.values()}  # type: ignore[attr-defined]  # noqa: SLF001
        level: str | int = record.levelname if record.levelname in known else record.levelno
        try:
            words = record.getMessage()
        except (TypeError, ValueError):  # a library's mistake in a log line is not worth a connection
            words = str(record.msg)
        logger.opt(exception=record.exc_info).log(level, "{}: {}", record.name, words)


class PeerLog(Struct, eq=False):
    """What picows gets for a logger: what a peer did wrong is one line at DEBUG, not a traceback at ERROR.

    Its parser tells of a fault in this way only, with close code and reason; ``on_fault`` gets them.
    """

    on_fault: Callable[[int, str], None]
    _told: bool = False

    def isEnabledFor(self, level: int) -> bool:  # noqa: ARG002, N802 - logging's names
        """Spare picows the lines about every read."""
        return False

    def log(self, level: int, words: str, *args: object) -> None:
        """Leave out."""

    def debug(self, words: str, *args: object) -> None:
        """Leave out."""

    info = debug

    def error(self, words: str, *args: object) -> None:
        """Write one line of all, and tell of a fault."""
        if not self._told:
            self._told = True  # of the same bytes it complains with every read
            logger.debug("a peer: {}", words % args if args else words)
        if words.startswith(PARSER_FAULT):
            match args:
                case ((int(code), str(reason)),):
                    self.on_fault(int(code), reason)
                case _:
                    self.on_fault(PROTOCOL_ERROR, "")

    warning = exception = error


def http_log() -> logging.Logger:
    """Give aiohttp's server its logger: a request that cannot be read is one line at DEBUG, without its bytes."""
    log = logging.getLogger("aiohttp.server")
    log.addFilter(_is_ours)
    return log


def _is_ours(record: logging.LogRecord) -> bool:
    fault = record.exc_info[1] if record.exc_info else None
    if isinstance(fault, HttpProcessingError):
        logger.debug("a peer: {}: {}", record.getMessage(), type(fault).__name__)
        return False
    return True


def configure(level: str, form: str) -> None:
    """Send all log lines to standard error. Call once, at start.

    A JSON line holds ``time`` (ISO), ``level``, ``session`` (its id, or empty), ``message`` and, where there was
    an exception, ``traceback``.
    """
    logger.remove()
    logger.configure(extra={"session": ""}, patcher=_prepare)
    # a function, because loguru adds the exception, unmasked, to a format that is a string
    logger.add(sys.stderr, level=level, format=lambda _: _JSON if form == "json" else _HUMAN, diagnose=False)
    logging.basicConfig(handlers=[Intercept()], level=logging.WARNING, force=True)


def _prepare(record: Record) -> None:
    record["message"] = mask(_short(record["message"]))
    trace, extra = _traceback(record), record["extra"]
    session = str(extra["session"])
    extra["where"] = f"[{session[:8]}] " if session else ""
    extra["traceback"] = f"\n{trace}" if trace else ""
    line = {
        "time": record["time"].isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "session": session,
        "message": record["message"],
    }
    extra["line"] = json.dumps(line | {"traceback": trace} if trace else line, ensure_ascii=False)
    record["message"] = _one_line(record["message"])  # JSON does so by itself


def _short(words: str) -> str:
    if len(words) <= MAX_LINE:
        return words
    shown = words[:MAX_LINE].rstrip("0123456789 -")  # half of a number would not be known for one, and not masked
    return f"{shown} (cut)"


def _one_line(words: str) -> str:
    """Show what cannot be seen: a peer's words must not look like a line of ours, nor steer a terminal."""
    if words.isprintable():
        return words
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in words)


def _traceback(record: Record) -> str:
    """Write the exception without variables, masked: both may hold what callers said."""
    found = record["exception"]
    if found is None or found.value is None:
        return ""
    return mask("".join(traceback.format_exception(found.value)).rstrip())
