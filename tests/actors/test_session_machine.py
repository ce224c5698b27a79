"""Invariants of the session machine, whatever happens in whatever order."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from actors import effects as fx
from actors.ids import AgentId, Generation, Instance, SessionId
from actors.link_end import FailureKind, LinkEnd, LinkFailed, Phase
from actors.messages import (
    AgentReported,
    CallerChose,
    CallerConfigured,
    CallerGone,
    CallerReturned,
    CallerSent,
    CallerSpoke,
    CallerStoppedSpeaking,
    CallerText,
    HandoffRequested,
    LinkReady,
    MemoryOffered,
    PatchMemory,
    ReadMemory,
    StashOverflowed,
    ToolReturned,
    ToolUsed,
    TranscriptSeen,
    TransferCall,
)
from actors.ports import Replayed, SessionSettings
from actors.receipt import Outcome, SwapReason
from actors.registry_messages import InstanceGone, InstancePicked, NoInstance
from actors.session_events import Routed, SessionEnded, SwapEnded
from actors.session_machine import step
from actors.session_state import Asked, CutOverDone, LinkExited, Moment, Session, Stage, StopAsked, TakenUp, TimerDue
from actors.swap import Step
from actors.verdict import Verdict
from supervisor.reasons import Crashed, Killed, Normal
from tests.simulation.restarts import Restarts

AGENTS = ("triage", "banking", "idv", "nobody")
URLS = ("a", "b")
REASONS = [
    Normal(),
    Killed(),
    Crashed(ValueError()),
    *(Crashed(LinkFailed(LinkEnd(k, Phase.LIVE))) for k in FailureKind),
]
WIRE = object()
INTENSITY = 1
"""Of restarts; the more there may be, the rarer would be a session that has spent them."""


class Calls(RuleBasedStateMachine):
    """Plays the actor's part: performs effects as facts, in any order that the world may choose."""

    def __init__(self):
        super().__init__()
        self.state = Session(SessionId("s"), SessionSettings(intensity=INTENSITY))
        self.now = 0.0
        self.dialled, self.running, self.stopped = [], {}, set()
        self.picks, self.log, self.timers = {}, [], {}
        self.cuts, self.handoffs, self.overdue = [], 0, False
        self.places, self.restarts, self.most = set(), Restarts(), 0

    def feed(self, event):
        before = self.state
        self.state, wanted = step(self.state, event, Moment(self.now, int(self.now * 1000), 0.5))
        assert step(before, event, Moment(self.now, int(self.now * 1000), 0.5)) == (self.state, wanted)
        for effect in wanted:
            self.perform(effect)
        return wanted

    def perform(self, effect):
        self.log.append(effect)
        match effect:
            case fx.Pick(generation, agent, exclude):
                self.picks[generation] = (agent, exclude)
            case fx.StartLink(generation, instance, _):
                assert generation not in self.dialled, "one dial per generation"
                leaving = {gone.url for _, gone in self.state.closing}
                assert self.overdue or instance.url not in leaving, "never two to one instance"
                self.dialled.append(generation)
                self.running[generation] = instance
            case fx.Release(generation, _, _):
                self.places.discard(generation)
            case fx.StopLink(generation, _):
                assert generation not in self.stopped, "asked to stop once"
                self.stopped.add(generation)
            case fx.CutOver(generation, _, _):
                assert generation in self.running, "cut over to a link that runs"
                self.cuts.append(generation)
                self.feed(CutOverDone(generation, Replayed()))
            case fx.ToCaller({"type": "handoff_event"}):
                self.handoffs += 1
            case fx.Emit(event):
                self.most = max(self.most, self.restarts.saw(event, self.now)[0])
            case fx.StartTimer(name, seconds):
                self.timers[name] = self.now + seconds
            case fx.CancelTimer(name):
                self.timers.pop(name, None)

    @initialize(wanted=st.sampled_from(AGENTS))
    def begin(self, wanted):
        self.feed(CallerChose(wanted))

    @rule(
        event=st.sampled_from(
            [
                CallerChose("banking"),
                CallerText("hello"),
                CallerText("account 12345678"),
                CallerSpoke(),
                CallerStoppedSpeaking(),
                CallerConfigured({}),
                CallerSent({"type": "x"}),
            ]
        )
    )
    def caller(self, event):
        self.feed(event)

    @precondition(lambda self: self.picks)
    @rule(data=st.data(), found=st.booleans(), url=st.sampled_from(URLS))
    def registry(self, data, found, url):
        generation = data.draw(st.sampled_from(sorted(self.picks)))
        agent, exclude = self.picks.pop(generation)
        if found and url not in exclude:
            self.places.add(generation)
            self.feed(InstancePicked(generation, Instance(AgentId(agent), url)))
        else:
            self.feed(NoInstance(generation, agent, found))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), reason=st.sampled_from(REASONS))
    def link_ends(self, data, reason):
        generation = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[generation]
        self.feed(LinkExited(generation, Normal() if generation in self.stopped else reason))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def link_says(self, data):
        generation = data.draw(st.sampled_from(sorted(self.running)))
        if generation not in self.stopped:
            self.feed(LinkReady(generation, WIRE))

    @rule(data=st.data(), named=st.sampled_from(AGENTS), use=st.sampled_from(["1", "2"]))
    def agent(self, data, named, use):
        generation = Generation(data.draw(st.integers(0, self.state.generation + 1)))
        tool = f"transfer_to_{named}"
        verified = {"auth_status": "VERIFIED"}
        event = data.draw(
            st.sampled_from(
                [
                    ToolUsed(generation, tool, use),
                    ToolReturned(generation, tool, use, success=True),
                    ToolReturned(generation, "perform_idv_check", use, success=True, result=verified),
                    HandoffRequested(generation, named),
                    MemoryOffered(generation, {"verified": True}),
                    TranscriptSeen(generation, "assistant", "hi", final=True),
                    AgentReported(generation, "x", fatal=use == "1"),
                ]
            )
        )
        before, current = self.state, self.state.current
        wanted = self.feed(event)
        if current is None or current.generation != generation:
            assert (before, wanted) == (self.state, ()), "a link that is not current has no effect"

    @precondition(lambda self: self.timers)
    @rule(data=st.data(), late=st.sampled_from([-0.001, 0.0, 0.1, 40.0]))
    def time(self, data, late):
        name = data.draw(st.sampled_from(sorted(self.timers)))
        self.now = max(self.now, self.timers.pop(name) + late)
        swap = self.state.swap
        self.overdue = name is fx.Timer.SWAP and swap is not None and swap.step is Step.CLOSING
        self.feed(TimerDue(name))
        self.overdue = False

    @rule(
        request=st.sampled_from(
            [
                ReadMemory(),
                PatchMemory({"a": 1}),
                TransferCall("idv"),
                TransferCall(""),
                TransferCall("triage", url="ws://2"),
            ]
        )
    )
    def outside(self, request):
        self.feed(Asked(1, request))

    @rule(url=st.sampled_from(URLS))
    def instance_gone(self, url):
        self.feed(InstanceGone(Instance(self.state.agent, url)))

    @rule(back=st.booleans())
    def comes_and_goes(self, back):
        self.feed(CallerReturned() if back else CallerGone(1006))

    @rule(event=st.sampled_from([CallerGone(1000), CallerGone(1000), StashOverflowed(), StopAsked()]))
    @precondition(lambda self: len(self.log) > 60)
    def the_end(self, event):
        self.feed(event)

    @invariant()
    def one_current_link(self):
        state = self.state
        wanted = set(self.running) - self.stopped
        served = {state.current.generation} if state.current else set()
        if state.swap is not None and state.swap.step is Step.DIALLING:
            served.add(state.swap.generation)
        assert wanted <= served, "no link runs that nobody wants"
        assert served <= set(self.running) | {state.generation}
        assert {number for number, _ in state.closing} == self.stopped & set(self.running)

    @invariant()
    def no_place_is_kept_for_nobody(self):
        state = self.state
        needed = {number for number, _ in state.closing} | ({state.current.generation} if state.current else set())
        needed |= {state.swap.generation} if state.swap is not None and state.swap.instance is not None else set()
        assert state.stage is Stage.ENDED or self.places <= needed

    @invariant()
    def restarts_stay_within_their_budget(self):
        assert self.most <= INTENSITY

    @invariant()
    def open_means_served_or_under_way(self):
        state = self.state
        if state.stage is Stage.OPEN:
            alone = state.is_parked and state.swap is None
            assert state.current is not None or state.swap is not None or alone
            assert state.current is not None or state.silent_since is not None or alone
            assert not state.is_parked or fx.Timer.PARK in self.timers
            if state.swap is not None:
                assert state.swap.step not in {Step.CUTTING_OVER, Step.RETURNING}
                held_since = state.swap.order.began if state.current is not None else state.silent_since
                patience_s = state.settings.swap_s if state.current is not None else state.settings.patience_s
                assert self.timers[fx.Timer.SWAP] <= max(self.now, held_since + patience_s) + 1e-6
        else:
            assert state.swap is None

    @invariant()
    def everything_is_told_once(self):
        events = [effect.event for effect in self.log if isinstance(effect, fx.Emit)]
        assert sum(isinstance(event, SessionEnded) for event in events) == (
            self.state.stage in {Stage.ENDING, Stage.ENDED}
        )
        assert sum(isinstance(effect, fx.Finish) for effect in self.log) == (self.state.stage is Stage.ENDED)
        moved = [
            event.receipt
            for event in events
            if isinstance(event, SwapEnded)
            and event.receipt.reason in {SwapReason.HANDOFF, SwapReason.TRANSFER}
            and event.receipt.outcome is Outcome.DONE
            and event.receipt.source != event.receipt.target  # another instance of the same agent is no hand-off
        ]
        assert self.handoffs == len(moved)
        assert sum(isinstance(event, Routed) for event in events) <= len(self.dialled)


