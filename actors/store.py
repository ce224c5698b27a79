"""The store actor: documents that outlive a session, behind whichever `Store` the gateway gives it.

A store that fails, as on a full disk, is no crash: it is closed, opened again after a while, and what was to be written
meanwhile waits, the newest of each document. What is no JSON is dropped and counted. Only a bug ends the actor.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from msgspec import Struct, field

from actors.ports import NotJson, StoreFailed
from actors.store_messages import DeleteDocument, DocumentLoaded, LoadDocument, SaveDocument
from supervisor.backoff import Backoff
from supervisor.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable

    from thespian.actors import ActorAddress

    from actors.ports import Store

MAX_WAITING = 10_000
REOPEN = "reopen"


class StoreArgs(Struct, frozen=True):
    """``open`` makes the store of one incarnation: a crash begins with a new connection, never a mended one."""

    open: Callable[[], Store]
    backoff: Backoff = field(default_factory=lambda: Backoff(0.5, 2.0, 30.0))


class StoreActor(Supervised):
    """Serves documents to its siblings, one message at a time."""

    def handle_start(self, args: object) -> None:
        """Open the store of this incarnation."""
        if not isinstance(args, StoreArgs):
            raise TypeError(f"the store needs StoreArgs, not {type(args).__name__}")
        self.args = args
        self.store: Store | None = None
        self.served = self.failures = self.lost = 0
        self.problem = ""
        self._waiting: OrderedDict[tuple[str, str], SaveDocument | DeleteDocument] = OrderedDict()
        self._open()

    def handle(self, message: object, sender: ActorAddress) -> None:
        """Serve one message."""
        self.served += 1
        match message:
            case SaveDocument() | DeleteDocument():
                self._write(message)
            case LoadDocument(collection, key):
                self.send(sender, DocumentLoaded(collection, key, self._load(collection, key)))
            case _:
                raise TypeError(f"the store does not know {type(message).__name__}")

    def handle_timer(self, name: object) -> None:  # noqa: ARG002 - there is one
        """Open the store again, and write what has waited."""
        self._open()
        while self.store is not None and self._waiting:
            key, message = self._waiting.popitem(last=False)
            self._write(message)
            if key in self._waiting:
                return  # it failed again

    def on_exit(self, reason: object) -> None:  # noqa: ARG002 - the same for every reason
        """Close the store, however the actor ends."""
        store: Store | None = getattr(self, "store", None)
        if store is not None:
            store.close()

    def snapshot(self) -> dict[str, object]:
        """Show how much was served, and what is wrong."""
        state = "failing" if self.store is None else "open"
        counts = {"served": self.served, "waiting": len(self._waiting), "lost": self.lost}
        return {"store": state, **counts, **({"problem": self.problem} if self.store is None else {})}

    # --- inside ---

    def _write(self, message: SaveDocument | DeleteDocument) -> None:
        if self.store is None:
            self._keep(message)
            return
        try:
            if isinstance(message, SaveDocument):
                self.store.save(message.collection, message.key, message.document, message.ttl_s)
            else:
                self.store.delete(message.collection, message.key)
        except StoreFailed as failed:
            self._keep(message)
            self._suspend(failed)
        except NotJson:  # a fault of who sent it, and no better when it is written again
            self.lost += 1
        else:
            self.failures = 0

    def _load(self, collection: str, key: str) -> dict[str, object] | None:
        newest = self._waiting.get((collection, key))
        if newest is not None:
            return dict(newest.document) if isinstance(newest, SaveDocument) else None
        if self.store is None:
            return None
        try:
            return self.store.load(collection, key)
        except StoreFailed as failed:
            self._suspend(failed)
            return None

    def _open(self) -> None:
        try:
            self.store = self.args.open()
        except StoreFailed as failed:
            self._suspend(failed)

    def _keep(self, message: SaveDocument | DeleteDocument) -> None:
        self._waiting[message.collection, message.key] = message
        self._waiting.move_to_end((message.collection, message.key))
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)
            self.lost += 1

    def _suspend(self, failed: StoreFailed) -> None:
        store, self.store = self.store, None
        self.problem = str(failed)
        if store is not None:
            store.close()
        self.failures += 1
        self.start_timer(REOPEN, self.args.backoff.delay(self.failures - 1, 0.5))
