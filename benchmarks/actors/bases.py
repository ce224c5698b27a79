"""Thespian actors on one system base, ours or one of Thespian's own: `python -m benchmarks.actors.bases ours`.

The actors, and the calls that start them, are the same for all bases.
"""
# ruff: noqa: N802 - the signatures are Thespian's

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta

import uvloop
from thespian.actors import Actor, ActorExitRequest, ActorSystem, ChildActorExited

from benchmarks.actors.orders import keep_family, serve
from benchmarks.machine import free_port
from supervisor.system_base import AsyncioSystemBase

PATIENCE_S = 600


@dataclass
class Serve:
    """To a player: pass a ball to the partner and back so many times."""

    partner: object
    number: int


@dataclass
class Timers:
    """To a player: let so many timers run, none of which will be due."""

    number: int


@dataclass
class Breed:
    """To a parent: make so many children, and say ``word`` to each before the next; where it is empty, say nothing."""

    number: int
    word: str = ""


class Player(Actor):
    """Sends a ball back with one less on it; who gets a zero tells who asked."""

    def receiveMessage(self, message, sender):
        if type(message) is int:
            if message:
                self.send(sender, message - 1)
            else:
                self.send(self.asker, "done")
        elif isinstance(message, Serve):
            self.asker = sender
            self.send(message.partner, message.number | 1)  # odd, so that the zero comes back here
        elif isinstance(message, Timers):
            for _ in range(message.number):
                self.wakeupAfter(timedelta(hours=1))
            self.send(sender, "done")


class Child(Actor):
    """Answers its first message; ends by it where that is ``go``."""

    def receiveMessage(self, message, sender):
        if message == "go":
            self.send(self.myAddress, ActorExitRequest())
        elif message == "stay":
            self.send(sender, "here")


class Parent(Actor):
    """Makes children, perhaps one after the other: create, first message, and then the answer or the exit."""

    def receiveMessage(self, message, sender):
        if isinstance(message, Breed):
            self.asker, self.left, self.word = sender, message.number, message.word
            self._next()
        elif message == "here" or (isinstance(message, ChildActorExited) and message.childAddress == self.child):
            self._next()

    def _next(self):
        while self.left and not self.word:
            self.left -= 1
            self.createActor(Child)
        if self.left:
            self.left -= 1
            self.child = self.createActor(Child)
            self.send(self.child, self.word)
        else:
            self.child = None  # some bases tell of an exit twice
            self.send(self.asker, "done")


def system(base):
    """Ours runs on a loop that stands still between two questions, as Thespian's in-process base does."""
    if base == "ours":
        return ActorSystem(systemBase=AsyncioSystemBase(loop=uvloop.new_event_loop()), transientUnique=True)
    capabilities = {"Admin Port": free_port()} if base == "multiprocTCPBase" else None
    return ActorSystem(base, capabilities, logDefs={"version": 1}, transientUnique=True)


def main(base):
    keep_family()
    actors = system(base)
    player, partner = actors.createActor(Player), actors.createActor(Player)

    def ask(actor, message):
        if actors.ask(actor, message, timedelta(seconds=PATIENCE_S)) != "done":
            raise SystemExit(f"{base}: no answer to {message}")

    def breed(number, word=""):
        ask(actors.createActor(Parent), Breed(number, word))

    try:
        serve(
            {
                "messages": lambda number: ask(player, Serve(partner, number)),
                "creates": breed,
                "spawns": lambda number: breed(number, "go"),
                "idle": lambda number: breed(number, "stay"),
                "timers": lambda number: ask(player, Timers(number)),
            }
        )
    finally:
        actors.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
