"""What a message, a spawn and an idle actor cost on our base and on Thespian's in-process one; run from the root."""
# ruff: noqa: N802 - the signatures are Thespian's

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable

import uvloop
from thespian.actors import Actor, ActorAddress, ActorExitRequest, ActorSystem, ActorSystemMessage

from supervisor.system_base import actor_system

MESSAGES, SPAWNS, IDLE, ROUNDS = 100_000, 5_000, 2_000, 5


class Counter(Actor):
    """Counts down by sending the rest to itself, then answers."""

    def receiveMessage(self, message: object, sender: ActorAddress) -> None:
        if isinstance(message, tuple):
            self.asker, message = sender, message[0]
        if isinstance(message, int):
            self.send(*((self.myAddress, message - 1) if message else (self.asker, "done")))


class Spawner(Actor):
    """Makes so many children, then answers."""

    def receiveMessage(self, message: object, sender: ActorAddress) -> None:
        if not isinstance(message, ActorSystemMessage):
            for _ in range(message):
                self.createActor(Idle)
            self.send(sender, "done")


class Idle(Actor):
    """Nothing."""

    def receiveMessage(self, message: object, sender: ActorAddress) -> None:
        """Do nothing."""


async def measure(system: ActorSystem, ask: Callable[..., Awaitable[object]]) -> tuple[float, float, float]:
    """Return microseconds per message, per spawn, and bytes per idle actor: the best round of several."""
    message_us, spawn_us = [], []
    for _ in range(ROUNDS):
        counter, spawner = system.createActor(Counter), system.createActor(Spawner)
        for sample, actor, question, number in (
            (message_us, counter, (MESSAGES,), MESSAGES),
            (spawn_us, spawner, SPAWNS, SPAWNS),
        ):
            gc.collect()
            began = time.perf_counter()
            assert await ask(actor, question) == "done"
            sample.append((time.perf_counter() - began) / number * 1e6)
            system.tell(actor, ActorExitRequest())
            await asyncio.sleep(0.1)
    spawner = system.createActor(Spawner)
    gc.collect()
    tracemalloc.start()
    assert await ask(spawner, IDLE) == "done"
    gc.collect()
    size = tracemalloc.get_traced_memory()[0] / IDLE
    tracemalloc.stop()
    return min(message_us), min(spawn_us), size


async def main() -> None:
    ours = actor_system()
    stock = ActorSystem("simpleSystemBase", transientUnique=True, logDefs=False)
    sys.stdout.write(f"{'':24}{'us/message':>12}{'us/spawn':>12}{'B/idle actor':>14}\n")
    for name, system, ask in (
        (f"ours ({type(asyncio.get_running_loop()).__module__})", ours, lambda *a: ours._systemBase.ask_async(*a, 60)),
        ("simpleSystemBase", stock, lambda *a: asyncio.sleep(0, stock.ask(*a, 60))),
    ):
        sys.stdout.write("{:24}{:12.2f}{:12.1f}{:14.0f}\n".format(name, *await measure(system, ask)))


for run in (asyncio.run, uvloop.run):
    run(main())
