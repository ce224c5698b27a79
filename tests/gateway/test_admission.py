"""Who may call, and what the others are told before the upgrade."""

import asyncio

import pytest
import websockets

from gateway.admission import Admission, Bounds
from gateway.front_door import RequestHead
from tests.gateway.test_calls import eventually, until


def head(remote="10.0.0.1", **headers):
    return RequestHead("GET", "/sonic", headers, remote)


def judge(bounds=None, checks=None, refused=None):
    return Admission(bounds or Bounds(), checks or {}, lambda: 0.0, (refused if refused is not None else []).append)


def test_checks_come_first_and_every_refusal_is_counted_by_name():
    refused = []
    admission = judge(checks={"calm": lambda: "", "full": lambda: "no room"}, refused=refused)
    assert admission.judge(head()).error == "no room; try again"
    assert refused == ["full"]


def test_too_many_from_one_address_are_told_so_until_one_goes():
    admission = judge(Bounds(per_address=1))
    admission.came("10.0.0.1")
    assert admission.judge(head()).status == 429
    assert admission.judge(head("10.0.0.2")) is None
    admission.went("10.0.0.1")
    assert admission.judge(head()) is None
    assert not admission._open


def test_too_many_at_once_are_told_when_to_come_again():
    admission = judge(Bounds(connect_rate=0.1, connect_burst=1))
    assert admission.judge(head()) is None
    assert (admission.judge(head()).status, admission.judge(head()).retry_after_s) == (429, 10)


def test_only_pages_of_named_origins_may_call_and_programs_always():
    admission = judge(Bounds(origins=("https://bank.example",)))
    assert admission.judge(head(origin="https://evil.example")).status == 403
    assert admission.judge(head(origin="https://bank.example")) is None
    assert admission.judge(head()) is None


@pytest.mark.parametrize("settings", [{"per_address": 1}], indirect=True)
async def test_a_socket_counts_from_its_opening_to_its_end(rest):
    url = f"ws://127.0.0.1:{rest.gateway.port}/sonic"
    async with websockets.connect(url) as first:
        await until(first, lambda message: message["type"] == "connected")
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(url)
        assert refused.value.response.status_code == 429
    await eventually(lambda: not rest.gateway.admission._open)
    async with asyncio.timeout(5), websockets.connect(url):
        pass


@pytest.mark.parametrize("settings", [{"max_sessions": 3}], indirect=True)
async def test_nobody_who_was_let_in_is_refused_afterwards_however_many_come_at_once(rest):
    url, codes, refused = f"ws://127.0.0.1:{rest.gateway.port}/sonic", set(), set()

    async def come_and_go():
        for _ in range(10):
            try:
                socket = await websockets.connect(url)
            except websockets.InvalidStatus as answer:
                refused.add(answer.response.status_code)
                continue
            await until(socket, lambda message: message["type"] == "connected")
            await socket.close()
            codes.add(socket.close_code)

    await asyncio.gather(*(come_and_go() for _ in range(20)))
    assert (refused, codes) == ({503}, {1000})
