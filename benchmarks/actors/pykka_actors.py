"""pykka's actors, each one a thread: `python -m benchmarks.actors.pykka_actors`."""

from __future__ import annotations

from threading import Event

import pykka

from benchmarks.actors.orders import serve


class Player(pykka.ThreadingActor):
    """Sends a ball back with one less on it; who gets a zero sets the event."""

    def __init__(self, done):
        super().__init__()
        self.done, self.partner = done, None

    def on_receive(self, message):
        if type(message) is not int:
            self.partner = message
        elif message:
            self.partner.tell(message - 1)
        else:
            self.done.set()


class Child(pykka.ThreadingActor):
    """Sets the event of its first message, and ends by it where it is told to."""

    def on_receive(self, message):
        done, ends = message
        if ends:
            self.stop()
        done.set()


def messages(number):
    done = Event()
    players = [Player.start(done) for _ in range(2)]
    for one, other in (players, players[::-1]):
        one.ask(other)
    players[0].tell(number)
    done.wait()
    for player in players:
        player.stop()


def breed(number, *, ends):
    for _ in range(number):
        done, child = Event(), Child.start()
        child.tell((done, ends))
        done.wait()


def create(number):
    for _ in range(number):
        Child.start()


serve(
    {
        "messages": messages,
        "creates": create,
        "spawns": lambda number: breed(number, ends=True),
        "idle": lambda number: breed(number, ends=False),
    }
)
pykka.ActorRegistry.stop_all()
