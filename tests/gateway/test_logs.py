"""Log lines are masked, in both forms and down to the traceback, and say which session they belong to."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from loguru import logger

from agents import cli
from gateway import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SESSION = "0b54c7a2-1111-4222-8333-444455556666"


@pytest.fixture
def configure() -> Iterator[Callable[[str, str], None]]:
    """Set up logging as the program does, and take it down again."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield logs.configure
    logger.remove()
    logger.configure(extra={}, patcher=lambda record: None)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_human_line_has_time_level_session_and_words(configure, capsys) -> None:
    configure("INFO", "human")
    logger.bind(session=SESSION).info("hello {}", "you")
    logger.warning("nobody's")
    first, second = capsys.readouterr().err.splitlines()
    assert first[12:] == " INFO    [0b54c7a2] hello you"
    assert second[12:] == " WARNING nobody's"


def test_a_json_line_has_time_level_session_and_words(configure, capsys) -> None:
    configure("INFO", "json")
    logger.bind(session=SESSION).info('say "hi"\nthere \u00e9')
    logger.warning("nobody's")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert datetime.fromisoformat(first.pop("time")).tzinfo is not None
    assert first == {"level": "INFO", "session": SESSION, "message": 'say "hi"\nthere \u00e9'}
    assert second["session"] == ""


def test_what_a_peer_said_makes_no_line_of_its_own(configure, capsys) -> None:
    configure("INFO", "human")
    logger.info("left: {}", "bye\n00:00:00.000 ERROR   forged \x1b[2J\u202e\x9b é")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("left: bye\\n00:00:00.000 ERROR   forged \\x1b[2J\\u202e\\x9b é")


@pytest.mark.parametrize("form", ["human", "json"])
def test_a_line_has_a_bound(configure, capsys, form: str) -> None:
    configure("INFO", form)
    logger.info("x" * (logs.MAX_LINE - 5) + " 12345678 " + "y" * 200_000)
    written = capsys.readouterr().err
    assert len(written) < logs.MAX_LINE + 200
    assert "123" not in written.split(" ", 2)[2]
    assert " (cut)" in written


def test_lines_below_the_level_are_not_written(configure, capsys) -> None:
    configure("WARNING", "human")
    logger.info("quiet")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", ["human", "json"])
def test_numbers_are_masked_in_words_and_traceback(configure, capsys, form: str) -> None:
    configure("DEBUG", form)
    logger.info("account {} and <sort> {code}", 12345678, code="12-34-56")
    try:
        int("8765 4321")
    except ValueError:
        logger.exception("failed for 1234 5678")
    written = capsys.readouterr().err
    for number in ("12345678", "12-34-56", "8765 4321", "1234 5678"):
        assert number not in written
    assert "account *** and <sort> ***" in written
    assert "invalid literal for int() with base 10: '***'" in written
    assert "test_logs.py" in written


@pytest.mark.parametrize("form", ["human", "json"])
def test_variables_of_a_failed_call_are_not_shown(configure, capsys, form: str) -> None:
    configure("DEBUG", form)
    callers = ["Ms Jones"] * 2
    try:
        {}[len(callers[0])]
    except KeyError as error:
        logger.opt(exception=error).error("failed")
    written = capsys.readouterr().err
    assert "KeyError: 8" in written
    assert "Ms Jones" not in written


def test_a_chain_of_exceptions_is_masked_as_a_whole(configure, capsys) -> None:
    configure("DEBUG", "json")
    try:
        try:
            {}["first 12345678"]
        except KeyError:
            {}["then 87654321"]
    except KeyError:
        logger.exception("failed")
    trace = json.loads(capsys.readouterr().err)["traceback"]
    assert "KeyError: 'first ***'" in trace
    assert "KeyError: 'then ***'" in trace


def test_what_libraries_log_comes_along_masked(configure, capsys) -> None:
    configure("INFO", "human")
    logging.getLogger("some.library").warning("account %s", "12345678")
    logging.getLogger("some.library").info("too quiet")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("WARNING some.library: account ***")


def test_a_library_that_logs_wrongly_is_not_stopped_by_it(configure, capsys) -> None:
    configure("INFO", "human")
    words = "%d of %d"
    logging.getLogger("some.library").warning(words, "many")
    assert "some.library: %d of %d" in capsys.readouterr().err


def test_a_level_that_only_a_library_knows_is_written(configure, capsys) -> None:
    configure("INFO", "human")
    logging.getLogger("some.library").log(35, "odd")
    assert "some.library: odd" in capsys.readouterr().err


def test_configuring_twice_writes_each_line_once(configure, capsys) -> None:
    configure("INFO", "human")
    configure("INFO", "human")
    logger.info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.usefixtures("configure")
def test_agents_mask_as_the_gateway_does(capsys) -> None:
    cli._start_logging("INFO")
    logger.opt(exception=LookupError("account one two three four five six seven eight")).error("sort code 11 22 33")
    shown = capsys.readouterr().err
    assert "LookupError: account ***" in shown
    assert "sort code ***" in shown
    assert "22" not in shown.splitlines()[0][12:]
