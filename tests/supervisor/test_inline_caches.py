"""What classes inherit with inline caches of their own is the same method, in code that no other class runs."""

from __future__ import annotations

from itertools import pairwise

from actors.agent_link import AgentLink
from actors.session import SessionActor
from gateway.agent_socket import AgentSocket
from gateway.client_socket import ClientSocket
from gateway.socket_core import SocketCore
from supervisor.inline_caches import with_own_caches
from supervisor.supervised import Supervised


def test_a_copy_is_the_same_method():
    def grown(self, by=1, *, twice: bool = False):
        """Grow."""
        return outer + self + by * (1 + twice)

    outer = 10
    copied = with_own_caches(grown)
    assert (copied(1), copied(1, 2), copied(1, 2, twice=True)) == (12, 13, 15)
    assert (copied.__name__, copied.__qualname__, copied.__doc__) == (grown.__name__, grown.__qualname__, "Grow.")
    assert (copied.__module__, copied.__annotations__) == (__name__, grown.__annotations__)
    assert copied.__code__ is not grown.__code__


def test_those_that_take_turns_run_code_of_their_own():
    frames = [kind.on_ws_frame.__code__ for kind in (SocketCore, ClientSocket, AgentSocket)]
    messages = [kind.receiveMessage.__code__ for kind in (Supervised, SessionActor, AgentLink)]
    for one, other in [*pairwise(frames), *pairwise(messages), (frames[0], frames[2]), (messages[0], messages[2])]:
        assert one is not other


def test_a_method_of_a_class_itself_stays():
    def own(self, message, sender):
        """Do nothing."""

    class Deaf(Supervised):
        receiveMessage = own  # noqa: N815

    assert vars(Deaf)["receiveMessage"] is own
