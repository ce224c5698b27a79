import asyncio
import threading

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
