"""Where documents live: in memory, or in one SQLite file."""

from __future__ import annotations

import sqlite3
import time
from collections import OrderedDict
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from loguru import logger

from actors.ports import NotJson, StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_DOCUMENTS = 50_000
"""Per collection: the document that was saved longest ago goes first."""
SWEEP_S = 60.0
"""How often what has expired leaves the file; it is not served meanwhile."""

_JSON: Final = msgspec.json.Encoder()
_DOCUMENT: Final = msgspec.json.Decoder(type=dict[str, object])
_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (collection TEXT, key TEXT, expires REAL, body TEXT, PRIMARY KEY (collection, key));
CREATE INDEX IF NOT EXISTS oldest ON kept (collection);
CREATE INDEX IF NOT EXISTS expiring ON kept (expires) WHERE expires IS NOT NULL;
"""


class MemoryStore:
    """A `Store` that ends with its process. Documents are kept as JSON, so both stores take and give the same."""

    def __init__(self, now: Callable[[], float] = time.time, max_documents: int = MAX_DOCUMENTS) -> None:
        self._now = now
        self._max = max_documents
        self._collections: dict[str, OrderedDict[str, tuple[float | None, str]]] = {}

    def load(self, collection: str, key: str) -> dict[str, object] | None:
        """Read one document; None when absent or expired."""
        documents = self._collections.get(collection, OrderedDict())
        if key not in documents:
            return None
        expires, body = documents[key]
        if expires is not None and expires <= self._now():
            del documents[key]
            return None
        return _read(body)

    def save(self, collection: str, key: str, document: Mapping[str, object], ttl_s: float | None = None) -> None:
        """Write one document, replacing it. Raises `NotJson`."""
        body = _written(collection, document)
        documents = self._collections.setdefault(collection, OrderedDict())
        documents[key] = (None if ttl_s is None else self._now() + ttl_s, body)
        documents.move_to_end(key)
        if len(documents) > self._max:
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
    """A `Store` in one SQLite file; each write is one short transaction.

    A file that is no sound database is put aside under another name and a new one begun: calls matter more than what
    was remembered of former ones. Raises `StoreFailed` where SQLite cannot read or write.
    """

    def __init__(
        self, path: Path | str, now: Callable[[], float] = time.time, max_documents: int = MAX_DOCUMENTS
    ) -> None:
        self._now = now
        self._max = max_documents
        with _failing():
            self._database = _open(path, now)
            self._sweep()

    def load(self, collection: str, key: str) -> dict[str, object] | None:
        """Read one document; None when absent, expired or beyond reading."""
        with _failing():
            row = self._database.execute(
                "SELECT body FROM kept WHERE collection = ? AND key = ? AND (expires IS NULL OR expires > ?)",
                (collection, key, self._now()),
            ).fetchone()
        return None if row is None else _read(row[0])

    def save(self, collection: str, key: str, document: Mapping[str, object], ttl_s: float | None = None) -> None:
        """Write one document, replacing it. Raises `NotJson`."""
        body = _written(collection, document)
        with _failing():
            self._save(collection, key, body, ttl_s)

    def delete(self, collection: str, key: str) -> None:
        """Remove one document; absent is fine."""
        with _failing():
            self._sizes[collection] = self._sizes.get(collection, 0) - self._remove(collection, key)

    def keys(self, collection: str) -> list[str]:
        """Return the keys of a collection that have not expired."""
        with _failing():
            rows = self._database.execute(
                "SELECT key FROM kept WHERE collection = ? AND (expires IS NULL OR expires > ?) ORDER BY rowid",
                (collection, self._now()),
            )
            return [key for (key,) in rows]

    def close(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):
            self._database.close()

    def _save(self, collection: str, key: str, body: str, ttl_s: float | None) -> None:
        now = self._now()
        if now >= self._sweep_at:
            self._sweep()
        gone = self._remove(collection, key)
        self._database.execute(
            "INSERT INTO kept VALUES (?, ?, ?, ?)", (collection, key, None if ttl_s is None else now + ttl_s, body)
        )
        self._sizes[collection] = self._sizes.get(collection, 0) + 1 - gone
        if self._sizes[collection] > self._max:
            self._database.execute(
                "DELETE FROM kept WHERE rowid = (SELECT min(rowid) FROM kept WHERE collection = ?)", (collection,)
            )
            self._sizes[collection] -= 1

    def _remove(self, collection: str, key: str) -> int:
        return self._database.execute("DELETE FROM kept WHERE collection = ? AND key = ?", (collection, key)).rowcount

    def _sweep(self) -> None:
        now = self._now()
        self._database.execute("DELETE FROM kept WHERE expires <= ?", (now,))
        self._sizes: dict[str, int] = dict(
            self._database.execute("SELECT collection, count(*) FROM kept GROUP BY collection").fetchall()
        )
        self._sweep_at = now + SWEEP_S


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        logger.warning("the store cannot serve: {}", error)  # once a trial: whoever calls waits before the next one
        raise StoreFailed(str(error)) from error


def _open(path: Path | str, now: Callable[[], float]) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.OperationalError:  # locked, or not ours to open: that is not the file's fault
        raise
    except sqlite3.DatabaseError as error:
        aside = Path(f"{path}.corrupt-{int(now())}")
        Path(path).rename(aside)
        for rest in ("-wal", "-shm"):
            Path(f"{path}{rest}").unlink(missing_ok=True)
        logger.error("{} cannot be read ({}); it was put aside as {} and a new one begun", path, error, aside.name)
        return _connect(path)


def _connect(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)  # noqa: TRY301 - the same end as one that SQLite raises
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database


def _written(collection: str, document: Mapping[str, object]) -> str:
    try:
        return _JSON.encode(document).decode()
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(error).__name__  # its words would show the content
        logger.error("a document of {} cannot be written and is dropped: {}", collection, kind)
        raise NotJson(kind) from None


def _read(body: str) -> dict[str, object] | None:
    with suppress(ValueError, RecursionError):
        return _DOCUMENT.decode(body)
    logger.error("a stored document cannot be read and counts as absent")
    return None
