"""What is kept of a call, when it is written, and that nobody's words are in it."""

import asyncio
import json
import tracemalloc

import pytest

from actors.ids import AgentId, Generation, SessionId
from actors.messages import CallerChose, CallerSent, CallerText, ToolReturned
from actors.receipt import Outcome, Receipt, SwapReason
from actors.session_events import LinkLost, SessionBegan, SessionEnded, SwapEnded
from actors.topology import SESSIONS_PATH
from actors.verdict import Verdict
from gateway.blackbox import FIRST_EVENTS, LAST_EVENTS, NOTES, BlackBoxes, FrameRing, Recorder, read_file
from gateway.wire import MAX_NAME, encode
from supervisor.messages import KillChild
from tests.gateway.test_calls import Agent, call, eventually, register, running, said, until

ID, IDV = SessionId("s-1"), AgentId("idv")
SECRET = "my account is 12345678"


class Later:
    """A timer that runs when the test says so."""

    def __init__(self):
        self.due = []
        self.cancelled = 0

    def __call__(self, seconds, step):
        self.due.append((seconds, step))
        return self

    def cancel(self):
        self.cancelled += 1


@pytest.fixture
def later():
    return Later()


@pytest.fixture
def boxes(tmp_path, later):
    return BlackBoxes(tmp_path, 3, lambda: 5.0, lambda: 1000.0, later, words=False)


def lost(cause):
    return LinkLost(ID, IDV, "ws://x", Generation(1), cause, "")


def swapped(outcome):
    return SwapEnded(ID, Receipt(SwapReason.HANDOFF, AgentId("triage"), IDV, outcome, 1, 12, 34))


def test_frames_are_kept_as_readings_of_the_counters_in_both_directions():
    ring = FrameRing()
    ring.note(0.5, 1, 640)
    ring.note(0.6, -1, 320)
    ring.note(0.7, 9, 5760)
    assert ring.read() == [(0.5, 1, 640), (0.6, -1, -320), (0.7, 8, 5120)]


def test_the_oldest_readings_give_way_and_what_came_before_them_is_not_guessed():
    ring = FrameRing()
    for number in range(NOTES + 10):
        ring.note(float(number), 1 + 8 * number, 10 * number)
    rows = ring.read()
    assert len(rows) == NOTES - 1
    assert {(frames, octets) for _, frames, octets in rows} == {(8, 10)}
    assert rows[-1][0] == NOTES + 9


def test_the_beginning_and_the_last_events_are_kept_and_the_gap_is_counted():
    recorder = Recorder(lambda: 0.0, words=False)
    for number in range(FIRST_EVENTS + LAST_EVENTS + 7):
        recorder.note(CallerChose(f"a{number}"))
    document = recorder.document(ID, "x", 0.0)
    assert len(document["events"]) == FIRST_EVENTS + LAST_EVENTS
    assert document["lost"] == 7
    assert document["events"][0]["wanted"] == "a0"
    assert document["events"][-1]["wanted"] == f"a{FIRST_EVENTS + LAST_EVENTS + 6}"


def test_what_a_caller_wanted_is_masked_when_it_is_written():
    recorder = Recorder(lambda: 0.0, words=False)
    recorder.note(CallerChose("12345678"))
    assert recorder.document(ID, "x", 0.0)["events"][0]["wanted"] == "***"


SAID = [
    CallerText(SECRET),
    CallerSent({"type": "custom", "value": SECRET}),
    ToolReturned(Generation(1), "balance", "u1", success=True, result={"account": SECRET}),
]


@pytest.mark.parametrize("event", SAID)
def test_words_are_lengths_unless_asked_for_and_masked_then(event):
    silent, telling = Recorder(lambda: 0.0, words=False), Recorder(lambda: 0.0, words=True)
    silent.note(event)
    telling.note(event)
    without, words = (json.dumps(recorder.document(ID, "x", 0.0)) for recorder in (silent, telling))
    assert "account" not in without
    assert "my account is ***" in words
    assert "12345678" not in words


def test_a_message_that_is_passed_on_is_noted_as_one_that_the_session_gets():
    event = CallerSent({"type": "custom", "value": SECRET})
    for words in (False, True):
        told, passed = Recorder(lambda: 0.0, words=words), Recorder(lambda: 0.0, words=words)
        told.note(event)
        passed.note_passed_on(event, len(encode(event.message)))
        assert passed.document(ID, "x", 0.0)["events"] == told.document(ID, "x", 0.0)["events"]


@pytest.mark.parametrize("words", [False, True])
def test_a_type_is_masked_whoever_gets_the_message(words):
    recorder = Recorder(lambda: 0.0, words=words)
    event = CallerSent({"type": SECRET})
    recorder.note(event)
    recorder.note_passed_on(event, 40)
    events = recorder.document(ID, "x", 0.0)["events"]
    assert [row["message_type"] for row in events] == ["my account is ***"] * 2
    assert "12345678" not in json.dumps(events)


