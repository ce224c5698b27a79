"""What must not be read in logs, traces, history or the tree: account numbers, sort codes, signed tokens. Pure."""

from __future__ import annotations

import re

_KEPT = (
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",  # UUID
    r"\b(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:[0-2]\d|3[01])(?!\d)",  # date
    r"\b\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?!\d)",  # time of day
    r"[£$€]\s?\d[\d,]*(?:\.\d+)?",  # amount
    r"(?<![\w,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])",  # thousands
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?![\w.])",  # IPv4 address and port
    r"(?<![\w.])\d+\.\d+(?![\d.])",  # decimal fraction
)
_WORD = r"(?:zero|oh|o|nought|one|two|three|four|five|six|seven|eight|nine)"
_TIMES = r"(?:(?:double|triple|treble)[ ,]+)?"
_PAUSE = r"[ ,.-]{1,4}"
_GAP = r"(?:[^\S\n]{1,2}|[^\S\n]?[-\u2010-\u2015\u2212][^\S\n]?)"
_SECRET = (
    rf"\b{_TIMES}{_WORD}(?:{_PAUSE}{_TIMES}{_WORD}){{3,}}\b",  # spoken
    rf"\b{_TIMES}(?:{_WORD}|\d)(?:{_PAUSE}{_TIMES}(?:{_WORD}|\d)){{5,}}\b",  # spoken, and written by whim
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",  # IBAN, which holds both
    r"(?<![\w.])\d\d\.\d\d\.\d\d(?!\w|\.\d)",  # sort code with points
    r"\beyJ[\w-]{10,}\.[\w-]+(?:\.[\w-]*)?",  # signed token (JWT)
)
_DIGITS = rf"(?<!\w)(?<!\d\.)\d+(?:{_GAP}\d+)*(?!\w)"
_FOUND = re.compile(rf"(?P<kept>{'|'.join(_KEPT)})|(?P<secret>{'|'.join(_SECRET)})|{_DIGITS}", re.IGNORECASE)
_GROUP = re.compile(r"\d+")

MASK = "***"


def mask(text: str) -> str:
    """Replace what may be an account number or a sort code: typed, grouped, spoken, or inside an IBAN.

    Longer digit runs (timestamps), dates, times, amounts, addresses and parts of words stay. In doubt it is masked.
    """
    return _FOUND.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    if found["kept"]:
        return found[0]
    return MASK if found["secret"] or _is_secret([len(group) for group in _GROUP.findall(found[0])]) else found[0]


def _is_secret(sizes: list[int]) -> bool:
    """Whether groups of so many digits, with no more than a gap between them, may be such a number."""
    return not {6, 8}.isdisjoint(sizes) or sizes == [4, 4] or (len(sizes) > 2 and sum(sizes) >= 6 and max(sizes) <= 4)
