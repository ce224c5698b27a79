"""The registry actor: keeps the book of agent instances, lets time pass, probes the suspect."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct, field

from actors.ids import AgentId
from actors.redials import Queue, Wait
from actors.registry_book import Book, RegistryFull, RegistrySettings
from actors.registry_entry import Entry, Health, session_of
from actors.registry_messages import (
    AgentList,
    Deregister,
    Deregistered,
    DrainInstance,
    ForgetHolders,
    Heartbeat,
    HeartbeatSeen,
    InstanceGone,
    InstanceHealthy,
    InstancePicked,
    InstancesDrained,
    ListAgents,
    NoInstance,
    PickInstance,
    PickQueued,
    ProbeAnswered,
    Register,
    Registered,
    ReleaseInstance,
    ReportStatus,
    StandbyRecalled,
)
from actors.store_messages import DocumentLoaded, LoadDocument, SaveDocument
from supervisor.messages import NoSuchChild
from supervisor.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thespian.actors import ActorAddress

    from actors.ports import Ports, Prober

TICK_S = 5.0
TICK, REDIALS = "tick", "redials"
COLLECTION, KEY = "registry", "registrations"


class RegistryArgs(Struct, frozen=True):
    """What the registry is started with; ``known`` are instances that may run without ever having registered here."""

    ports: Ports
    prober: Prober
    store_path: str
    settings: RegistrySettings = field(default_factory=RegistrySettings)
    known: Mapping[AgentId, str] = field(default_factory=dict)


class RegistryActor(Supervised):
    """Serves sessions and the REST API; everything it decides is decided in `Book`."""

    def handle_start(self, args: object) -> None:
        """Begin with what the store remembers: an earlier incarnation's agents need not register again."""
        if not isinstance(args, RegistryArgs):
            raise TypeError(f"the registry needs RegistryArgs, not {type(args).__name__}")
        self.args = args
        self.book: Book[ActorAddress] = Book(self.args.settings)
        self.send_to(self.args.store_path, LoadDocument(COLLECTION, KEY))
        self._redials: Queue[PickInstance] = Queue()
        self.start_timer(TICK, TICK_S)

    def handle_timer(self, name: object) -> None:
        """Let time pass: serve who waits, or probe the suspect and tell the holders of the forgotten."""
        if name == REDIALS:
            self._serve_redials()
            return
        self.start_timer(TICK, TICK_S)
        tick = self.book.tick(self.now)
        for entry in tick.suspects:
            self._probe(entry)
        for entry in tick.removed:
            self._tell_gone(entry, list(entry.holders.values()))

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self.args.ports.now()

    @property
    def wall_ms(self) -> int:
        """Unix milliseconds, for people."""
        return int(self.args.ports.wall() * 1000)

    def handle(self, message: object, sender: ActorAddress) -> None:
        """Serve one message."""
        match message:
            case PickInstance():
                self._pick(message)
            case ReleaseInstance(holder, instance, failure):
                self.book.release(holder, instance, failure, self.now)
            case InstanceHealthy(instance):
                if (entry := self.book.find(instance.agent_id, instance.url)) is not None:
                    entry.breaker.succeed()
            case ForgetHolders(session):
                self._redials.forget(session)
                self.book.forget_session(session)
            case Heartbeat():
                self.send(sender, HeartbeatSeen(self._beat(message)))
            case Register():
                self.send(sender, self._register(message))
            case Deregister(agent_id, url):
                self.send(sender, Deregistered(self._deregister(agent_id, url)))
            case DrainInstance(agent_id, url, undo):
                self.send(sender, self._drain(agent_id, url, undo=undo))
            case ReportStatus():
                self.send(sender, HeartbeatSeen(self._beat(Heartbeat(message.agent_id, message.url))))
            case ListAgents(agent_id):
                self.send(sender, AgentList(self.book.describe(agent_id, self.now)))
            case ProbeAnswered():
                self._probed(message)
            case DocumentLoaded(_, _, document):
                self._restore(document or {})
            case NoSuchChild():
                pass  # the store is not up, or a holder has gone: both know what to do when they are back
            case _:
                raise TypeError(f"the registry does not know {type(message).__name__}")

    # --- choosing ---

    def _pick(self, wish: PickInstance) -> None:
        if wish.redial is None:
            self._answer(wish)
            return
        session = session_of(wish.holder)
        ahead = self._redials.add((wish.agent_id, wish.exclude), session, wish.redial, wish)
        self._serve_redials()
        if session in self._redials:
            rate = self.book.settings.redials.rate
            self.send(wish.reply_to, PickQueued(wish.request, ahead / rate))

    def _serve_redials(self) -> None:
        wait_s = self._redials.serve(self._answer)
        if wait_s is not None:
            self.start_timer(REDIALS, wait_s)

    def _answer(self, wish: PickInstance) -> Wait | None:
        match self.book.pick(wish, wish.reply_to, self.now):
            case Wait() as wait:
                return wait
            case None:
                known = bool(self.book.of_agent(wish.agent_id))
                self.send(wish.reply_to, NoInstance(wish.request, wish.agent_id, known))
            case instance:
                self.send(wish.reply_to, InstancePicked(wish.request, instance))
                if (recalled := self.book.recall()) is not None:
                    holder, request = recalled
                    self.send(holder, StandbyRecalled(request))
        return None

    # --- registering ---

    def _register(self, message: Register) -> Registered:
        try:
            entry = self.book.register(message, self.now, self.wall_ms)
        except RegistryFull as full:
            return Registered(message.agent_id, message.url, str(full))
        self._save()
        self._probe(entry)
        return Registered(message.agent_id, message.url)

    def _deregister(self, agent_id: AgentId, url: str) -> int:
        removed = self.book.remove(agent_id, url)
        for entry in removed:
            self._tell_gone(entry, list(entry.holders.values()))
        if removed:
            self._save()
        return len(removed)

    def _drain(self, agent_id: AgentId, url: str, *, undo: bool) -> InstancesDrained:
        chosen = self.book.drain(agent_id, url, undo=undo)
        for entry in chosen if not undo else ():
            self._tell_gone(entry, list(entry.holders.values()))
        return InstancesDrained(len(chosen), sum(len(entry.holders) for entry in chosen))

    def _beat(self, beat: Heartbeat) -> bool:
        """Credit a beat. One of an agent that is not known makes us look for it; it is told to register as well."""
        if self.book.beat(beat, self.now, self.wall_ms) is not None or self.book.may_mean(beat):
            return True
        candidates = [message.url for message in self.book.remembered(beat.agent_id)]
        if beat.agent_id in self.args.known:
            candidates.append(self.args.known[beat.agent_id])
        for url in candidates:
            self._ask_health(beat.agent_id, url)
        return False

    def _tell_gone(self, entry: Entry[ActorAddress], holders: list[ActorAddress]) -> None:
        for holder in holders:
            self.send(holder, InstanceGone(entry.instance))

    # --- probing ---

    def _probe(self, entry: Entry[ActorAddress]) -> None:
        self._ask_health(entry.agent_id, entry.url)

    def _ask_health(self, agent_id: AgentId, url: str) -> None:
        tell, me = self.args.ports.tell, self.myAddress
        self.args.prober.probe(agent_id, url, lambda answer: tell(me, answer))

    def _probed(self, answer: ProbeAnswered) -> None:
        entry = self.book.find(answer.agent_id, answer.url) or self._dialled_at(answer)
        if entry is None:
            if answer.alive:
                self._recover(answer)
            return
        if answer.alive:
            entry.dial_url = answer.url
        elif (other := next_url(entry, answer.url)) is not None:
            self._ask_health(entry.agent_id, other)
            return
        gone = self.book.probed(entry, alive=answer.alive, now=self.now, wall_ms=self.wall_ms, mode=answer.mode)
        self._tell_gone(entry, gone)

    def _dialled_at(self, answer: ProbeAnswered) -> Entry[ActorAddress] | None:
        """Find the entry whose fallback address was probed."""
        entries = self.book.of_agent(answer.agent_id)
        return next((entry for entry in entries if answer.url in fallback_urls(entry)), None)

    def _recover(self, answer: ProbeAnswered) -> None:
        """Take an agent in that beats and answers but has been forgotten; agents of the first hour never come again."""
        remembered = self.book.remembered(answer.agent_id)
        known = next((message for message in remembered if message.url == answer.url), None)
        if known is None and self.book.of_agent(answer.agent_id):
            return  # a guess, and the agent is there already
        message = known or Register(answer.agent_id, answer.url, capabilities={"mode": answer.mode})
        self.book.register(message, self.now, self.wall_ms)
        self._save()

    # --- remembering ---

    def _save(self) -> None:
        rows = [
            {"id": m.agent_id, "url": m.url, "port": m.port, "peer": m.peer, "capabilities": m.capabilities}
            for m in self.book.registrations()
        ]
        self.send_to(self.args.store_path, SaveDocument(COLLECTION, KEY, {"instances": rows}))

    def _restore(self, document: Mapping[str, object]) -> None:
        rows = document.get("instances")
        for row in rows if isinstance(rows, list | tuple) else ():
            message = Register(AgentId(row["id"]), row["url"], row["port"], _kept(row["capabilities"]), row["peer"])
            if self.book.find(message.agent_id, message.url) is None:
                entry = self.book.register(message, self.now, self.wall_ms)
                entry.health = Health.SUSPECT
                self._probe(entry)

    def snapshot(self) -> Mapping[str, object]:
        """Show instances and their health by agent."""
        return {
            f"{info.id} {info.url}": f"{info.status}, {info.links} links, breaker {info.breaker}"
            for info in self.book.describe("", self.now)
        }


def fallback_urls(entry: Entry[ActorAddress]) -> list[str]:
    """Where else an instance may be whose registered host does not resolve here: its peer address, then this host."""
    parts = urlsplit(entry.url)
    port = entry.port or parts.port
    if not (parts.hostname or "").startswith("agent-") or port is None:
        return []
    hosts = [f"[{entry.peer}]" if ":" in entry.peer else entry.peer] if entry.peer else []
    return [urlunsplit((parts.scheme, f"{host}:{port}", "", "", "")) for host in [*hosts, "127.0.0.1"]]


def next_url(entry: Entry[ActorAddress], tried: str) -> str | None:
    """Return the next address to probe after ``tried``; None when all have been."""
    urls = [entry.url, *fallback_urls(entry)]
    at = urls.index(tried) + 1 if tried in urls else len(urls)
    return urls[at] if at < len(urls) else None


def _kept(capabilities: object) -> Mapping[str, object] | tuple[str, ...]:
    """Read capabilities back from a document, where a tuple has become a list."""
    return (
        tuple(map(str, capabilities))
        if isinstance(capabilities, list | tuple)
        else cast("Mapping[str, object]", capabilities)
    )
