"""What a caller's words mean to the bank's agents: a wish, yes or no, digits, an amount. Pure, linear in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_TEXT = 4_000
ACCOUNT_DIGITS = 8
SORT_CODE_DIGITS = 6

CHECK_BALANCE = "check_balance"
VIEW_TRANSACTIONS = "view_transactions"
DISPUTE = "dispute_transaction"
MORTGAGE = "mortgage_inquiry"
PAYMENT = "make_payment"
BRANCH = "find_branch"
INVESTIGATE = "investigate_transaction"
GOODBYE = "goodbye"
HELP = "help"

# First match wins: a disputed transaction is a dispute, the balance of a mortgage is a balance.
_WISHES = (
    (DISPUTE, r"disput\w*|challenge|unauthori[sz]ed|fraud\w*|scam|(?:didn'?t|did not|never) (?:make|made)"),
    (INVESTIGATE, r"investigat\w*|look into|(?:don'?t|do not|not|didn'?t) recogni[sz]ed?|unrecogni[sz]ed"),
    (CHECK_BALANCE, r"balances?|how much (?:money )?(?:do i have|have i got|is in)"),
    (VIEW_TRANSACTIONS, r"transactions?|statements?|spending|(?:have i|did i) spen[dt]"),
    (MORTGAGE, r"mortgages?|home loan|loans?|borrow\w*|lending|buy(?:ing)? a (?:house|home|flat)"),
    (BRANCH, r"branch(?:es)?|opening (?:hours|times)|nearest bank"),
    (PAYMENT, r"pay|payments?|transfer|send money"),
    (GOODBYE, r"(?:good ?)?bye|hang up|that'?s all|that is all|nothing else|that'?s it|i'?m done|no,? thank(?:s| you)"),
    (HELP, r"help|what can you do|options"),
)
_WISH_PATTERNS = tuple((name, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for name, words in _WISHES)
KNOWN_WISHES = frozenset(name for name, _ in _WISHES)

_YES = re.compile(
    r"^\W*(?:yes|yeah|yep|yup|sure|ok(?:ay)?|of course|please|correct|right|i do|i have|i did)\b(?! not)", re.IGNORECASE
)
_NO = re.compile(r"^\W*(?:no|nope|nah|not really|i don'?t|i have ?n[o']?t|i did ?n[o']?t|never)\b", re.IGNORECASE)
_GREETING = re.compile(
    r"^\W*(?:hello|hi|hey|hiya|good (?:morning|afternoon|evening)|hello there|hi there)\W*$", re.IGNORECASE
)
_THANKS = re.compile(r"\b(?:thanks?|thank you|cheers)\b", re.IGNORECASE)
_TRIGGER = re.compile(r"^\s*\[\s*system", re.IGNORECASE)

_DIGIT_WORDS = dict(zip("zero one two three four five six seven eight nine".split(), "0123456789", strict=True))
_DIGIT_WORDS |= {"oh": "0", "o": "0", "nought": "0"}
_HOMOPHONES = {"to": "2", "too": "2", "for": "4"}
_REPEATED = {"double": 2, "triple": 3, "treble": 3}


def wish_of(text: str) -> str:
    """Name what the caller wants; '' where nothing is understood. A known wish's own name is that wish."""
    text = text[:MAX_TEXT].strip()
    if text in KNOWN_WISHES:
        return text
    return next((name for name, pattern in _WISH_PATTERNS if pattern.search(text)), "")


def is_yes(text: str) -> bool:
    """Tell whether an answer begins with agreement."""
    return bool(_YES.search(text))


def is_no(text: str) -> bool:
    """Tell whether an answer begins with refusal."""
    return bool(_NO.search(text))


def is_greeting(text: str) -> bool:
    """Tell whether the text greets and says nothing else."""
    return bool(_GREETING.search(text))


def is_thanks(text: str) -> bool:
    """Tell whether the caller thanks."""
    return bool(_THANKS.search(text))


def is_trigger(text: str) -> bool:
    """Tell whether a gateway made this text up to make an agent speak."""
    return bool(_TRIGGER.search(text))


@dataclass(frozen=True, slots=True)
class Credentials:
    """The digits of one utterance, sorted into what they can be. ``digits`` counts all that were said."""

    account: str = ""
    sort_code: str = ""
    digits: int = 0


def credentials_of(text: str) -> Credentials:
    """Read an account number and a sort code from an answer to the question for them."""
    runs = _runs(text[:MAX_TEXT])
    total = sum(len(digits) for digits, _ in runs)
    found = _sort_runs(runs)
    if not any(found):  # "one two um three ...": the pieces make one number
        joined = "".join(digits for digits, _ in runs)
        found = _sort_runs([(joined, runs[0][1] if runs else "")])
    return Credentials(*found, digits=total)


def _sort_runs(runs: list[tuple[str, str]]) -> tuple[str, str]:
    account = sort_code = ""
    for digits, label in runs:
        if len(digits) == ACCOUNT_DIGITS:
            account = account or digits
        elif len(digits) == SORT_CODE_DIGITS:
            sort_code = sort_code or digits
        elif len(digits) == ACCOUNT_DIGITS + SORT_CODE_DIGITS:
            cut = SORT_CODE_DIGITS if label == "sort" else ACCOUNT_DIGITS
            account, sort_code = (digits[cut:], digits[:cut]) if label == "sort" else (digits[:cut], digits[cut:])
    return account, sort_code


def _runs(text: str) -> list[tuple[str, str]]:
    """Find runs of digits, each with the word 'account' or 'sort' that came last before it."""
    tokens = re.findall(r"\d+|[a-z']+", text.lower())
    runs: list[tuple[str, str]] = []
    label = current = ""
    at = 0
    while at < len(tokens):
        digits, width = _digits_at(tokens, at, inside=bool(current))
        if digits:
            if len(current) in {ACCOUNT_DIGITS, SORT_CODE_DIGITS} and len(digits) >= SORT_CODE_DIGITS:
                runs, current = [*runs, (current, label)], ""
            current += digits
        elif current:
            runs, current, label = [*runs, (current, label)], "", ""
        if not digits and tokens[at] in {"account", "sort"}:
            label = tokens[at]
        at += width or 1
    return [*runs, (current, label)] if current else runs


def _digits_at(tokens: list[str], at: int, *, inside: bool) -> tuple[str, int]:
    token = tokens[at]
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    if token.isdigit():
        return token, 1
    if token in _DIGIT_WORDS:
        return _DIGIT_WORDS[token], 1
    if token in _REPEATED:
        digit = _DIGIT_WORDS.get(following) or (following if len(following) == 1 and following.isdigit() else "")
        return digit * _REPEATED[token], 2 if digit else 0
    if inside and token in _HOMOPHONES and following in _DIGIT_WORDS:  # what a recogniser writes for two and four
        return _HOMOPHONES[token], 1
    return "", 0
