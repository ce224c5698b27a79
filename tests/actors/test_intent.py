from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.intent import MAX_TEXT, Found, extract

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.mark.parametrize(
    ("text", "account", "sort_code"),
    [
        ("account number 12345678 and sort code 112233", "12345678", "112233"),
        ("sort code 112233 account 12345678", "12345678", "112233"),
        ("12345678, 112233", "12345678", "112233"),
        ("12345678 112233", "12345678", "112233"),
        ("112233 12345678", "12345678", "112233"),
        ("my account is 12345678 and my sort code is 112233", "12345678", "112233"),
        ("12345678", "12345678", ""),
        ("112233", "", "112233"),
        ("11-22-33", "", "112233"),
        ("11 22 33", "", "112233"),
        ("12 34 56 78", "12345678", ""),
        ("1234 5678", "12345678", ""),
        ("account 12345678 or 87654321", "12345678", ""),
        ("one, two, three, four, five, six, seven, eight.", "12345678", ""),
        ("one two three four five six seven eight and one one two two three three", "12345678", "112233"),
        ("one two three four five six seven eight one one two two three three", "12345678", "112233"),
        ("double one double two double three", "", "112233"),
        ("triple five oh one two", "", "555012"),
        ("my account is 20251125", "20251125", ""),
        ("my account is 12345678 2 days ago", "12345678", ""),
        ("Account no: 1234-5678, sort-code 11-22-33", "12345678", "112233"),
    ],
)
def test_credentials_are_found_in_every_form(text, account, sort_code):
    found = extract(text)
    assert (found.account, found.sort_code) == (account, sort_code)


@pytest.mark.parametrize(
    "text",
    [
        "transfer 100000 pounds",
        "transfer 100000",
        "I want to borrow 250000",
        "£100000",
        "100000 GBP please",
        "reset on 20251125",
        "reset on 2025-11-25",
        "paid on 25-11-2025",
        "on 25-11-25",
        "since 251125",
        "123456789",
        "a mortgage of 250,000 pounds",
        "1,200.00",
        "case 12345678",
        "my card number is 12345678",
        "I want to pay for one too",
        "four to six",
        "one for two to three too",
        "for for for for for for for for",
        "١٢٣٤٥٦٧٨",
        "",
    ],
)
def test_amounts_dates_and_other_numbers_are_not_credentials(text):
    found = extract(text)
    assert (found.account, found.sort_code) == ("", "")


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("I want to check my balance", "check_balance"),
        ("the balance on my mortgage", "check_balance"),
        ("show my Transactions", "view_transactions"),
        ("I didn't make this", "dispute_transaction"),
        ("a home loan", "mortgage_inquiry"),
        ("transfer 100000 pounds", "make_payment"),
        ("hello", ""),
        ("imbalanced", ""),
    ],
)
def test_intent_is_the_first_that_matches(text, intent):
    assert extract(text).intent == intent


@given(st.text(alphabet="0123456789", min_size=8, max_size=8))
def test_spoken_and_typed_digits_mean_the_same(digits):
    spoken = " ".join(DIGIT_WORDS[int(digit)] for digit in digits)
    assert extract(f"my account number is {spoken}").account == digits
    assert extract(f"my account number is {digits}").account == digits


@given(st.text(max_size=MAX_TEXT + 50))
def test_any_text_is_read_without_error(text):
    found = extract(text)
    assert len(found.account) in {0, 8}
    assert len(found.sort_code) in {0, 6}


def test_nothing_found_is_false():
    assert not Found()
    assert Found(intent="check_balance")
