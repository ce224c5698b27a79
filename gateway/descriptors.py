"""Descriptors of the process: a call takes two, three with a standby, and a shell gives 1,024 as a rule."""

from __future__ import annotations

import resource

from loguru import logger

SPARE = 100  # files, the loop's own, probes


def take(connections: int) -> None:
    """Raise the process's own bound to what so many connections need, as far as the system lets it."""
    needed = connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unbounded = resource.RLIM_INFINITY
    if soft == unbounded or soft >= needed:
        return
    allowed = needed if hard == unbounded else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        logger.warning("{} descriptors are needed when all calls are taken; the system allows {}", needed, allowed)
