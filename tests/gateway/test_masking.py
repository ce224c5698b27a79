"""No account number or sort code survives in any usual format; other text is left as it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.masking import MASK, mask

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SEPARATORS = st.sampled_from(["", " ", "-", " - ", "\u2013", "\u2011", "\u00a0", "  "])


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


def grouped(count: int, size: int, separators: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def join(number: str, separator: str) -> str:
        return separator.join(re.findall(f".{{{size}}}", number))

    return st.builds(join, digits(count), separators)


TYPED = st.one_of(
    grouped(8, 4, SEPARATORS),
    grouped(8, 2, SEPARATORS),
    grouped(6, 2, SEPARATORS),
    grouped(6, 2, st.just(".")),
    grouped(8, 1, st.sampled_from([" ", "-", ", "])),
    grouped(6, 1, st.sampled_from([" ", "-", ", "])),
    digits(8).map(lambda number: f"{number[:3]} {number[3:6]} {number[6:]}"),
    st.builds("GB{}BANK{}{}".format, digits(2), digits(6), digits(8)),
    st.builds("GB{} BANK {} {} {} {}".format, digits(2), digits(4), digits(4), digits(4), digits(2)),
)


@st.composite
def spoken(draw: st.DrawFn) -> str:
    number = draw(st.one_of(digits(6), digits(8)))
    said = [draw(st.sampled_from([WORDS[int(digit)], *(["oh", "nought"] if digit == "0" else [])])) for digit in number]
    return draw(st.sampled_from([" ", ", ", "-"])).join(said)


BEFORE = st.sampled_from(
    [
        "",
        "my account is ",
        "Account:",
        "account=",
        '{"account":"',
        '{"a":',
        "(",
        "is it ",
        "code\n",
        "'",
        "#",
        "a,",
        "1. ",
    ]
)
AFTER = st.sampled_from(["", ".", ", thanks", ")", '"}', "?", "!", "'", "\n", " and then", ";", "]"])


@given(BEFORE, TYPED, AFTER)
def test_a_typed_number_does_not_survive(before: str, number: str, after: str) -> None:
    shown = mask(before + number + after)
    assert MASK in shown
    assert not re.search(r"\d", shown.removeprefix("1. "))


@given(BEFORE, spoken(), AFTER)
def test_a_spoken_number_does_not_survive(before: str, number: str, after: str) -> None:
    shown = mask(before + number + after)
    assert MASK in shown
    assert not set(re.findall(r"[a-z]+", shown.lower())) & {*WORDS, "oh", "nought"}


@pytest.mark.parametrize(
    "text",
    [
        "one 2 three 4 five 6",
        "double five, triple 0, one two 9 4",
        "o nine oh seven",
        "12-34-56/12345678",
        "name,123456,x",
    ],
)
def test_mixed_and_joined_forms_do_not_survive(text: str) -> None:
    shown = mask(text)
    assert not re.search(r"\d|one|two|three|four|five|seven|nine", shown)


@given(st.lists(TYPED, min_size=2, max_size=4), st.sampled_from([" and ", ", ", "; ", "\n", " / ", "/"]))
def test_several_numbers_in_one_line_do_not_survive(numbers: list[str], between: str) -> None:
    assert not re.search(r"\d", mask(between.join(numbers)))


@given(st.text(st.characters(exclude_categories=["N"], exclude_characters="eoEO", codec="utf-8")))
def test_text_without_numbers_is_unharmed(text: str) -> None:
    assert mask(text) == text


@given(st.text())
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1234",
        "I have two cats and one dog",
        "one two three",
        "£12.34 and £1,234.56 and £123456.78",
        "1700000000000",
        "1700000000.123456",
        "12:34:56.789",
        "2026-11-23T23:09:51Z",
        "2026-11-23",
        "port 8080, 65536 bytes",
        "12345678abc and abc12345678",
        "1,234,567 or 123,456",
        "10 20",
        "session 0b54c7a2-1234-4321-8765-123456789012",
        "127.0.0.1:52034",
        "sha a1b2c3d4e5f67890",
        "someone and two others",
    ],
)
def test_what_is_no_account_stays(text: str) -> None:
    assert mask(text) == text
