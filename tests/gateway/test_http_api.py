"""The REST API for agents and sessions, row by row."""

import json

import pytest
import websockets

from tests.gateway.test_calls import Agent, running, said, until

URL = "ws://127.0.0.1:9"


async def register(rest, agent_id="triage", url=URL, **more):
    return await rest.post("/api/agents/register", {"id": agent_id, "url": url, **more})


async def test_health_counts_the_agents(rest):
    status, body = await rest.get("/health")
    assert (status, body["status"], body["service"], body["agents"]) == (200, "healthy", "gateway", 0)
    await register(rest)
    assert (await rest.get("/health"))[1]["agents"] == 1


async def test_an_agent_registers_beats_and_leaves(rest):
    assert await register(rest, port=9, capabilities=["voice"]) == (
        200,
        {"success": True, "message": "Agent triage registered"},
    )
    beat = {"agentId": "triage", "url": URL, "activeSessions": 3}
    assert await rest.post("/api/agents/heartbeat", beat) == (200, {"success": True, "known": True})
    _, (row,) = await rest.get("/api/agents")
    assert (row["id"], row["url"], row["activeSessions"], row["capabilities"]) == ("triage", URL, 3, ["voice"])
    _, one = await rest.get("/api/agents/triage")
    assert one["instances"] == [row]
    assert (await rest.post("/api/agents/triage/status", {"status": "busy"}))[1]["status"] == "busy"
    assert await rest.ask("DELETE", "/api/agents/triage") == (200, {"success": True, "removed": 1})
    assert (await rest.get("/api/agents/triage"))[0] == 404


async def test_one_instance_of_two_can_be_removed(rest):
    await register(rest)
    await register(rest, url="ws://127.0.0.1:10")
    assert (await rest.ask("DELETE", f"/api/agents/triage?url={URL}"))[1] == {"success": True, "removed": 1}
    _, one = await rest.get("/api/agents/triage")
    assert [row["url"] for row in one["instances"]] == ["ws://127.0.0.1:10"]


async def test_the_beat_of_an_unknown_agent_is_answered_with_success(rest):
    status, body = await rest.post("/api/agents/heartbeat", {"agentId": "stranger"})
    assert (status, body["success"]) == (200, True)


@pytest.mark.parametrize(
    "body",
    [
        {"url": URL},
        {"id": "", "url": URL},
        {"id": "../x", "url": URL},
        {"id": "x" * 129, "url": URL},
        {"id": "a", "url": 7},
        {"id": "a", "url": "file:///etc/passwd"},
        {"id": "a", "url": "ws://"},
        {"id": "a", "url": "ws://h:99999"},
        {"id": "a", "url": "ws://" + "h" * 3000},
        {"id": "a", "url": "ws://h:1/\r\nX: y"},
        {"id": "a", "url": "ws://h:1/a HTTP/1.1"},
        {"id": "a", "url": "ws://h:1/\x1b[2J"},
        {"id": "a", "url": "ws://h:1/\u202e"},
        {"id": "a", "url": URL, "capabilities": {"mode": "voice", "more": "x" * 9000}},
        {"id": "a", "url": URL, "capabilities": ["x"] * 3000},
        {"id": "a", "url": URL, "port": "8081"},
        {"id": "a", "url": URL, "port": 0},
        {"id": "a", "url": URL, "capabilities": "voice"},
    ],
)
async def test_a_registration_that_cannot_be_used_is_refused(rest, body):
    status, answer = await rest.post("/api/agents/register", body)
    assert (status, answer["success"]) == (400, False)
    assert answer["error"]
    assert (await rest.get("/api/agents"))[1] == []


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b'"x"', b"\xff\xfe", b"[" * 100_000])
async def test_a_body_that_is_no_object_is_refused(rest, data):
    headers = {"Content-Type": "application/json"}
    status, answer = await rest.ask("POST", "/api/agents/register", data=data, headers=headers)
    assert (status, answer["success"]) == (400, False)


async def test_a_body_beyond_the_limit_is_refused(rest):
    assert (await rest.post("/api/agents/register", {"id": "a", "url": URL, "x": "y" * 200_000}))[0] == 413


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nowhere", 404),
        ("DELETE", "/health", 405),
        ("GET", "/api/agents/nobody", 404),
        ("GET", "/api/agents/..%2f..%2fetc", 400),
        ("GET", "/api/sessions/nobody/memory", 404),
        ("DELETE", "/api/agents/nobody", 404),
    ],
)
async def test_what_is_not_there_is_told_in_json(rest, method, path, expected):
    status, body = await rest.ask(method, path)
    assert status == expected
    assert body["error"]


