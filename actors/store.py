"""The store actor: documents that outlive a session, behind whichever `Store` the gateway gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.store_messages import DeleteDocument, DocumentLoaded, LoadDocument, SaveDocument
from supervisor.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable

    from thespian.actors import ActorAddress

    from actors.ports import Store


@dataclass(frozen=True, slots=True)
class StoreArgs:
    """``open`` makes the store of one incarnation: a crash begins with a new connection, never a mended one."""

    open: Callable[[], Store]


class StoreActor(Supervised):
    """Serves documents to its siblings, one message at a time."""

    def handle_start(self, args: object) -> None:
        """Open the store of this incarnation."""
        if not isinstance(args, StoreArgs):
            raise TypeError(f"the store needs StoreArgs, not {type(args).__name__}")
        self.store = args.open()
        self.served = 0

    def handle(self, message: object, sender: ActorAddress) -> None:
        """Serve one message; what the store raises ends this incarnation."""
        self.served += 1
        match message:
            case SaveDocument(collection, key, document, ttl_s):
                self.store.save(collection, key, document, ttl_s)
            case LoadDocument(collection, key):
                self.send(sender, DocumentLoaded(collection, key, self.store.load(collection, key)))
            case DeleteDocument(collection, key):
                self.store.delete(collection, key)
            case _:
                raise TypeError(f"the store does not know {type(message).__name__}")

    def on_exit(self, reason: object) -> None:  # noqa: ARG002 - the same for every reason
        """Close the store, however the actor ends."""
        store: Store | None = getattr(self, "store", None)
        if store is not None:
            store.close()

    def snapshot(self) -> dict[str, object]:
        """Show how much was served."""
        return {"served": self.served}
