"""Which agent instances there are, how they are, and which one serves next. Pure: *now* is an argument.

An instance is an agent id and a URL. It is *healthy* while it beats, *suspect* after two missed beats until a probe
answers, and *dead* when the probe fails; a dead one is forgotten a minute later unless it beats again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic

from msgspec import Struct, field

from actors.breaker import Breaker, BreakerSettings
from actors.link_end import FailureKind
from actors.redials import RedialSettings, Wait
from actors.registry_entry import Entry, Health, Ref, mode_of, session_of
from actors.token_bucket import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.ids import Instance
    from actors.registry_messages import AgentInfo, Heartbeat, PickInstance, Register


class RegistrySettings(Struct, frozen=True):
    """Seconds, and bounds on what a registration can make us keep."""

    stale_s: float = 30.0
    """Two missed beats of 15 s."""
    remove_s: float = 60.0
    max_instances: int = 512
    max_remembered: int = 256
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    redials: RedialSettings = field(default_factory=RedialSettings)
    warm_links: int = 0
    """Up to so many links, standbys are kept besides those of calls."""


class RegistryFull(Exception):  # noqa: N818 - names the state, as the answer to the agent reads
    """`RegistrySettings.max_instances` are registered."""


_COUNTS_AGAINST = frozenset({FailureKind.UNREACHABLE, FailureKind.REJECTED, FailureKind.BROKEN, FailureKind.HALF_OPEN})


class Tick(Struct, Generic[Ref], frozen=True):
    """What passing time brought: instances to probe, and entries that were forgotten."""

    suspects: tuple[Entry[Ref], ...]
    removed: tuple[Entry[Ref], ...]


class Book(Generic[Ref]):
    """The register of instances."""

    __slots__ = ("_choices", "_entries", "_places", "_remembered", "_standbys", "settings")

    def __init__(self, settings: RegistrySettings | None = None) -> None:
        self.settings = settings or RegistrySettings()
        self._entries: dict[tuple[str, str], Entry[Ref]] = {}
        self._remembered: OrderedDict[tuple[str, str], Register] = OrderedDict()
        self._choices = 0
        self._places: dict[str, dict[str, Entry[Ref]]] = {}
        self._standbys: dict[str, tuple[Ref, int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry[Ref]]:
        return iter(sorted(self._entries.values(), key=lambda entry: (entry.agent_id, entry.url)))

    def register(self, message: Register, now: float, wall_ms: int) -> Entry[Ref]:
        """Add an instance or renew it; its holders and its breaker's memory stay. Raises `RegistryFull`."""
        key = (message.agent_id, message.url)
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= self.settings.max_instances:
                raise RegistryFull(f"{self.settings.max_instances} instances are registered")
            entry = self._entries[key] = Entry(
                message.agent_id,
                message.url,
                message.port,
                message.capabilities,
                message.metadata,
                message.peer,
                mode_of(message.capabilities),
                message.url,
                now,
                wall_ms,
                Breaker(self.settings.breaker),
                TokenBucket(self.settings.redials.rate, self.settings.redials.burst),
            )
        entry.port, entry.peer, entry.metadata = message.port, message.peer, message.metadata
        entry.capabilities = message.capabilities
        entry.mode = mode_of(message.capabilities) or entry.mode
        entry.breaker.succeed()
        self._remember(key, message)
        entry.mark_alive(now, wall_ms)
        return entry

    def _remember(self, key: tuple[str, str], message: Register) -> None:
        self._remembered[key] = message
        self._remembered.move_to_end(key)
        while len(self._remembered) > self.settings.max_remembered:
            self._remembered.popitem(last=False)

    def of_agent(self, agent_id: str) -> list[Entry[Ref]]:
        """Return the instances of one agent, ordered by URL."""
        found = [entry for entry in self._entries.values() if entry.agent_id == agent_id]
        return sorted(found, key=lambda entry: entry.url) if len(found) > 1 else found

    def find(self, agent_id: str, url: str) -> Entry[Ref] | None:
        """Find by registered URL, or by the URL it is dialled at."""
        exact = self._entries.get((agent_id, url))
        return exact or next((entry for entry in self.of_agent(agent_id) if entry.dial_url == url), None)

    def beat(self, beat: Heartbeat, now: float, wall_ms: int) -> Entry[Ref] | None:
        """Credit the instance that a heartbeat names; None when it names none that is known.

        A beat without URL is credited only where it can mean one instance, by port or by peer address: of twins that
        cannot be told apart none is credited, so both become suspect and their probes tell the dead from the living.
        """
        entry = self._named_by(beat)
        if entry is not None:
            entry.mark_alive(now, wall_ms)
            entry.active_sessions = beat.active_sessions
            entry.foreign_sessions = max(0, beat.active_sessions - len(entry.holders))
        return entry

    def _named_by(self, beat: Heartbeat) -> Entry[Ref] | None:
        if beat.url:
            return self.find(beat.agent_id, beat.url)
        candidates = self.of_agent(beat.agent_id)
        if beat.port is not None:
            candidates = [entry for entry in candidates if entry.port == beat.port]
        if len(candidates) > 1 and beat.peer:
            candidates = [entry for entry in candidates if entry.peer == beat.peer]
        return candidates[0] if len(candidates) == 1 else None

    def may_mean(self, beat: Heartbeat) -> bool:
        """Whether a beat can be of an instance that is registered; one that names another is a stranger's."""
        entries = self.of_agent(beat.agent_id)
        if beat.url:
            return self.find(beat.agent_id, beat.url) is not None
        return any(beat.port in {None, entry.port} for entry in entries)

    def remembered(self, agent_id: str) -> list[Register]:
        """Return the registrations of instances that are not registered any more."""
        return [
            message
            for key, message in self._remembered.items()
            if message.agent_id == agent_id and key not in self._entries
        ]

    def registrations(self) -> list[Register]:
        """Return the registrations behind the present entries, to be kept by the store."""
        return [self._remembered[key] for key in self._entries if key in self._remembered]

    def remove(self, agent_id: str, url: str = "") -> list[Entry[Ref]]:
        """Take out all instances of an agent, or the one at ``url``; they said goodbye, so they are not remembered."""
        chosen = [entry for entry in self.of_agent(agent_id) if not url or url in {entry.url, entry.dial_url}]
        for entry in chosen:
            del self._entries[entry.agent_id, entry.url]
            self._remembered.pop((entry.agent_id, entry.url), None)
        return chosen

    def drain(self, agent_id: str, url: str, *, undo: bool) -> list[Entry[Ref]]:
        """Mark instances as draining, or not; gives those that it was about."""
        chosen = [entry for entry in self.of_agent(agent_id) if not url or url in {entry.url, entry.dial_url}]
        for entry in chosen:
            entry.draining = not undo
        return chosen

    def tick(self, now: float) -> Tick[Ref]:
        """Let time pass: beats go missing, the dead are forgotten."""
        suspects = [
            entry for entry in self if entry.health is Health.HEALTHY and now - entry.last_seen > self.settings.stale_s
        ]
        for entry in suspects:
            entry.health = Health.SUSPECT
        removed = [
            entry for entry in self if entry.health is Health.DEAD and now - entry.dead_since >= self.settings.remove_s
        ]
        for entry in removed:
            del self._entries[entry.agent_id, entry.url]
        return Tick(tuple(suspects), tuple(removed))

    def probed(self, entry: Entry[Ref], *, alive: bool, now: float, wall_ms: int, mode: str = "") -> list[Ref]:
        """Take in a probe's answer; returns the holders to be told that their instance is dead."""
        entry.mode = entry.mode or mode
        if alive:
            entry.mark_alive(now, wall_ms)
            return []
        if entry.health is not Health.SUSPECT:
            return []
        entry.health, entry.dead_since = Health.DEAD, now
        return list(entry.holders.values())

    def pick(self, wish: PickInstance, reply_to: Ref, now: float) -> Instance | Wait | None:
        """Choose the least loaded instance that may be tried, and reserve a place on it for the holder.

        A redial has to wait while all of them have been dialled again as often as they are allowed.
        """
        if wish.standby and self._links() >= self.settings.warm_links:
            return None
        candidates = [
            entry
            for entry in self.of_agent(wish.agent_id)
            if entry.health is not Health.DEAD
            and not entry.draining
            and not {entry.url, entry.dial_url} & wish.exclude
            and (not wish.only or wish.only in {entry.url, entry.dial_url})
            and entry.breaker.allows(now)
        ]
        if not candidates:
            return None
        if wish.redial is not None:
            waits = {entry.url: entry.redials.wait_s(now) for entry in candidates}
            if (shortest := min(waits.values())) > 0:
                return Wait(shortest)
            candidates = [entry for entry in candidates if not waits[entry.url]]
        entry = min(candidates, key=lambda entry: (entry.health, entry.load, entry.chosen))
        self._choices += 1
        entry.chosen = self._choices
        entry.breaker.attempt(now)
        if wish.redial is not None:
            entry.redials.take(now)
        entry.holders[wish.holder] = reply_to
        self._places.setdefault(session_of(wish.holder), {})[wish.holder] = entry
        if wish.standby:
            self._standbys[wish.holder] = (reply_to, wish.request)
        return entry.instance

    def release(self, holder: str, instance: Instance, failure: FailureKind | None, now: float) -> None:
        """Give a place back; a failure that speaks against the instance feeds its breaker."""
        self._places.get(session_of(holder), {}).pop(holder, None)
        self._standbys.pop(holder, None)
        entry = self.find(instance.agent_id, instance.url)
        if entry is None:
            return
        entry.holders.pop(holder, None)
        if failure in _COUNTS_AGAINST:
            entry.breaker.fail(now)

    def forget_session(self, session: str) -> None:
        """Give back every place of a session that has ended, with or without saying so."""
        for holder, entry in self._places.pop(session, {}).items():
            entry.holders.pop(holder, None)
            self._standbys.pop(holder, None)

    def recall(self) -> tuple[Ref, int] | None:
        """Whose standby has to go, the oldest, and its request; None while there is room."""
        if not self._standbys or self._links() <= self.settings.warm_links:
            return None
        return self._standbys.pop(next(iter(self._standbys)))

    def _links(self) -> int:
        return sum(len(entry.holders) for entry in self._entries.values())

    def describe(self, agent_id: str, now: float) -> tuple[AgentInfo, ...]:
        """Return the instances of one agent, or of all, as the REST API shows them."""
        return tuple(entry.info(now) for entry in self if not agent_id or entry.agent_id == agent_id)
