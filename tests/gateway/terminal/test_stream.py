"""Server-Sent Events in any pieces, and a stream that stays connected."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.terminal import stream as stream_module
from gateway.terminal.api import Api, NoConnection, Refused
from gateway.terminal.stream import LOST, MAX_EVENT, Parser, Stream, Told, wait_before

SNAPSHOT = b'event: snapshot\ndata: {"at":1}\n\n'
TEXT = SNAPSHOT + b':\n\nevent: event\ndata: {"event":"began",\ndata: "x":"\xc3\xa4"}\n\ndata:{"y":2}\n\n'
EVENTS = [
    Told("snapshot", {"at": 1}),
    Told("event", {"event": "began", "x": "ä"}),
    Told("message", {"y": 2}),
]


@example(cuts=[*range(len(TEXT))])
@given(cuts=st.lists(st.integers(0, len(TEXT)), max_size=8))
def test_events_are_the_same_however_the_bytes_are_cut(cuts):
    parser, edges = Parser(), [0, *sorted(cuts), len(TEXT)]
    pieces = [TEXT[start:end] for start, end in pairwise(edges)]
    assert [told for piece in pieces for told in parser.take(piece)] == EVENTS


@pytest.mark.parametrize("block", [b"data: nonsense\n\n", b"data: [1]\n\n", b"data: \xff\n\n"])
def test_what_is_no_event_of_ours_is_said(block):
    with pytest.raises(ValueError, match=r".+"):
        list(Parser().take(block))


def test_an_event_without_an_end_is_given_up():
    parser = Parser()
    assert list(parser.take(b"x" * MAX_EVENT)) == []
    with pytest.raises(ValueError, match="without an end"):
        list(parser.take(b"x"))


def test_what_steers_a_terminal_is_taken_out():
    (told,) = Parser().take(b'data: {"text":"\\u001b[2J red \\u202e\\n"}\n\n')
    assert told.data == {"text": " [2J red   "}


def test_waits_grow_and_are_bounded():
    assert [wait_before(attempt, 0.5) for attempt in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert wait_before(10_000, 0.999) < 12.5
    assert wait_before(1, 0.0) < wait_before(1, 0.9)


# --- over a socket -------------------------------------------------------------------------------------------------


@contextmanager
def serving(*answers):
    """Give each connection the next of (status, body); the last one again and again."""
    waiting = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            if body.endswith(b"HOLD\n\n"):
                held.wait(20)

        def log_message(self, *arguments):
            pass

    held = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Api(f"http://127.0.0.1:{server.server_port}")
    finally:
        held.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(stream_module, "FIRST_WAIT_S", 0.0)


def test_a_lost_connection_is_told_and_made_again(at_once):
    with serving((200, SNAPSHOT), (503, b'{"error":"too many look already"}'), (200, SNAPSHOT)) as api:
        stream, told = Stream(api), []
        for event in stream.following():
            told.append(event)
            if [kind for kind, _ in told].count("snapshot") == 2:
                stream.stop()
    assert [kind for kind, _ in told] == ["snapshot", LOST, LOST, "snapshot"]
    assert told[1].data["why"] == "the connection was lost"
    assert told[2].data["why"] == "the gateway answers 503: too many look already"


def test_the_first_attempt_and_lasting_refusals_are_raised(at_once):
    with serving((401, b'{"error":"who are you"}')) as api, pytest.raises(Refused, match="401: who are you"):
        list(Stream(api).following())
    with pytest.raises(NoConnection):
        list(Stream(Api("http://127.0.0.1:1")).following())
    with serving((200, SNAPSHOT), (401, b"")) as api, pytest.raises(Refused):
        list(islice(Stream(api).following(), 9))


def test_a_stream_that_is_no_stream_of_ours_is_no_connection():
    with serving((200, b"data: [1]\n\n")) as api, pytest.raises(NoConnection, match="an event that is no object"):
        list(Stream(api).once())


def test_a_stop_from_a_thread_ends_a_stream_that_is_silent():
    with serving((200, SNAPSHOT + b":HOLD\n\n")) as api:
        stream, told = Stream(api), []
        came = threading.Event()

        def read():
            for event in stream.following():
                told.append(event)
                came.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert came.wait(20)
        stream.stop()
        reader.join(20)
        assert not reader.is_alive()
    assert told == [Told("snapshot", {"at": 1})]
