"""The embedded bank: customers, transactions, branches and disputes in SQLite, seeded with demo data."""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

SEED = Path(__file__).with_name("data") / "bank.json"
MAX_TRANSACTIONS = 20
"""Returned at once: very long tool results have ended voice sessions elsewhere."""
BUSY_TIMEOUT_S = 2.0  # another agent process may hold the file for a moment; tools answer with an error after that

_TABLES = """
create table if not exists customer (account text primary key, sort_code text, name text, pence integer);
create table if not exists entry (id integer primary key, account text, day text, description text, pence integer);
create table if not exists branch (name text primary key, town text, address text, hours text);
create table if not exists dispute (
    id integer primary key, account text, merchant text, pence integer, reason text, status text, details text);
"""


class UnknownCase(ValueError):  # noqa: N818 - names the state
    """No dispute has this number."""


class Bank:
    """Queries that the tools run. Fast enough (microseconds) to run on the event loop."""

    def __init__(self, path: str | Path = ":memory:") -> None:
        self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(_TABLES)
        with self._db:
            self._seed(json.loads(SEED.read_text(encoding="utf-8")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _seed(self, seed: dict[str, Any]) -> None:
        # Two processes may start on one file: the write lock comes before the look.
        self._db.execute("begin immediate")
        if self._db.execute("select 1 from customer").fetchone():
            return
        for one in seed["customers"]:
            row = (one["account"], one["sortCode"], one["name"], _pence(one["balance"]))
            self._db.execute("insert into customer values (?, ?, ?, ?)", row)
            rows = [(one["account"], day, text, _pence(amount)) for day, text, amount in one["transactions"]]
            self._db.executemany("insert into entry (account, day, description, pence) values (?, ?, ?, ?)", rows)
        rows = [(b["name"], b["town"], b["address"], b["hours"]) for b in seed["branches"]]
        self._db.executemany("insert into branch values (?, ?, ?, ?)", rows)

    def verify(self, account: str, sort_code: str) -> str | None:
        """Name the customer that an account number and sort code belong to."""
        row = self._customer(account, sort_code)
        return str(row["name"]) if row else None

    def balance(self, account: str, sort_code: str) -> float | None:
        """Read a balance in pounds; None for an unknown account."""
        row = self._customer(account, sort_code)
        return row["pence"] / 100 if row else None

    def _customer(self, account: str, sort_code: str) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._db.execute(
            "select * from customer where account = ? and sort_code = ?", (account, sort_code)
        ).fetchone()
        return found

    def transactions(self, account: str, sort_code: str) -> list[dict[str, Any]]:
        """List the latest transactions, newest first; amounts in pounds, negative when paid out."""
        rows = self._db.execute(
            "select entry.* from entry join customer using (account) "
            "where account = ? and sort_code = ? order by day desc, id limit ?",
            (account, sort_code, MAX_TRANSACTIONS),
        )
        return [{"date": r["day"], "description": r["description"], "amount": r["pence"] / 100} for r in rows]

    def branches(self, location: str) -> list[dict[str, Any]]:
        """Find branches whose town is named in ``location``."""
        wanted = location.lower()
        rows = self._db.execute("select name, town, address, hours from branch order by name")
        return [dict(row) for row in rows if row["town"].lower() in wanted]

    def open_dispute(self, account: str, merchant: str, amount: float, reason: str) -> str:
        """Record a dispute and return its case number."""
        with self._db:
            added = self._db.execute(
                "insert into dispute (account, merchant, pence, reason, status, details) "
                "values (?, ?, ?, ?, 'open', '')",
                (account, merchant, _pence(amount), reason),
            )
        return f"D{1000 + (added.lastrowid or 0)}"

    def update_dispute(self, case: str, status: str, details: str) -> None:
        """Change a dispute. Raises `UnknownCase`."""
        number = int(case[1:]) - 1000 if case[:1] == "D" and case[1:].isdigit() else 0
        with self._db:
            changed = self._db.execute(
                "update dispute set status = ?, details = details || ? where id = ?", (status, details + "\n", number)
            )
        if not changed.rowcount:
            raise UnknownCase(f"no dispute {case!r}")


def _pence(pounds: str | float) -> int:
    return int(Decimal(str(pounds)).scaleb(2).to_integral_value())
