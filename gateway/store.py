"""Where documents live: in memory, or in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MAX_DOCUMENTS = 50_000
"""Per collection, in memory: the oldest document goes first."""


class MemoryStore:
    """A `Store` that ends with its process."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._collections: dict[str, OrderedDict[str, tuple[float | None, dict[str, object]]]] = {}

    def load(self, collection: str, key: str) -> dict[str, object] | None:
        """Read one document; None when absent or expired."""
        documents = self._collections.get(collection, OrderedDict())
        expires, document = documents.get(key, (None, None))
        if expires is not None and expires <= self._now():
            del documents[key]
            return None
        return document

    def save(self, collection: str, key: str, document: Mapping[str, object], ttl_s: float | None = None) -> None:
        """Write one document, replacing it."""
        documents = self._collections.setdefault(collection, OrderedDict())
        documents[key] = (None if ttl_s is None else self._now() + ttl_s, dict(document))
        documents.move_to_end(key)
        if len(documents) > MAX_DOCUMENTS:
            documents.popitem(last=False)

    def delete(self, collection: str, key: str) -> None:
        """Remove one document; absent is fine."""
        self._collections.get(collection, OrderedDict()).pop(key, None)

    def keys(self, collection: str) -> list[str]:
        """Return the keys of a collection that have not expired."""
        return [key for key in list(self._collections.get(collection, ())) if self.load(collection, key) is not None]

    def close(self) -> None:
        """Nothing is held."""


class SqliteStore:
    """A `Store` in one SQLite file; each write is one short transaction."""

    def __init__(self, path: Path | str, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS documents (collection TEXT, key TEXT, expires REAL, body TEXT,"
            " PRIMARY KEY (collection, key)) WITHOUT ROWID"
        )
        self._database.execute("DELETE FROM documents WHERE expires <= ?", (self._now(),))

    def load(self, collection: str, key: str) -> dict[str, object] | None:
        """Read one document; None when absent or expired."""
        row = self._database.execute(
            "SELECT body FROM documents WHERE collection = ? AND key = ? AND (expires IS NULL OR expires > ?)",
            (collection, key, self._now()),
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def save(self, collection: str, key: str, document: Mapping[str, object], ttl_s: float | None = None) -> None:
        """Write one document, replacing it."""
        expires = None if ttl_s is None else self._now() + ttl_s
        self._database.execute(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", (collection, key, expires, json.dumps(document))
        )

    def delete(self, collection: str, key: str) -> None:
        """Remove one document; absent is fine."""
        self._database.execute("DELETE FROM documents WHERE collection = ? AND key = ?", (collection, key))

    def keys(self, collection: str) -> list[str]:
        """Return the keys of a collection that have not expired."""
        rows = self._database.execute(
            "SELECT key FROM documents WHERE collection = ? AND (expires IS NULL OR expires > ?) ORDER BY key",
            (collection, self._now()),
        )
        return [key for (key,) in rows]

    def close(self) -> None:
        """Close the file."""
        self._database.close()
