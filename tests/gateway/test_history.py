"""History that is bounded, and that fails alone."""

import json
import os

import pytest

from actors.ids import AgentId, SessionId
from actors.session_events import Routed, SessionEnded, TranscriptLine
from actors.verdict import Verdict
from gateway import history as histories
from gateway.history import History
from gateway.telemetry import Audience

TRIAGE = AgentId("triage")


@pytest.fixture
def history(tmp_path):
    history = History(tmp_path / "h", max_files=5, max_age_s=100)
    yield history
    history.close()


def call(history, name, *texts):
    session, audience = SessionId(name), Audience([history.observers])
    audience.observe(session, Routed(session, TRIAGE, "ws://h", 1, "start"))
    for text in texts:
        audience.observe(session, TranscriptLine(session, "user", text, TRIAGE, 1_700_000_000_000))
    audience.observe(session, SessionEnded(session, Verdict.CALLER_LEFT, (), 0, (), 1.0))


def test_nothing_said_is_nothing_kept(history):
    call(history, "silent")
    history.close()
    assert history.summaries() == []


def test_lines_are_cut_counted_and_masked(history):
    call(history, "long", *(["x" * 9000] * (histories.MAX_LINES + 10)), "sort code 11-22-33")
    history.close()
    lines = history.read("long")["transcript"]
    assert len(lines) == histories.MAX_LINES
    assert max(len(line["text"]) for line in lines) == histories.MAX_LINE
    assert lines[-1]["text"] == "sort code ***"


def test_only_the_newest_files_stay(history, monkeypatch):
    monkeypatch.setattr(histories, "PRUNE_EVERY", 1)
    for number in range(12):
        call(history, f"c{number:02}", "hello")
    history.close()
    assert len(history.summaries()) <= 5
    assert history.read("c11") is not None
    assert history.read("c00") is None


def test_old_files_go(tmp_path, monkeypatch):
    monkeypatch.setattr(histories, "PRUNE_EVERY", 1)
    history = History(tmp_path, max_files=5, max_age_s=100)
    (tmp_path / "session_old.json").write_text("{}")
    os.utime(tmp_path / "session_old.json", (0, 0))
    call(history, "new", "hello")
    history.close()
    assert [path.name for path in tmp_path.iterdir()] == ["session_new.json"]


def test_a_folder_that_cannot_be_written_fails_nobody(tmp_path):
    (tmp_path / "file").write_text("")
    history = History(tmp_path / "file" / "h", max_files=5, max_age_s=100)
    call(history, "a", "hello")
    history.close()
    assert history.summaries() == []


def test_broken_files_are_left_out(history, tmp_path):
    call(history, "good", "hello")
    history.close()
    (tmp_path / "h" / "session_bad.json").write_text("{")
    (tmp_path / "h" / "session_list.json").write_text(json.dumps([1]))
    assert [row["id"] for row in history.summaries()] == ["session_good.json"]
