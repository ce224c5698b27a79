"""The session machine's part for the warm understudy: a second link that is ready and silent, for a failover at once.

It is wished for when the current link has proved itself, leads to another instance of the same agent, and is given up
with the current link's agent, when the caller is gone, or when the registry needs its place. What it says is not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from actors import session_words
from actors.effects import Emit, Pick, Release, StartLink, StartTimer, Timer
from actors.ids import Generation
from actors.session_end import close_standby
from actors.session_events import LinkDialled, LinkEnded, Routed
from actors.session_state import Stage, Standby
from actors.swap import Step

if TYPE_CHECKING:
    from actors.link_end import FailureKind
    from actors.messages import LinkReady
    from actors.registry_messages import InstanceGone, InstancePicked, NoInstance, StandbyRecalled
    from actors.session_state import Reaction
    from actors.swap import Swap

AGAIN_S = 15.0  # after one was refused, lost or recalled
REASON = "standby"


def wish(r: Reaction) -> None:
    """Ask for one, where it is wanted and there is none."""
    state = r.state
    if not state.settings.standby or state.standby is not None or state.stage is not Stage.OPEN:
        return
    if state.current is None or state.swap is not None or state.is_parked:
        return
    generation = Generation(state.generation + 1)
    r.set(generation=generation, standby=Standby(generation))
    exclude = state.barred | {state.current.instance.url}
    r.do(Pick(generation, state.agent, exclude, standby=True))


def wish_later(r: Reaction) -> None:
    """Ask again in a while."""
    if r.state.settings.standby:
        r.do(StartTimer(Timer.STANDBY, AGAIN_S))


def drop(r: Reaction) -> None:
    """Give it up."""
    close_standby(r)


def is_it(r: Reaction, generation: Generation | int) -> bool:
    """Whether a link of that number is, or was to be, the standby."""
    return r.state.standby is not None and r.state.standby.generation == generation


def handle_picked(r: Reaction, event: InstancePicked) -> None:
    """Dial it."""
    standby = r.state.standby
    if standby is None or standby.instance is not None:
        return
    instance, generation = event.instance, standby.generation
    r.set(standby=replace(standby, instance=instance))
    r.do(Emit(LinkDialled(r.state.id, instance.agent_id, instance.url, generation, REASON)))
    r.do(StartLink(generation, instance, session_words.standby_init(r.state, generation)))


def handle_none(r: Reaction, _: NoInstance) -> None:
    """No room for one, or no other instance."""
    r.set(standby=None)
    wish_later(r)


def handle_ready(r: Reaction, event: LinkReady) -> None:
    """It is introduced; from now on it is silent."""
    if r.state.standby is not None:
        r.set(standby=replace(r.state.standby, wire=event.wire, since=r.moment.now))


def handle_exit(r: Reaction, against: FailureKind | None) -> None:
    """It was lost while it waited; the caller knows nothing of it."""
    standby = r.state.standby
    if standby is None or standby.instance is None:
        return
    r.do(Release(standby.generation, standby.instance, against))
    r.do(Emit(LinkEnded(r.state.id, standby.generation)))
    r.set(standby=None)
    wish_later(r)


def handle_gone(r: Reaction, event: InstanceGone) -> None:
    """Its instance has left the registry."""
    standby = r.state.standby
    if standby is not None and standby.instance is not None and standby.instance.url == event.instance.url:
        drop(r)
        wish_later(r)


def handle_recalled(r: Reaction, event: StandbyRecalled) -> None:
    """The registry needs the place for a call."""
    if is_it(r, event.request):
        drop(r)
        wish_later(r)


def promote(r: Reaction, swap: Swap) -> Swap | None:
    """Make it the next link of a failover; None where there is none that is ready."""
    standby = r.state.standby
    if standby is None or standby.wire is None or standby.instance is None or swap.target != r.state.agent:
        return None
    if swap.step is Step.DIALLING or standby.instance.url in r.state.barred:
        return None
    r.set(standby=None)
    generation, instance = standby.generation, standby.instance
    proven = r.moment.now - standby.since >= r.state.settings.healthy_after_s
    r.do(Emit(Routed(r.state.id, swap.target, instance.url, generation, swap.order.reason.value)))
    chosen = replace(swap, generation=generation, instance=instance, routed=swap.target, proven=proven)
    brief = session_words.promotion(r.state, r.moment.wall_ms)
    return replace(chosen.cutting_over(standby.wire), brief=brief)
