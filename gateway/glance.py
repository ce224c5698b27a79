"""Reads one row per running actor, synchronously from the actors themselves, in short turns of the loop."""

from __future__ import annotations

import asyncio
from operator import add
from typing import TYPE_CHECKING, Final

from actors.agent_link import AgentLink
from actors.session import SessionActor
from gateway.delay import Delays, percentile_us
from supervisor.parent import Parent
from supervisor.supervised import Phase, Supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.ports import Described
    from gateway.chronicle import Chronicle
    from supervisor.system_base.cell import Cell

    Row = dict[str, object]

BATCH: Final = 100  # rows between two turns of the loop: about a millisecond
FLOWING_S: Final = 1.5
"""Audio that is younger flows, and needs no time: else every row of a call would change with every look."""
FRESH_PERCENTILES: Final = 200  # calls whose histograms are read anew in one look; the others are read in the next ones


class Glance:
    """Reads rows by path. ``cells`` yields the actors; ``now`` is monotonic seconds, ``wall`` Unix seconds."""

    def __init__(
        self,
        cells: Callable[[], Iterable[Cell]],
        chronicle: Chronicle,
        now: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._cells = cells
        self._chronicle = chronicle
        self._now = now
        self._epoch_s = wall() - now()
        self._added: dict[str, tuple[int, list[float] | None]] = {}
        self._fresh = 0

    async def read(self) -> dict[str, Row]:
        """Read every actor that has started."""
        rows: dict[str, Row] = {}
        self._fresh = FRESH_PERCENTILES
        for place, cell in enumerate(tuple(self._cells()), 1):
            actor = cell.instance
            if isinstance(actor, Supervised) and actor.phase in {Phase.RUNNING, Phase.STOPPING}:
                rows[actor.path] = self._row(actor, len(cell.mailbox))
            if place % BATCH == 0:
                await asyncio.sleep(0)
        self._added = {path: known for path, known in self._added.items() if path in rows}
        return rows

    def _row(self, actor: Supervised, mailbox: int) -> Row:
        row: Row = {
            "kind": actor.kind,
            "state": actor.phase.value,
            "incarnation": actor.incarnation,
            "restarts_left": actor.restarts_left() if isinstance(actor, Parent) else None,
            "mailbox": mailbox,
        }
        match actor:
            case SessionActor():
                return row | self._session(actor)
            case AgentLink():
                return row | _link(actor)
            case _:
                past = self._chronicle.past(actor.path)
                return row | {"last_exit": past.last_exit, "restarted": past.restarted_ms}

    def _session(self, actor: SessionActor) -> Row:
        state, story = actor.state, self._chronicle.story(actor.args.session_id)
        counters = actor.args.relay.counters()
        return {
            "state": state.name,
            "agent": state.agent,
            "url": state.current.instance.url if state.current else None,
            "generation": state.current.generation if state.current else None,
            "swaps": state.record.swaps,
            "began": story.began_ms if story else None,
            "steps": story.told if story else 0,
            "lines": story.lines if story else 0,
            "lost": story.lost_ms if story else None,
            "caller_audio": self._heard(counters.caller_audio_age_s),
            "agent_audio": self._heard(counters.agent_audio_age_s),
            "stashed": counters.stashed_bytes,
            "dropped": counters.dropped_frames,
            "added_ms": self._percentiles(actor.path, counters.delays.values()),
        }

    def _heard(self, age_s: float | None) -> int | None:
        """When audio came last, in Unix milliseconds to a tenth of a second; 0: it flows; None: there was none."""
        if age_s is None or age_s < FLOWING_S:
            return None if age_s is None else 0
        return round((self._now() - age_s + self._epoch_s) * 10) * 100

    def _percentiles(self, path: str, delays: Iterable[Described]) -> list[float] | None:
        """Give p50 and p99 over both directions in milliseconds, as fresh as there is time for."""
        measured = [one for one in delays if isinstance(one, Delays)]
        stamp, known = sum(one.sum_us for one in measured), self._added.get(path)
        if known is not None and (known[0] == stamp or self._fresh <= 0):
            return known[1]
        if not stamp or self._fresh <= 0:
            return None
        self._fresh -= 1
        counts = list(map(add, *(one.counts for one in measured))) if len(measured) > 1 else measured[0].counts
        figures = [percentile_us(counts, part) for part in (0.5, 0.99)]
        self._added[path] = (stamp, [us / 1000 for us in figures if us is not None])
        return self._added[path][1]


def _link(actor: AgentLink) -> Row:
    instance = actor.args.instance
    return {
        "state": type(actor.state).__name__.lower(),
        "agent": instance.agent_id,
        "url": instance.url,
        "generation": actor.args.generation,
    }
