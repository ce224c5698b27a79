"""Amounts between figures and English words. Pure."""

from __future__ import annotations

import re
from datetime import date

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = ((1_000_000, "million"), (1_000, "thousand"))
_VALUES = {word: value for value, word in enumerate(_ONES)} | {word: 10 * at for at, word in enumerate(_TENS)}
_FIGURES = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*(k|thousand|million|m)?\b", re.IGNORECASE)
_FACTORS = {"k": 1_000, "thousand": 1_000, "m": 1_000_000, "million": 1_000_000}
_ORDINALS = {1: "first", 2: "second", 3: "third", 5: "fifth", 8: "eighth", 9: "ninth", 12: "twelfth"}


def in_words(number: int) -> str:
    """Spell a whole number below a billion as a Briton would say it."""
    if number < 0:
        return f"minus {in_words(-number)}"
    for scale, name in _SCALES:
        if number >= scale:
            head, rest = divmod(number, scale)
            joint = " and " if 0 < rest < 100 else " "
            return f"{in_words(head)} {name}" + (f"{joint}{in_words(rest)}" if rest else "")
    if number >= 100:
        head, rest = divmod(number, 100)
        return f"{_ONES[head]} hundred" + (f" and {in_words(rest)}" if rest else "")
    if number < 20:
        return _ONES[number]
    head, rest = divmod(number, 10)
    return _TENS[head] + (f" {_ONES[rest]}" if rest else "")


def money(pounds: float) -> str:
    """Show an amount: ``£1,200.00``."""
    return f"{'-' if pounds < 0 else ''}£{abs(pounds):,.2f}"


def money_in_words(pounds: float) -> str:
    """Speak an amount: ``one thousand two hundred pounds``."""
    pence = round(abs(pounds) * 100)
    whole, part = divmod(pence, 100)
    words = f"{'minus ' if pounds < 0 else ''}{in_words(whole)} {'pound' if whole == 1 else 'pounds'}"
    return f"{words} and {in_words(part)} pence" if part else words


def percent_in_words(rate: float) -> str:
    """Speak a rate: ``four point two five percent``."""
    whole, _, part = f"{rate:.2f}".rstrip("0").rstrip(".").partition(".")
    decimals = " point " + " ".join(_ONES[int(digit)] for digit in part) if part else ""
    return f"{in_words(int(whole))}{decimals} percent"


def day(iso: str) -> str:
    """Show a date: ``24 November``."""
    when = date.fromisoformat(iso)
    return f"{when.day} {when:%B}"


def day_in_words(iso: str) -> str:
    """Speak a date: ``the twenty fourth of November``."""
    when = date.fromisoformat(iso)
    return f"the {_ordinal(when.day)} of {when:%B}"


def _ordinal(number: int) -> str:
    if number in _ORDINALS:
        return _ORDINALS[number]
    if number < 20:
        return f"{_ONES[number]}th"
    head, rest = divmod(number, 10)
    return f"{_TENS[head]} {_ordinal(rest)}" if rest else f"{_TENS[head][:-1]}ieth"


def amount_of(text: str) -> float | None:
    """Read the first amount of a text, in figures or in words; None where there is none."""
    figures = _FIGURES.search(text)
    if figures:
        return float(figures[1].replace(",", "")) * _FACTORS.get((figures[2] or "").lower(), 1)
    return _spelled(re.findall(r"[a-z]+", text.lower()))


def _spelled(words: list[str]) -> float | None:
    total = current = 0
    seen = False
    for word in words:
        if word in _VALUES:
            current, seen = current + _VALUES[word], True
        elif word == "hundred" and seen:
            current *= 100
        elif word in _FACTORS and len(word) > 1 and seen:
            total, current = total + current * _FACTORS[word], 0
        elif seen and word != "and":
            break
    return float(total + current) if seen else None
