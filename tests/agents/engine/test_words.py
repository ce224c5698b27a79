import pytest

from agents.engine import words
from agents.engine.numbers import amount_of, day_in_words, in_words, money, money_in_words, percent_in_words


@pytest.mark.parametrize(
    ("text", "account", "sort_code"),
    [
        ("12345678 112233", "12345678", "112233"),
        ("1234 5678 and 11-22-33", "12345678", "112233"),
        ("sort code 11 22 33 account 12345678", "12345678", "112233"),
        ("12345678112233", "12345678", "112233"),
        ("one two three four five six seven eight", "12345678", ""),
        ("double four oh oh triple one nine", "44001119", ""),
        ("one to three for five six", "", "123456"),
        ("it's one one, um, two two three three", "", "112233"),
        ("hello", "", ""),
    ],
)
def test_credentials(text, account, sort_code):
    found = words.credentials_of(text)
    assert (found.account, found.sort_code) == (account, sort_code)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("I want to check my balance", words.CHECK_BALANCE),
        ("I never made this transaction", words.DISPUTE),
        ("show my transactions", words.VIEW_TRANSACTIONS),
        ("a payment I don't recognise", words.INVESTIGATE),
        ("can I borrow money for a house", words.MORTGAGE),
        ("bye bye", words.GOODBYE),
        ("check_balance", words.CHECK_BALANCE),
        ("bananas", ""),
    ],
)
def test_wishes(text, wish):
    assert words.wish_of(text) == wish


def test_money():
    assert money(1200) == "£1,200.00"
    assert money(-32.1) == "-£32.10"
    assert money_in_words(1200) == "one thousand two hundred pounds"
    assert money_in_words(58.09) == "fifty eight pounds and nine pence"
    assert in_words(1_002_015) == "one million two thousand and fifteen"
    assert percent_in_words(4.25) == "four point two five percent"
    assert day_in_words("2025-11-24") == "the twenty fourth of November"
    assert day_in_words("2025-11-20") == "the twentieth of November"


@pytest.mark.parametrize(
    ("text", "amount"),
    [("£45,000", 45_000), ("45k", 45_000), ("forty five thousand two hundred", 45_200), ("a lot", None)],
)
def test_amounts(text, amount):
    assert amount_of(text) == amount


def test_yes_and_no():
    assert words.is_yes("yes I have")
    assert words.is_yes("I have")
    for text in ("no", "I have not", "I haven't", "I did not", "not really"):
        assert words.is_no(text)
        assert not words.is_yes(text)
