from typing import get_args

import pytest
from thespian.actors import ActorExitRequest, ChildActorExited, WakeupMessage

from supervisor import events, messages
from supervisor.child import ExitSettled, StartImpossible
from supervisor.dynamic import DynamicSupervisor
from supervisor.messages import ChildExiting, NoSuchChild, Start, ToPath
from supervisor.parent import Parent
from supervisor.reasons import Crashed, Normal, is_abnormal
from supervisor.spec import ChildSpec
from supervisor.supervised import Supervised
from supervisor.supervisor import Supervisor
from supervisor.testing import CrashOnMessage, Echo, Stage

OF_ALL = {*get_args(messages.ToSupervised), WakeupMessage, ActorExitRequest}
OF_PARENTS = OF_ALL | {*get_args(messages.ToParent), ChildActorExited, StartImpossible, ExitSettled}


@pytest.mark.parametrize(
    ("actor", "known"),
    [(Supervised, OF_ALL), (Parent, OF_PARENTS), (Supervisor, OF_PARENTS), (DynamicSupervisor, OF_PARENTS)],
)
def test_the_protocol_has_a_row_for_every_message_of_supervision_and_no_other(actor, known):
    assert set(actor.protocol) == known


def test_a_kept_reason_holds_no_traceback_and_the_message_is_not_delivered_twice():
    stage = Stage()
    root = stage.start(ChildSpec("x", CrashOnMessage))
    stage.tell(root, "boom")
    reason = stage.outside.last(ChildExiting).reason
    assert isinstance(reason, Crashed)
    assert reason.error.__traceback__ is None
    assert is_abnormal(reason)
    assert len(stage.events.all(events.ActorFailed)) == 1


def test_a_failing_sink_harms_nobody():
    class Broken(Echo):
        def handle(self, message, sender):
            self.emit("not an event")
            super().handle(message, sender)

    stage = Stage()
    root = stage.start(ChildSpec("x", Broken))
    stage.actor("x").runtime = type(stage.runtime)(stage.clock, sink=object())
    stage.tell(root, "hi")
    assert stage.outside.seen[-1] == ("x", 1, "hi")


def test_a_second_start_has_no_effect_and_the_end_is_told_once():
    stage = Stage()
    root = stage.start(ChildSpec("x", Echo))
    stage.tell(root, Start("y", "y", 9, None, stage.runtime))
    stage.post(root, "finish", stage.address)
    stage.post(root, "crash", stage.address)
    stage.run()
    assert [said.reason for said in stage.outside.all(ChildExiting)] == [Normal()]


@pytest.mark.parametrize("base", [Supervised, Parent])
def test_a_subclass_says_where_messages_to_a_path_go(base):
    class Lost(base):
        def handle_to_path(self, message):
            self.send(message.sender, NoSuchChild(f"lost: {message.path}", message.message))

    stage = Stage()
    root = stage.start(ChildSpec("x", Lost))
    stage.tell(root, ToPath("x", "hi", stage.address))
    assert stage.outside.last(NoSuchChild) == NoSuchChild("lost: x", "hi")
