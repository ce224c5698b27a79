"""A short run of the real thing, and the tools that it is judged with."""

import asyncio
import random
import re
from pathlib import Path

import pytest

from tests.chaos.caller import Caller
from tests.chaos.proxy import FaultProxy
from tests.chaos.run import Run
from tests.chaos.tally import Tally

pytestmark = pytest.mark.real


async def test_ten_calls_through_many_faults(tmp_path):
    run = Run(tmp_path, seconds=6, calls=10, seed=3, rate=3.0)
    tally = await run.go()
    assert tally.violations == [], tally.table()
    assert tally.kills >= 5
    assert tally.texts["answered"] > 30


# --- the judge judges ---


@pytest.fixture
def caller():
    one = Caller(0, random.Random(0), Tally())
    one.said = ["c0-1", "c0-2", "c0-3"]
    return one


def test_what_is_lost_or_answered_twice_or_by_mistake_is_a_violation(caller):
    caller.answers.update({"c0-1": ["7", "8"], "c1-9": ["7"]})
    assert [words[:24] for words in sorted(caller.violations())] == [
        "c0 hears an answer to c1",
        "c0-1 was answered 2 time",
        "c0-2 was lost in silence",
        "c0-3 was lost in silence",
    ]


def test_what_he_was_told_is_no_violation(caller):
    caller._hear({"type": "status", "state": "restored", "memory": "partial"})
    assert list(caller.violations()) == []


# --- the network misbehaves as asked ---


class Echo:
    def __init__(self):
        self.closed = asyncio.Event()

    async def __call__(self, reader, writer):
        try:
            while data := await reader.read(1024):
                writer.write(data)
        except ConnectionResetError:
            pass
        self.closed.set()
        writer.close()


@pytest.fixture
async def wire():
    echo = Echo()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = FaultProxy(random.Random(0))
    await proxy.start("127.0.0.1", 0, server.sockets[0].getsockname())
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    yield proxy, reader, writer, echo
    writer.close()
    await proxy.stop()
    server.close()


async def test_a_reset_reaches_both_ends(wire):
    proxy, reader, _, echo = wire
    assert len(proxy) == 1
    assert proxy.reset_one()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    await echo.closed.wait()
    assert not proxy.reset_one() or len(proxy) <= 1


async def test_a_black_hole_keeps_what_it_swallows_until_it_closes(wire):
    proxy, reader, writer, _ = wire
    proxy.set(black_hole=True)
    writer.write(b"lost?")
    waiting = asyncio.ensure_future(reader.readexactly(5))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not waiting.done()
    proxy.set()
    assert await waiting == b"lost?"


async def test_who_is_refused_gets_a_reset(wire):
    proxy, *_ = wire
    proxy.set(refuses=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()


async def test_a_half_closed_connection_still_carries_the_other_way(wire):
    proxy, reader, writer, echo = wire
    proxy.close_slowly()
    assert await reader.read() == b""
    writer.close()
    await echo.closed.wait()


# --- the table of old faults ---


def test_every_fault_has_its_row_and_every_test_that_a_row_names_is_there():
    here = Path(__file__).parent
    table = (here / "README.md").read_text()
    numbers = {
        int(number)
        for row in re.findall(r"^\| ([A-E0-9, ]+) \|", table, re.MULTILINE)
        for number in re.findall(r"\d+", row)
    }
    assert numbers == set(range(1, 45))
    for file, name in re.findall(r"`([./a-z_]+\.py)::(test_\w+)`", table):
        assert f"def {name}(" in (here / file).read_text(), name
