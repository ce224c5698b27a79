"""What must not be read in logs, traces, history or the tree: account numbers and sort codes. Pure."""

from __future__ import annotations

import re

_DIGIT = r"(?:zero|oh|nought|one|two|three|four|five|six|seven|eight|nine)"
_SPOKEN = rf"\b(?:(?:double|triple|treble)[ ,]+)?{_DIGIT}(?:[ ,-]+(?:(?:double|triple|treble)[ ,]+)?{_DIGIT}){{3,}}\b"
_GROUPED = r"(?<![\w.,:/-])(?:\d{8}|\d{6}|\d{4}[ -]\d{4}|\d{2}(?:[ -]\d{2}){2,3})(?![\w/:-]|[.,]\d)"
_SECRETS = re.compile(rf"{_SPOKEN}|{_GROUPED}", re.IGNORECASE)

MASK = "***"


def mask(text: str) -> str:
    """Replace what may be an account number or a sort code, typed, grouped or spoken.

    Longer digit runs (timestamps), numbers with a point (amounts) and parts of identifiers stay.
    """
    return _SECRETS.sub(MASK, text)