Calls.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestCalls = Calls.TestCase


def played(*events, at=0.0):
    """A session after ``events``, and what it wished for at the last of them, which comes at second ``at``."""
    state, wanted = Session(SessionId("s")), ()
    for number, event in enumerate(events, 1):
        state, wanted = step(state, event, Moment(at if number == len(events) else 0.0))
        for cut in [effect for effect in wanted if isinstance(effect, fx.CutOver)]:
            state, more = step(state, CutOverDone(cut.generation, Replayed()), Moment(0.0))
            wanted += more
    return state, wanted


BANK, DOOR = Instance(AgentId("banking"), "a"), Instance(AgentId("idv"), "b")
SERVED = (CallerChose("banking"), InstancePicked(1, BANK), LinkReady(1, WIRE))
LEFT = (CallerGone(1006), TimerDue(fx.Timer.LINGER), CallerReturned(), InstancePicked(2, BANK))
BACK = (HandoffRequested(1, "idv"), InstancePicked(2, DOOR), LinkReady(2, WIRE), HandoffRequested(2, "banking"))


@pytest.mark.parametrize(
    ("before", "event", "number"),
    [((*SERVED, *LEFT), CallerGone(1006), 2), ((*SERVED, *BACK, InstancePicked(3, BANK)), TimerDue(fx.Timer.SWAP), 3)],
    ids=["the caller left", "the old agent stays"],
)
def test_a_place_is_given_back_that_was_reserved_while_the_old_link_was_closing(before, event, number):
    assert played(*before)[0].swap.step is Step.CLOSING
    state, wanted = played(*before, event, at=SessionSettings().swap_s)
    assert fx.Release(Generation(number), BANK) in wanted
    assert state.swap is None


