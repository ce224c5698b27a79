"""Log lines: loguru for everything, masked, human or JSON, with the session they belong to."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from loguru import logger

from gateway.masking import mask

if TYPE_CHECKING:
    from loguru import Record

_HUMAN = "{time:HH:mm:ss.SSS} <level>{level: <7}</level> {extra[session]}{message}"


class Intercept(logging.Handler):
    """Passes what libraries log with the standard module on to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        known = {level.name for level in logger._core.levels.values()}  # type: ignore[attr-defined]  # noqa: SLF001
        level: str | int = record.levelname if record.levelname in known else record.levelno
        logger.opt(exception=record.exc_info).log(level, "{}: {}", record.name, record.getMessage())


def configure(level: str, form: str) -> None:
    """Send all log lines to standard error. Call once, at start."""
    logger.remove()
    logger.configure(extra={"session": ""}, patcher=_mask)
    # diagnose would print variables, and with them what callers said
    if form == "json":
        logger.add(sys.stderr, level=level, serialize=True, diagnose=False)
    else:
        logger.add(sys.stderr, level=level, format=_HUMAN, diagnose=False)
    logging.basicConfig(handlers=[Intercept()], level=logging.WARNING, force=True)


def _mask(record: Record) -> None:
    record["message"] = mask(record["message"])
