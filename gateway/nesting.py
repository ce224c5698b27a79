"""How deep JSON may be nested: what decodes at one depth of our own stack may not be written at another. Pure."""

from __future__ import annotations

import re
from typing import Final

MAX_DEPTH: Final = 32  # a workflow graph or a tool's definition has 5
# A string that does not end is taken to the end: trying each of its quotes again would be quadratic.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def is_too_deep(data: bytes) -> bool:
    """Whether arrays and objects are nested deeper than `MAX_DEPTH`; of what is no JSON it says anything."""
    if not _opens_often(data):
        return False
    depth = 0
    for found in _TOKEN.finditer(data):
        match data[found.start()]:
            case 0x5B | 0x7B:
                depth += 1
                if depth > MAX_DEPTH:
                    return True
            case 0x5D | 0x7D:
                depth -= 1
    return False


def _opens_often(data: bytes) -> bool:
    """Whether more than `MAX_DEPTH` brackets open, in strings or not; one that is missing costs next to nothing."""
    opened = 0
    for bracket in (b"{", b"["):
        at = data.find(bracket)
        while at >= 0:
            opened += 1
            if opened > MAX_DEPTH:
                return True
            at = data.find(bracket, at + 1)
    return False