@pytest.mark.parametrize("note", [Recorder.note, lambda recorder, event: recorder.note_passed_on(event, 100_000)])
def test_types_of_any_length_leave_a_black_box_small(note):
    recorder = Recorder(lambda: 0.0, words=False)
    tracemalloc.start()
    try:
        for number in range(FIRST_EVENTS + LAST_EVENTS):
            note(recorder, CallerSent({"type": f"{number:03}" + "x" * 100_000}))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 128 * 1024
    events = recorder.document(ID, "x", 0.0)["events"]
    assert {len(row["message_type"]) for row in events} == {MAX_NAME}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (lost("killed"), "link killed"),
        (lost("crashed"), "link crashed"),
        (swapped(Outcome.FAILED), "swap handoff failed"),
        (swapped(Outcome.RETURNED), "swap handoff returned"),
        (SessionEnded(ID, Verdict.OUR_BUG, (), 0, (), 1.0), "session ended by our bug"),
        (lost("broken"), None),
        (swapped(Outcome.DONE), None),
        (SessionEnded(ID, Verdict.CALLER_LEFT, (), 0, (), 1.0), None),
    ],
)
def test_only_what_went_wrong_is_written_once_it_has_settled(boxes, later, tmp_path, event, reason):
    boxes.open(ID)
    boxes.observe(ID, SessionBegan(ID))
    boxes.observe(ID, event)
    for _, step in later.due:
        step()
    boxes.observe(ID, SessionEnded(ID, Verdict.CALLER_LEFT, (), 0, (), 1.0))
    boxes.close(ID)
    boxes.stop()
    assert [read_file(path)["reason"] for path in tmp_path.iterdir()] == ([reason] if reason else [])


def test_a_session_that_did_not_say_how_it_ended_has_crashed(boxes, tmp_path):
    boxes.open(ID)
    boxes.observe(ID, SessionBegan(ID))
    boxes.close(ID)
    boxes.close(ID)
    boxes.stop()
    (path,) = tmp_path.iterdir()
    assert read_file(path)["reason"] == "session crashed"
    assert path.stat().st_mode & 0o077 == 0


def test_only_so_many_files_are_kept(tmp_path, later):
    wall = iter(range(100))
    boxes = BlackBoxes(tmp_path, 3, lambda: 5.0, lambda: next(wall), later, words=False)
    boxes.open(ID)
    for _ in range(10):
        assert boxes.write(ID, "x")
    boxes.stop()
    assert len(list(tmp_path.iterdir())) == 3


def test_switched_off_nothing_is_recorded(tmp_path, later):
    boxes = BlackBoxes(tmp_path, 0, lambda: 5.0, lambda: 0.0, later, words=False)
    assert boxes.open(ID) is None
    boxes.observe(ID, lost("killed"))
    assert boxes.write(ID, "x") is None
    boxes.close(ID)
    boxes.stop()


@pytest.mark.parametrize("text", ["", "[]", '{"format": 99}'])
def test_other_files_are_told_apart(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match="it is not"):
        read_file(tmp_path / "x.json")


@pytest.mark.real
async def test_a_chaos_kill_leaves_a_file_and_one_may_be_asked_for(rest, tmp_path):
    gateway = rest.gateway
    async with running(Agent("triage")) as agent:
        await register(gateway, agent, "triage")
        async with call(gateway) as socket:
            session_id = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
            await socket.send(json.dumps({"type": "text_input", "text": SECRET}))
            await until(socket, said)
            await socket.send(b"\1" * 640)
            assert await socket.recv() == b"\1" * 640
            status, body = await rest.post(f"/admin/sessions/{session_id}/blackbox")
            assert (status, body["success"]) == (202, True)
            await gateway.ask(f"{SESSIONS_PATH}/{session_id}", KillChild("link-1"), 0.0)
            await eventually(lambda: agent.opened == 2)
            await socket.send(json.dumps({"type": "text_input", "text": "still there?"}))
            await until(socket, said)
        await eventually(lambda: not len(gateway.calls))
        assert (await rest.post("/admin/sessions/nobody/blackbox"))[0] == 404
    await asyncio.to_thread(gateway.boxes.stop)
    documents = {read_file(path)["reason"]: read_file(path) for path in (tmp_path / "blackbox").iterdir()}
    assert set(documents) == {"asked for", "link killed"}
    killed = documents["link killed"]
    assert [row[1:] for row in killed["frames"]] == [[1, 640], [-1, -640]]
    assert {"session_began", "caller_text", "routed", "link_lost"} <= {row["event"] for row in killed["events"]}
    assert killed["events"][-1]["event"] == "session_ended"
    assert "account" not in json.dumps(killed)
