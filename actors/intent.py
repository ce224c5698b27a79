"""What a caller's text reveals: account number, sort code, intent.

The one hard rule is what is *not* a credential: amounts, dates and numbers of other things. Digits count however
they are said: ``12345678``, ``1234 5678``, ``11-22-33``, "one two double three", "oh". The words *to*, *too* and
*for* are never digits.
"""

from __future__ import annotations

import re
from datetime import date
from itertools import accumulate

from msgspec import Struct

ACCOUNT_DIGITS = 8
SORT_CODE_DIGITS = 6
MAX_TEXT = 4_000
"""Longer texts are read up to here; nobody says his account number after ten minutes of typing."""


class Found(Struct, frozen=True):
    """What one text revealed; an empty string is 'not said'."""

    account: str = ""
    sort_code: str = ""
    intent: str = ""

    @property
    def has_account_details(self) -> bool:
        """Both halves of the credentials were said."""
        return bool(self.account and self.sort_code)

    def __bool__(self) -> bool:
        return bool(self.account or self.sort_code or self.intent)


_INTENTS = (
    ("check_balance", r"balances?"),
    ("view_transactions", r"transactions?|statements?"),
    ("dispute_transaction", r"disput(?:e|es|ed|ing)|challenge|unauthori[sz]ed|unrecogni[sz]ed|didn'?t make|fraud"),
    ("mortgage_inquiry", r"mortgages?|home loan|loans?|borrow|lending"),
    ("make_payment", r"pay|payments?|transfer|send money"),
)
_INTENT_PATTERNS = tuple((name, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for name, words in _INTENTS)

_SPOKEN = {"zero": "0", "oh": "0", "nought": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5"}
_SPOKEN |= {"six": "6", "seven": "7", "eight": "8", "nine": "9"}
_REPEATED = {"double": 2, "triple": 3, "treble": 3}

_TOKEN = re.compile(r"[£$€]|\d+|[^\W\d_]+(?:'[a-z]+)?|[^\w\s]", re.IGNORECASE)
_CURRENCY_BEFORE = frozenset("£$€") | {"gbp", "eur", "usd"}
_AMOUNT_AFTER = frozenset(
    "pound pounds quid gbp euro euros eur dollar dollars usd pence p k percent % days weeks months years".split()
)
_AMOUNT_BEFORE = frozenset(
    "transfer pay paid send sent borrow lend owe owed loan mortgage deposit spend spent worth earn salary income "
    "of".split()
)
_DATE_BEFORE = frozenset("on date dated since from until till before after by born birth".split())
_OTHER_THING = frozenset("reference ref case card phone telephone mobile transaction order invoice ticket".split())
_FILLER = frozenset("number numbers no num is are it its it's my the code and with s # :".split())


class _Run(Struct, frozen=True):
    """Neighbouring digit groups, with the words around them."""

    groups: tuple[str, ...]
    dashes: bool
    before: tuple[str, ...]
    after: str

    @property
    def digits(self) -> str:
        return "".join(self.groups)

    @property
    def label(self) -> str:
        """The nearest word before that names what the digits are: account, sort, other, amount, date or ''."""
        for distance, word in enumerate(reversed(self.before)):
            if word in {"account", "acc", "acct"}:
                return "account"
            if word in {"sort", "sortcode"}:
                return "sort"
            if word in _OTHER_THING:
                return "other"
            if word in _FILLER:
                continue
            if distance > 3:
                break
            if word in _DATE_BEFORE:
                return "date"
            if word in _AMOUNT_BEFORE or word in _CURRENCY_BEFORE:
                return "amount"
        return ""


def extract(text: str) -> Found:
    """Read one caller's text. Pure, and linear in its length."""
    text = text[:MAX_TEXT]
    account, sort_code = _credentials(text)
    return Found(account, sort_code, _intent(text))


def _intent(text: str) -> str:
    return next((name for name, pattern in _INTENT_PATTERNS if pattern.search(text)), "")


def _credentials(text: str) -> tuple[str, str]:
    account = sort_code = ""
    for run in _runs(text):
        if not _may_be_credential(run):
            continue
        found_account, found_sort = _split(run)
        account = account or found_account
        sort_code = sort_code or found_sort
    return account, sort_code


def _split(run: _Run) -> tuple[str, str]:
    """Cut a run at its group boundaries into an account number, a sort code, or one of each."""
    digits = run.digits
    if len(digits) == ACCOUNT_DIGITS:
        return digits, ""
    if len(digits) == SORT_CODE_DIGITS:
        return "", digits
    if len(digits) == ACCOUNT_DIGITS + SORT_CODE_DIGITS:
        boundaries = set(accumulate(len(group) for group in run.groups))
        if run.label == "sort" and SORT_CODE_DIGITS in boundaries:
            return digits[SORT_CODE_DIGITS:], digits[:SORT_CODE_DIGITS]
        if ACCOUNT_DIGITS in boundaries:
            return digits[:ACCOUNT_DIGITS], digits[ACCOUNT_DIGITS:]
        if SORT_CODE_DIGITS in boundaries:
            return digits[SORT_CODE_DIGITS:], digits[:SORT_CODE_DIGITS]
    return "", ""


def _may_be_credential(run: _Run) -> bool:
    label = run.label
    if run.after in _AMOUNT_AFTER or label in {"other", "amount"}:
        return False
    if run.before and run.before[-1] in _CURRENCY_BEFORE:
        return False
    if label in {"account", "sort"}:
        return True
    return label != "date" and not _is_date(run)


def _is_date(run: _Run) -> bool:
    """``20251125``, ``2025-11-25`` and ``25-11-2025`` are dates unless an account was named."""
    digits = run.digits
    if len(digits) != ACCOUNT_DIGITS:
        return False
    year_first = (digits[:4], digits[4:6], digits[6:])
    year_last = (digits[4:], digits[2:4], digits[:2])
    shapes = [year_first, year_last] if run.dashes else [year_first]
    return any(1900 <= int(year) < 2100 and _is_day(year, month, day) for year, month, day in shapes)


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _runs(text: str) -> list[_Run]:
    """Find the digit runs of a text, spoken digits included."""
    tokens = [token.lower() for token in _TOKEN.findall(text)]
    runs: list[_Run] = []
    at = 0
    while at < len(tokens):
        group, width = _group(tokens, at)
        if not group:
            at += 1
            continue
        run, at = _extend(tokens, at, group, at + width)
        runs.append(run)
    return [run for run in runs if not _is_part_of_amount(run)]


def _group(tokens: list[str], at: int) -> tuple[str, int]:
    """Read the digits that begin at a token and how many tokens they take; ('', 0) where there are none."""
    token = tokens[at]
    if token.isascii() and token.isdigit():
        return token, 1
    if token in _SPOKEN:
        return _SPOKEN[token], 1
    if token in _REPEATED and at + 1 < len(tokens):
        digit = _SPOKEN.get(tokens[at + 1]) or (tokens[at + 1] if re.fullmatch(r"[0-9]", tokens[at + 1]) else "")
        return digit * _REPEATED[token], 2 if digit else 0
    return "", 0


def _extend(tokens: list[str], start: int, first: str, at: int) -> tuple[_Run, int]:
    """Join the short groups that follow; a group of five digits or more stands alone."""
    groups = [first]
    dashes = False
    while at < len(tokens) and len(groups[-1]) < 5:
        skip = _separator(tokens, at, groups[-1])
        if at + skip >= len(tokens):
            break
        group, width = _group(tokens, at + skip)
        if not group or len(group) >= 5:
            break
        dashes = dashes or (skip == 1 and tokens[at] == "-")
        groups.append(group)
        at += skip + width
    run = _Run(tuple(groups), dashes, tuple(tokens[max(0, start - 8) : start]), tokens[at] if at < len(tokens) else "")
    return run, at


def _separator(tokens: list[str], at: int, previous: str) -> int:
    """Count the tokens between two groups of one run: a dash, or a comma between single digits."""
    if tokens[at] == "-" or (tokens[at] == "," and len(previous) == 1):
        return 1
    return 0


def _is_part_of_amount(run: _Run) -> bool:
    """``1,200.00``: a comma or point tied to the digits makes them an amount, never a credential."""
    return (
        bool(run.before)
        and run.before[-1] in {".", ","}
        and len(run.before) > 1
        and run.before[-2].isdigit()
        and (len(run.digits) <= 3)
    )
