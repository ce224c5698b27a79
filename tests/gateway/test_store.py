"""Both stores keep the same promises; what is peculiar to one is below."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from actors.ports import NotJson
from gateway.store import MemoryStore, SqliteStore
from supervisor.testing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.ports import Store


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(1000.0)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, clock, tmp_path) -> Iterator[Store]:
    if request.param == "memory":
        opened: Store = MemoryStore(clock.now)
    else:
        opened = SqliteStore(tmp_path / "store.sqlite", clock.now)
    yield opened
    opened.close()


def test_what_was_saved_is_loaded(store: Store) -> None:
    store.save("memories", "a", {"n": 1, "deep": {"list": [1, None, "\u00e9"]}})
    assert store.load("memories", "a") == {"n": 1, "deep": {"list": [1, None, "\u00e9"]}}


def test_absent_is_none(store: Store) -> None:
    assert store.load("memories", "a") is None
    assert store.keys("memories") == []
    store.delete("memories", "a")


def test_saving_replaces_the_whole_document_and_its_life(store: Store, clock: VirtualClock) -> None:
    store.save("memories", "a", {"n": 1, "gone": True}, ttl_s=1)
    store.save("memories", "a", {"n": 2})
    clock.at += 100
    assert store.load("memories", "a") == {"n": 2}


def test_a_deleted_document_is_gone(store: Store) -> None:
    store.save("memories", "a", {"n": 1})
    store.delete("memories", "a")
    assert store.load("memories", "a") is None


def test_collections_do_not_meet(store: Store) -> None:
    store.save("memories", "a", {"n": 1})
    store.save("tokens", "a", {"n": 2})
    store.delete("tokens", "a")
    assert store.load("memories", "a") == {"n": 1}
    assert store.keys("memories") == ["a"]


def test_a_document_lives_until_its_time(store: Store, clock: VirtualClock) -> None:
    store.save("memories", "a", {"n": 1}, ttl_s=10)
    clock.at += 9.5
    assert store.load("memories", "a") == {"n": 1}
    assert store.keys("memories") == ["a"]
    clock.at += 0.5
    assert store.load("memories", "a") is None
    assert store.keys("memories") == []


def test_changing_a_document_afterwards_changes_nothing_kept(store: Store) -> None:
    document = {"deep": {"n": 1}}
    store.save("memories", "a", document)
    document["deep"]["n"] = 2
    loaded = store.load("memories", "a")
    assert loaded == {"deep": {"n": 1}}
    loaded["deep"] = 3
    assert store.load("memories", "a") == {"deep": {"n": 1}}


def deep() -> list[object]:
    value: list[object] = []
    for _ in range(100_000):  # beyond what any version lets C recurse
        value = [value]
    return value


@pytest.mark.parametrize("value", [object(), "secret \ud83d", {(1, 2): 3}, deep()], ids=["type", "text", "key", "deep"])
def test_what_is_no_json_is_refused_where_it_is_saved_and_its_content_not_shown(store: Store, value: object) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append)
    with pytest.raises(NotJson):
        store.save("memories", "a", {"n": value})
    logger.remove(sink)
    assert store.load("memories", "a") is None
    assert ["memories" in line and "secret" not in line for line in lines] == [True]


@pytest.mark.parametrize("kind", [MemoryStore, partial(SqliteStore, ":memory:")])
def test_the_oldest_documents_of_a_full_collection_go_first(kind) -> None:
    store = kind(max_documents=3)
    store.save("others", "z", {})
    for name in "abc":
        store.save("memories", name, {})
    store.save("memories", "a", {"again": True})  # the newest now
    store.save("memories", "d", {})
    assert sorted(store.keys("memories")) == ["a", "c", "d"]
    assert store.keys("others") == ["z"]
    store.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["save", "delete", "wait"]),
            st.sampled_from("abc"),
            st.dictionaries(st.text(max_size=3), st.none() | st.integers(-9, 9) | st.text(max_size=3), max_size=2),
            st.none() | st.integers(1, 5),
        ),
        max_size=30,
    )
)
def test_both_stores_agree(steps: list[tuple[str, str, dict[str, object], int | None]]) -> None:
    clock = VirtualClock()
    memory, sqlite = MemoryStore(clock.now), SqliteStore(":memory:", clock.now)
    for step, key, document, seconds in steps:
        for each in (memory, sqlite):
            if step == "save":
                each.save("c", key, document, seconds)
            elif step == "delete":
                each.delete("c", key)
        if step == "wait":
            clock.at += seconds or 0
        assert [memory.load("c", name) for name in "abc"] == [sqlite.load("c", name) for name in "abc"]
        assert sorted(memory.keys("c")) == sorted(sqlite.keys("c"))
    sqlite.close()


# --- one file ------------------------------------------------------------------------------------------------------


def rows(path) -> int:
    database = sqlite3.connect(path)
    try:
        return int(database.execute("SELECT count(*) FROM kept").fetchone()[0])
    finally:
        database.close()


def test_documents_outlive_the_process(tmp_path, clock: VirtualClock) -> None:
    first = SqliteStore(tmp_path / "s", clock.now)
    first.save("memories", "a", {"n": 1}, ttl_s=10)
    first.save("memories", "b", {"n": 2}, ttl_s=100)
    first.close()
    clock.at += 50
    second = SqliteStore(tmp_path / "s", clock.now)
    assert second.load("memories", "a") is None
    assert second.load("memories", "b") == {"n": 2}
    second.close()


def test_what_has_expired_does_not_fill_the_file(tmp_path, clock: VirtualClock) -> None:
    store = SqliteStore(tmp_path / "s", clock.now)
    for name in range(50):
        store.save("memories", str(name), {}, ttl_s=10)
    clock.at += 3600
    store.save("memories", "new", {}, ttl_s=10)
    store.close()
    assert rows(tmp_path / "s") == 1


@pytest.mark.parametrize(
    "content", [b"this is no database, however long it may be" * 100, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_corrupted_file_is_put_aside_and_a_new_one_begun(tmp_path, clock: VirtualClock, content: bytes) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(content)
    store = SqliteStore(path, clock.now)
    store.save("memories", "a", {"n": 1})
    assert store.load("memories", "a") == {"n": 1}
    store.close()
    (aside,) = tmp_path.glob("s.sqlite.corrupt-*")
    assert aside.read_bytes() == content


@pytest.mark.parametrize("body", ['{"n": ', '{"n": "\\ud83d"}', '{"n": NaN}', "[]", "[" * 10_000])
def test_a_document_that_cannot_be_read_is_as_good_as_absent(tmp_path, clock: VirtualClock, body: str) -> None:
    store = SqliteStore(tmp_path / "s", clock.now)
    store.save("memories", "a", {"n": 1})
    database = sqlite3.connect(tmp_path / "s", isolation_level=None)
    database.execute("UPDATE kept SET body = ?", (body,))
    database.close()
    assert store.load("memories", "a") is None
    store.save("memories", "a", {"n": 2})
    assert store.load("memories", "a") == {"n": 2}
    store.close()
