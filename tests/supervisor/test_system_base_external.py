import asyncio
import threading
from queue import SimpleQueue

import pytest
from thespian.actors import ActorExitRequest, PoisonMessage

from supervisor.system_base import Engine
from supervisor.system_base import external as external_module


def endpoint():
    return Engine(lambda: 0.0, lambda: None).open_endpoint()


def test_mail_that_nobody_reads_is_bounded_and_the_oldest_goes(monkeypatch):
    monkeypatch.setattr(external_module, "ENDPOINT_LIMIT", 3)
    here = endpoint()
    for message in (1, 2, ActorExitRequest(), PoisonMessage(ActorExitRequest()), 3, 4, PoisonMessage("x")):
        here.put(message)
    *heard, poison = here.drain()
    assert (heard, poison.poisonMessage) == ([3, 4], "x")
    assert (here.drain(), here.take(0), here.take(0.001)) == ([], None, None)


def test_a_thread_that_waits_gets_what_comes():
    here, heard = endpoint(), []
    thread = threading.Thread(target=lambda: heard.append(here.take(None)))
    thread.start()
    here.put("x")
    thread.join(5)
    assert heard == ["x"]


async def test_each_of_several_gets_one_and_whoever_gave_up_takes_none_away():
    here = endpoint()
    waiting = [asyncio.create_task(here.take_async(None)) for _ in range(3)]
    assert await here.take_async(0.001) is None
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    assert len(here._waiting) == 2
    here.put("x")
    here.put("y")
    assert await asyncio.wait_for(asyncio.gather(*waiting[1:]), 5) == ["x", "y"]
    assert not here._waiting
    here.put("z")
    assert await here.take_async(5) == "z"


async def test_mail_that_a_thread_took_first_is_waited_for_again():
    class Raced(SimpleQueue):
        def empty(self):  # it was there when it was looked for
            return False

    here = endpoint()
    here._mail = Raced()
    waiting = asyncio.create_task(here.take_async(5))
    await asyncio.sleep(0)
    here.put("x")
    assert here.take(0) == "x"
    await asyncio.sleep(0)
    assert not waiting.done()
    here.put("y")
    assert await waiting == "y"


@pytest.mark.parametrize("woken", [True, False])
async def test_whoever_gives_up_as_mail_comes_leaves_it_to_the_next(woken):
    here = endpoint()
    first, second = (asyncio.create_task(here.take_async(5)) for _ in range(2))
    await asyncio.sleep(0)
    if woken:
        here.put("x")
    first.cancel()
    if not woken:
        here.put("x")
    assert await second == "x"
    assert first.cancelled()
    assert not here._waiting
