"""What keys and events do to `top`."""

import pytest

from gateway.terminal import keys
from gateway.terminal.picture import Order
from gateway.terminal.stream import LOST, Told
from gateway.terminal.top import Top
from gateway.terminal.top_view import Look, screen
from tests.gateway.terminal.drawing import drawn
from tests.gateway.terminal.test_views import NOW, busy


@pytest.fixture
def top():
    return Top(Look("x"), busy(calls=30))


def press(top, *names):
    for name in names:
        top.take(name, NOW / 1000, 10)
        top.lay_out(NOW / 1000, 80, 30)


def test_scrolling_stops_at_both_ends(top):
    press(top, keys.DOWN, keys.DOWN, keys.UP)
    assert top.look.offset == 1
    press(top, keys.PAGE_DOWN)
    assert top.look.offset == 11
    press(top, *[keys.PAGE_DOWN] * 9)
    last = top.look.offset
    assert 11 < last < 30
    press(top, keys.UP)
    assert top.look.offset == last - 1
    press(top, keys.HOME, keys.UP)
    assert top.look.offset == 0


def test_orders_go_round_and_start_at_the_top(top):
    press(top, keys.DOWN, "o")
    assert (top.look.order, top.look.offset) == (Order.NEWEST, 0)
    press(top, "o", "o", "x")
    assert top.look.order is Order.TROUBLE


@pytest.mark.parametrize("key", ["q", keys.GONE, None])
def test_it_ends(top, key):
    press(top, key)
    assert top.over


def test_a_lost_connection_is_shown_until_the_stream_is_back(top):
    top.take(Told(LOST, {"why": "the connection was lost", "wait_s": 1}), 0.0, 1)
    assert top.look.problem == "the connection was lost; trying again"
    top.take(Told("event", {"event": "began"}), 0.0, 1)
    assert top.look.problem
    top.take(Told("snapshot", {"at": 5_000}), 2.0, 1)
    assert not top.look.problem
    assert top.lay_out(3.0, 80, 30)[1] == 6_000


def test_a_gateway_that_is_silent_is_not_called_live(top):
    top.take(Told("delta", {"at": NOW}), NOW / 1000, 1)
    for after_s, silent_s in ((9.0, 0.0), (12.0, 12.0)):
        laid, now = top.lay_out(NOW / 1000 + after_s, 80, 30)
        assert top.look.silent_s == silent_s
        head = drawn(screen(top.picture, top.look, laid, now, 80))[0]
        assert ("silent for 12 s" in head, "live" in head) == (bool(silent_s), not silent_s)
    top.take(Told("delta", {"at": NOW}), NOW / 1000 + 12.0, 1)
    top.lay_out(NOW / 1000 + 12.5, 80, 30)
    assert not top.look.silent_s


def test_what_ended_the_stream_is_raised(top):
    with pytest.raises(ValueError, match="gone"):
        top.take(ValueError("gone"), 0.0, 1)


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"q", "q"), (b"\x1b[A", keys.UP), (b"\x1b[6~", keys.PAGE_DOWN), (b"j", keys.DOWN), (b"", keys.GONE)],
)
def test_keys_have_names(data, name):
    assert keys.name_of(data) == name
