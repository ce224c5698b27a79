from __future__ import annotations

import pytest

from actors.breaker import BreakerSettings
from actors.ids import AgentId, Instance
from actors.link_end import FailureKind
from actors.registry_book import Book, Health, RegistryFull, RegistrySettings
from actors.registry_messages import Heartbeat, PickInstance, Register

TRIAGE = AgentId("triage")
ONE, TWO = "ws://one:8081", "ws://two:8081"


def register(book, url=ONE, now=0.0, **fields):
    return book.register(Register(TRIAGE, url, **fields), now, int(now * 1000))


def beat(book, now, **fields):
    return book.beat(Heartbeat(TRIAGE, **fields), now, int(now * 1000))


def pick(book, holder="s/1", now=0.0, exclude=(), only=""):
    return book.pick(PickInstance(None, holder, 1, TRIAGE, frozenset(exclude), only=only), holder, now)


@pytest.fixture
def book():
    return Book(RegistrySettings(breaker=BreakerSettings(threshold=2), max_instances=3, max_remembered=4))


def test_two_urls_are_two_instances(book):
    register(book, ONE)
    register(book, TWO)
    register(book, ONE)
    assert [entry.url for entry in book.of_agent(TRIAGE)] == [ONE, TWO]


def test_the_register_is_bounded(book):
    for number in range(3):
        register(book, f"ws://{number}")
    with pytest.raises(RegistryFull):
        register(book, "ws://3")
    register(book, "ws://0")


def test_the_least_loaded_serves_and_equals_take_turns(book):
    register(book, ONE)
    register(book, TWO)
    urls = [pick(book, f"s/{number}").url for number in range(4)]
    assert sorted(urls) == [ONE, ONE, TWO, TWO]
    book.release("s/0", Instance(TRIAGE, urls[0]), None, 0.0)
    assert pick(book, "s/9").url == urls[0]


def test_where_one_instance_is_asked_for_no_other_is_given(book):
    register(book, ONE)
    register(book, TWO)
    assert [pick(book, f"s/{number}", only=TWO).url for number in range(3)] == [TWO] * 3
    book.drain(TRIAGE, TWO, undo=False)
    assert pick(book, "s/9", only=TWO) is None


def test_calls_of_another_gateway_count_as_load(book):
    register(book, ONE)
    register(book, TWO)
    beat(book, 1.0, url=ONE, active_sessions=7)
    assert [pick(book, f"s/{number}").url for number in range(3)] == [TWO] * 3


def test_excluded_and_dead_instances_are_not_chosen(book):
    register(book, ONE)
    assert pick(book, exclude=[ONE]) is None
    entry = register(book, TWO)
    book.tick(31.0)
    book.probed(entry, alive=False, now=31.0, wall_ms=0)
    assert pick(book, now=31.0, exclude=[ONE]) is None


def test_two_missed_beats_make_it_suspect_and_the_probe_decides(book):
    one, two = register(book, ONE), register(book, TWO)
    assert pick(book, "s/1").url == ONE
    assert book.tick(30.0).suspects == ()
    assert set(map(id, book.tick(30.1).suspects)) == {id(one), id(two)}
    assert book.probed(two, alive=True, now=30.2, wall_ms=30_200) == []
    assert book.probed(one, alive=False, now=30.2, wall_ms=30_200) == ["s/1"]
    assert (one.health, two.health) == (Health.DEAD, Health.HEALTHY)
    assert [entry.url for entry in book.tick(90.2).removed] == [ONE]


def test_a_beat_revives_the_dead(book):
    entry = register(book)
    book.tick(31.0)
    book.probed(entry, alive=False, now=31.0, wall_ms=0)
    beat(book, 40.0)
    assert entry.health is Health.HEALTHY
    assert book.tick(95.0).removed == ()


def test_a_probe_that_fails_after_a_beat_has_no_effect(book):
    entry = register(book)
    book.tick(31.0)
    beat(book, 32.0)
    assert book.probed(entry, alive=False, now=33.0, wall_ms=0) == []
    assert entry.health is Health.HEALTHY


def test_a_beat_that_names_no_instance_does_not_keep_a_dead_twin_alive(book):
    one, two = register(book, ONE), register(book, TWO)
    for now in (15.0, 30.0):
        assert beat(book, now) is None
    assert len(book.tick(31.0).suspects) == 2
    book.probed(one, alive=True, now=31.0, wall_ms=0)
    book.probed(two, alive=False, now=31.0, wall_ms=0)
    assert pick(book, now=31.0, exclude=[ONE]) is None


