"""Trace ids that anybody who knows a session's id can work out; W3C Trace Context, level 1. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from actors.ids import Generation, SessionId


def trace_id(session_id: SessionId) -> str:
    """Return 32 hexadecimal digits: the session id itself where it is a UUID, else a digest of it."""
    try:
        number = UUID(session_id).hex
    except ValueError:
        number = ""
    return number if number.strip("0") else hashlib.sha256(session_id.encode()).hexdigest()[:32]


def link_span_id(session_id: SessionId, generation: Generation) -> str:
    """Return the 16 hexadecimal digits of a link's span."""
    return hashlib.sha256(f"{session_id}/link-{generation}".encode()).hexdigest()[:16]


def traceparent(session_id: SessionId, generation: Generation) -> str:
    """Return the header that makes an agent's spans children of its link's span; sampled."""
    return f"00-{trace_id(session_id)}-{link_span_id(session_id, generation)}-01"