def test_one_timer_bounds_the_step_and_the_whole():
    begun = (CallerChose("banking"), TimerDue(fx.Timer.SWAP))
    state, wanted = played(*begun, at=0.5)  # early: the rest of the step is waited for
    assert wanted == (fx.StartTimer(fx.Timer.SWAP, 0.5),)
    assert state.generation == 1
    state, wanted = played(*begun, at=1.0)  # the registry was silent: it is asked again
    assert wanted[0] == fx.StartTimer(fx.Timer.SWAP, 1.0)
    assert wanted[1].generation == state.generation == 2
    state, wanted = played(*begun, at=14.5)
    assert wanted[0] == fx.StartTimer(fx.Timer.SWAP, 0.5)  # the caller's patience ends before the step
    state, _ = played(*begun, at=15.0)
    assert (state.stage, state.verdict) == (Stage.ENDING, Verdict.NO_AGENT)


EVERY_EVENT = [
    CallerChose("banking"),
    CallerText("x"),
    CallerSpoke(),
    CallerStoppedSpeaking(),
    CallerConfigured({}),
    CallerSent({"type": "x"}),
    CallerGone(1000),
    StashOverflowed(),
    StopAsked(),
    ToolUsed(1, "t", "u"),
    ToolReturned(1, "t", "u", success=True),
    HandoffRequested(1, "idv"),
    MemoryOffered(1, {}),
    TranscriptSeen(1, "user", "x", final=True),
    AgentReported(1, "x", fatal=True),
    LinkReady(1, WIRE),
    LinkExited(1, Killed()),
    InstancePicked(1, Instance(AgentId("banking"), "a")),
    NoInstance(1, AgentId("banking"), known=True),
    InstanceGone(Instance(AgentId("banking"), "a")),
    CutOverDone(1, Replayed()),
    CallerReturned(),
    TakenUp(),
    *(TimerDue(name) for name in fx.Timer),
    *(Asked(1, request) for request in (ReadMemory(), PatchMemory({}), TransferCall("idv"))),
]


def in_stage(stage):
    """A session that has come to ``stage`` by events."""
    state = Session(SessionId("s"), default_agent=AgentId("triage"))
    path = {
        Stage.WAITING: (),
        Stage.OPEN: EVERY_EVENT[:1],
        Stage.ENDING: [CallerChose("banking"), StopAsked()],
        Stage.ENDED: [CallerGone(1000)],
    }[stage]
    for event in path:
        state, _ = step(state, event, Moment(0.0))
    assert state.stage is stage
    return state


FORWARD = list(Stage)
BEGINNERS = (CallerChose, CallerText, CallerSpoke, CallerStoppedSpeaking, CallerConfigured, CallerSent)


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("stage", FORWARD)
def test_every_pair_moves_forward_or_stays(stage, event):
    before = in_stage(stage)
    after, wanted = step(before, event, Moment(1.0))
    assert FORWARD.index(after.stage) >= FORWARD.index(stage)
    if stage is Stage.WAITING and isinstance(event, BEGINNERS):
        assert after.stage is Stage.OPEN
    if stage in {Stage.ENDING, Stage.ENDED}:
        assert replace(after, stage=stage, memory={}, caller_there=True) == replace(
            before, memory={}, caller_there=True
        )
        allowed = (fx.Finish, fx.CancelTimer, fx.Reply, fx.Release, fx.CloseCaller)
        assert all(isinstance(effect, allowed) for effect in wanted)