@pytest.mark.parametrize(("named_by", "url"), [({"port": 2}, TWO), ({"peer": "10.0.0.1"}, ONE), ({"url": TWO}, TWO)])
def test_a_beat_is_credited_by_url_port_or_peer(book, named_by, url):
    register(book, ONE, port=1, peer="10.0.0.1")
    register(book, TWO, port=2, peer="10.0.0.2")
    assert beat(book, 1.0, **named_by).url == url


@pytest.mark.parametrize(
    ("named", "known"),
    [({}, True), ({"port": 1}, True), ({"port": 2}, False), ({"url": ONE}, True), ({"url": TWO, "port": 1}, False)],
)
def test_a_beat_that_names_another_instance_is_a_strangers(book, named, known):
    register(book, ONE, port=1)
    assert book.may_mean(Heartbeat(TRIAGE, **named)) is known


def test_an_unknown_beat_is_said_to_be_unknown_and_the_registration_is_remembered(book):
    assert beat(book, 0.0) is None
    entry = register(book)
    book.tick(31.0)
    book.probed(entry, alive=False, now=31.0, wall_ms=0)
    book.tick(92.0)
    assert beat(book, 93.0) is None
    assert [message.url for message in book.remembered(TRIAGE)] == [ONE]


def test_one_who_said_goodbye_is_not_remembered(book):
    register(book, ONE)
    register(book, TWO)
    assert [entry.url for entry in book.remove(TRIAGE, TWO)] == [TWO]
    assert len(book.remove(TRIAGE)) == 1
    assert (len(book), book.remembered(TRIAGE)) == (0, [])


def test_the_memory_of_registrations_is_bounded(book):
    for number in range(9):
        register(book, f"ws://{number}")
        book.tick(1000.0 * (number + 1))
        book.probed(book.of_agent(TRIAGE)[0], alive=False, now=1000.0 * (number + 1), wall_ms=0)
        book.tick(1000.0 * (number + 1) + 61.0)
    assert len(book.remembered(TRIAGE)) == 4


def test_repeated_failures_take_it_out_of_the_choice_until_one_probe_succeeds(book):
    register(book)
    for number in range(2):
        instance = pick(book, f"s/{number}")
        book.release(f"s/{number}", instance, FailureKind.BROKEN, 1.0)
    assert pick(book, now=1.0) is None
    assert pick(book, "probe", now=6.1) is not None
    assert pick(book, "second", now=6.1) is None
    book.find(TRIAGE, ONE).breaker.succeed()
    assert pick(book, "second", now=6.1) is not None


@pytest.mark.parametrize("failure", [None, FailureKind.AGENT_LEFT, FailureKind.BAD_DATA, FailureKind.CLOSED_BY_US])
def test_ends_that_do_not_speak_against_the_instance_do_not_count(book, failure):
    register(book)
    for number in range(5):
        book.release(f"s/{number}", pick(book, f"s/{number}"), failure, 1.0)
    assert pick(book, now=1.0) is not None


def test_places_of_a_session_that_vanished_are_given_back(book):
    entry = register(book)
    for holder in ("s/1", "s/2", "other/1"):
        pick(book, holder)
    book.forget_session("s")
    assert set(entry.holders) == {"other/1"}


def test_the_url_it_is_dialled_at_may_differ_from_the_registered_one(book):
    entry = register(book, "ws://agent-triage:8081")
    entry.dial_url = ONE
    instance = pick(book)
    assert instance.url == ONE
    book.release("s/1", instance, None, 0.0)
    assert entry.holders == {}


def test_mode_is_read_from_capabilities_of_every_age(book):
    assert register(book, ONE, capabilities=("persona-mortgage",)).mode == ""
    assert register(book, ONE, capabilities={"mode": "text"}).mode == "text"
    assert register(book, TWO, capabilities={"mode": ["odd"]}).mode == ""


def test_the_description_is_what_the_api_shows(book):
    register(book, TWO, port=8081)
    register(book, ONE)
    pick(book)
    shown = book.describe("", 0.0)
    assert [(info.url, info.status, info.links, info.breaker) for info in shown] == [
        (ONE, "healthy", 1, "closed"),
        (TWO, "healthy", 0, "closed"),
    ]
    assert book.describe("idv", 0.0) == ()