async def test_a_status_is_one_of_three(rest):
    await register(rest)
    assert (await rest.post("/api/agents/triage/status", {"status": "bored"}))[0] == 400


async def test_any_origin_may_read_unless_some_are_named(rest):
    async with rest.client.get(rest.base + "/health", headers={"Origin": "https://a.example"}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
    async with rest.client.options(rest.base + "/api/personas/x", headers=asked) as answer:
        assert answer.status == 204
        assert "PUT" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("settings", [{"cors_origins": ("https://a.example",)}], indirect=True)
async def test_only_named_origins_may_read(rest):
    for origin, expected in (("https://a.example", "https://a.example"), ("https://b.example", None)):
        async with rest.client.get(rest.base + "/health", headers={"Origin": origin}) as answer:
            assert answer.headers.get("Access-Control-Allow-Origin") == expected


@pytest.mark.parametrize("settings", [{"agent_hosts": ("bank.internal",)}], indirect=True)
async def test_agents_register_with_the_hosts_that_are_allowed(rest):
    assert (await register(rest))[0] == 403
    assert (await register(rest, url="ws://bank.internal:8081"))[0] == 200


@pytest.mark.parametrize("settings", [{"admin_token": "open sesame"}], indirect=True)
@pytest.mark.parametrize("path", ["/admin/tree", "/api/history"])
async def test_with_a_token_configured_it_is_needed(rest, path):
    assert (await rest.get(path))[0] == 401
    assert (await rest.get(path, headers={"Authorization": "Bearer wrong"}))[0] == 401
    assert (await rest.get(path, headers={"Authorization": "Bearer open sesame"}))[0] == 200


@pytest.mark.parametrize("settings", [{"admin_networks": ("10.0.0.0/8",)}], indirect=True)
@pytest.mark.parametrize("path", ["/admin/tree", "/api/history"])
async def test_without_a_token_only_trusted_networks_are_let_in(rest, path):
    assert (await rest.get(path))[0] == 403


async def test_the_tree_is_shown_as_json_and_as_text(rest):
    status, tree = await rest.get("/admin/tree")
    assert status == 200
    assert [child["path"] for child in tree["children"]] == ["node/store", "node/registry", "node/sessions"]
    async with rest.client.get(rest.base + "/admin/tree?format=text") as answer:
        assert "registry" in await answer.text()


async def test_the_memory_of_a_live_session_is_read_and_merged(rest):
    async with running(Agent("triage")) as agent:
        await register(rest, url=agent.url)
        async with websockets.connect(f"ws://127.0.0.1:{rest.gateway.port}/sonic") as socket:
            session = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
            await socket.send(json.dumps({"type": "text_input", "text": "hello"}))
            await until(socket, said)
            path = f"/api/sessions/{session}/memory"
            assert (await rest.post(path, {"memory": {"favourite": "tea"}}))[1]["success"] is True
            assert (await rest.get(path))[1]["memory"]["favourite"] == "tea"
            assert (await rest.post(path, {"memory": "tea"}))[0] == 400
            status, refused = await rest.post(path, {"memory": {"favourite": "x" * 70_000}})
            assert (status, refused["success"]) == (413, False)
            assert (await rest.get(path))[1]["memory"]["favourite"] == "tea"
            transfer = f"/api/sessions/{session}/transfer"
            assert (await rest.post(transfer, {"targetAgent": "../x"}))[0] == 400
            assert (await rest.post(transfer, {"targetAgent": "nobody"}))[0] == 409
            assert (await rest.post(transfer, {"targetAgent": "triage", "targetUrl": ["ws://a"]}))[0] == 400
            status, answer = await rest.post(transfer, {"targetAgent": "triage", "targetUrl": "ws://127.0.0.1:1"})
            assert (status, answer["error"]) == (409, "ws://127.0.0.1:1 cannot be reached")
            async with running(Agent("twin")) as twin:
                await register(rest, url=twin.url)
                move = {"targetAgent": "triage", "targetUrl": twin.url}
                assert (await rest.post(transfer, move))[0] == 200
                assert (len(twin.inits), twin.inits[0]["resume"]) == (1, True)
