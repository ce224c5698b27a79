"""Without a token the network is all that is known: nobody may borrow it from a browser or a proxy."""

from __future__ import annotations

import pytest
import websockets

from gateway.foreign import is_from_elsewhere, is_of_another_page
from tests.gateway.test_calls import until

LOCAL = "127.0.0.1:8080"


@pytest.mark.parametrize(
    ("origin", "host", "foreign"),
    [
        ("", LOCAL, False),
        ("http://127.0.0.1:8080", LOCAL, False),
        ("http://localhost:3000", LOCAL, False),
        ("http://localhost:3000", "gateway:8080", False),
        ("http://[::1]:3000", "localhost:8080", False),
        ("https://bank.example", "bank.example", False),
        ("https://named.example", LOCAL, False),
        ("https://evil.example", LOCAL, True),
        ("http://10.0.0.7", LOCAL, True),
        ("https://bank.example.evil.example", "bank.example", True),
        ("http://localhost.evil.example", LOCAL, True),
        ("null", LOCAL, True),
        ("null", "bank.example", True),
        ("http://[", LOCAL, True),
    ],
)
def test_whose_page_asks(origin: str, host: str, foreign: bool) -> None:  # noqa: FBT001 - parametrised
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    assert is_of_another_page(headers, ("*", "https://named.example")) is foreign


@pytest.mark.parametrize(
    ("headers", "elsewhere"),
    [
        ({"Host": LOCAL}, False),
        ({"Host": "localhost"}, False),
        ({"Host": "[::1]:8080"}, False),
        ({"Host": "gateway:8080"}, False),
        ({"Host": "page.localhost"}, False),
        ({"Host": "rebound.evil.example:8080"}, True),
        ({"Host": "10.0.0.7"}, True),
        ({"Host": "127.0.0.1.evil.example"}, True),
        ({"Host": ""}, True),
        ({}, True),
        ({"Host": LOCAL, "X-Forwarded-For": "10.0.0.7"}, True),
        ({"Host": LOCAL, "Forwarded": "for=10.0.0.7"}, True),
    ],
)
def test_what_was_asked_for_elsewhere(headers: dict[str, str], elsewhere: bool) -> None:  # noqa: FBT001 - parametrised
    assert is_from_elsewhere(headers) is elsewhere


ADMIN = [("GET", "/admin/tree"), ("GET", "/api/history"), ("POST", "/admin/drain"), ("PUT", "/api/personas/x")]
OF_AGENTS = [("POST", "/api/agents/register"), ("DELETE", "/api/agents/x"), ("GET", "/api/sessions/x/memory")]


@pytest.mark.parametrize(("method", "path"), [*ADMIN, *OF_AGENTS])
async def test_no_page_of_others_borrows_the_operators_network(rest, method: str, path: str) -> None:
    asked = {"Origin": "https://evil.example"}, {"Origin": "http://evil.example", "Host": "evil.example"}
    for headers in asked:
        assert (await rest.ask(method, path, headers=headers))[0] == 403
    assert rest.gateway.drain.why_not() == ""


@pytest.mark.parametrize(("method", "path"), ADMIN)
async def test_no_proxy_makes_a_stranger_a_neighbour(rest, method: str, path: str) -> None:
    for headers in ({"X-Forwarded-For": "203.0.113.9"}, {"Host": "rebound.example"}):
        assert (await rest.ask(method, path, headers=headers))[0] == 403


async def test_our_own_pages_and_programs_go_on(rest) -> None:
    for headers in ({}, {"Origin": rest.base}, {"Origin": "http://localhost:3000"}):
        assert (await rest.get("/api/history", headers=headers))[0] == 200
        body = {"id": "triage", "url": "ws://127.0.0.1:9"}
        assert (await rest.post("/api/agents/register", body, headers=headers))[0] == 200
    behind = {"X-Forwarded-For": "10.0.0.7", "Host": "gateway.bank.example"}
    assert (await rest.post("/api/agents/register", body, headers=behind))[0] == 200
    async with websockets.connect(f"ws://127.0.0.1:{rest.gateway.port}/sonic", origin="https://any.example") as caller:
        await until(caller, lambda message: message["type"] == "connected")


@pytest.mark.parametrize("settings", [{"admin_token": "open sesame"}], indirect=True)
async def test_who_has_the_token_may_come_from_anywhere(rest) -> None:
    headers = {"Authorization": "Bearer open sesame", "Origin": "https://a.example", "X-Forwarded-For": "10.0.0.7"}
    assert (await rest.get("/api/history", headers=headers))[0] == 200
