import asyncio
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from frontend import server

Client = TestClient


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with TestClient(TestServer(server.build_app("wss://voice.example.test:8443/base/"))) as client:
        yield client


@pytest.fixture
async def unconfigured() -> AsyncIterator[Client]:
    async with TestClient(TestServer(server.build_app())) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/microphone-worklet.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/config.json", "application/json; charset=utf-8"),
        ("/health", "application/json; charset=utf-8"),
    ],
)
async def test_each_file_has_its_type(client, path, content_type):
    response = await client.get(path)
    assert response.status == 200
    assert response.headers["Content-Type"] == content_type
    assert await response.read()


async def test_every_module_that_the_page_imports_is_served(client):
    seen: set[str] = set()
    todo = ["/app.js"]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        response = await client.get(path)
        assert response.status == 200, path
        todo += [f"/{name}" for name in re.findall(r"from '\./([\w.-]+)'", await response.text())]
    assert "/connection_machine.js" in seen


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/..%2fserver.py",
        "/%2e%2e/server.py",
        "/..%5cserver.py",
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/page/../../server.py",
        "/server.py",
        "/package.json",
        "/app.js/",
        "/app.js%00.html",
    ],
)
async def test_nothing_outside_the_page_is_served(client, path):
    status_line, body = await raw_get(client, path)
    assert status_line.split()[1] in {b"400", b"404"}
    assert b"import" not in body


async def raw_get(client, path):
    """Ask for `path` as it is written: client libraries tidy it up before they send it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    status_line, _, body = answer.partition(b"\r\n")
    return status_line, body


async def test_raw_get_finds_what_is_there(client):
    status_line, body = await raw_get(client, "/app.js")
    assert status_line.split()[1] == b"200"
    assert b"import" in body


async def test_other_methods_are_refused(client):
    response = await client.post("/", data=b"x")
    assert response.status == 405
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_health(client):
    response = await client.get("/health")
    assert await response.json() == {"status": "healthy", "service": "frontend"}
    assert response.headers["Cache-Control"] == "no-store"


async def test_config_names_the_configured_gateway(client):
    response = await client.get("/config.json")
    assert await response.json() == {"gatewayUrl": "wss://voice.example.test:8443/base"}
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost:3000", "ws://localhost:8080"),
        ("bank.example.test", "ws://bank.example.test:8080"),
        ("[::1]:3000", "ws://[::1]:8080"),
    ],
)
async def test_unconfigured_gateway_is_beside_the_page(unconfigured, host, url):
    response = await unconfigured.get("/config.json", headers={"Host": host})
    assert await response.json() == {"gatewayUrl": url}


@pytest.mark.parametrize("host", ["evil; script-src *", "a b", "[::1", "x'y", ""])
async def test_host_header_cannot_write_the_policy(unconfigured, host):
    response = await unconfigured.get("/", headers={"Host": host})
    policy = response.headers.get("Content-Security-Policy", "")
    assert "script-src *" not in policy
    assert host == "" or host not in policy
    config = await unconfigured.get("/config.json", headers={"Host": host})
    assert config.status == 400


async def test_policy_allows_own_scripts_and_the_gateway_only(client):
    response = await client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["connect-src"].split() == [
        "'self'",
        "wss://voice.example.test:8443",
        "https://voice.example.test:8443",
    ]
    assert policy["frame-ancestors"] == "'none'"
    assert response.headers["Permissions-Policy"].startswith("microphone=(self)")
    assert response.headers["Referrer-Policy"] == "no-referrer"


async def test_page_has_no_inline_code_and_no_foreign_address(client):
    text = await (await client.get("/")).text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"\son\w+=|\sstyle=|<style", text) == []
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", text) == []


async def test_unchanged_files_are_not_sent_again(client):
    first = await client.get("/app.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await client.get("/app.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
    assert await again.read() == b""
    changed = await client.get("/app.js", headers={"If-None-Match": '"other"'})
    assert changed.status == 200


@pytest.mark.parametrize(
    ("text", "socket_url"),
    [
        ("ws://gateway:8080", "ws://gateway:8080"),
        ("http://gateway:8080/", "ws://gateway:8080"),
        ("https://gateway.example.test/voice", "wss://gateway.example.test/voice"),
        ("ws://[::1]:8080", "ws://[::1]:8080"),
    ],
)
def test_gateway_url_is_read(text, socket_url):
    assert server.parse_gateway_url(text).socket_url == socket_url


@pytest.mark.parametrize(
    "text",
    ["", "gateway:8080", "ftp://x", "ws://", "ws://a b", "ws://u:p@x", "ws://x?y", "ws://x:99999", "ws://[::1"],
)
def test_unusable_gateway_url_is_refused(text):
    with pytest.raises(server.GatewayUrlError):
        server.parse_gateway_url(text)


def test_environment_names_the_gateway_in_order():
    both = {"NEXT_PUBLIC_WS_URL": "ws://first", "GATEWAY_WS_URL": "ws://second"}
    assert server.gateway_url_from_environment(both) == "ws://first"
    assert server.gateway_url_from_environment({"NEXT_PUBLIC_WS_URL": "", "GATEWAY_WS_URL": "ws://b"}) == "ws://b"
    assert server.gateway_url_from_environment({}) is None


async def test_running_binds_a_free_port_and_lets_it_go():
    async with aiohttp.ClientSession() as session:
        async with server.running("127.0.0.1", 0) as port:
            url = f"http://127.0.0.1:{port}/health"
            async with session.get(url) as response:
                assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)


async def test_taken_port_is_told():
    async with server.running("127.0.0.1", 0) as port:
        with pytest.raises(OSError, match="address already in use"):
            await server.serve("127.0.0.1", port)


def test_main_explains_a_bad_gateway_url():
    with pytest.raises(SystemExit, match="must start with ws://"):
        server.main(["--port", "0", "--gateway", "gopher://x"])
