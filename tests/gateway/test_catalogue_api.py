"""The REST API of catalogue, history and status, row by row."""

import json

import pytest
import websockets

from gateway.catalogue import MAX_ENTRIES, Catalogue, CatalogueFull, Kind
from tests.gateway.test_calls import Agent, eventually, running, said, until

NEW = {"id": "persona-x", "name": "X", "promptFile": "x.txt", "promptContent": "Be brief.", "allowedTools": ["a", "b"]}


async def test_sixteen_voices(rest):
    status, voices = await rest.get("/api/voices")
    assert (status, len(voices)) == (200, 16)
    assert {"id": "amy", "name": "Amy", "language": "en-GB"} in voices


async def test_every_shipped_persona_has_a_voice_a_workflow_and_a_prompt(rest):
    _, personas = await rest.get("/api/personas")
    voices = {voice["id"] for voice in (await rest.get("/api/voices"))[1]}
    tools = {tool["name"] for tool in (await rest.get("/api/tools"))[1]}
    workflows = {flow["id"] for flow in (await rest.get("/api/workflows"))[1]}
    assert "triage" in {persona["id"] for persona in personas}
    for row in personas:
        _, persona = await rest.get(f"/api/personas/{row['id']}")
        assert persona["promptContent"]
        assert persona["voiceId"] in voices
        assert set(persona["allowedTools"]) <= tools
        assert row["allowedToolsCount"] == len(persona["allowedTools"])
        assert set(persona["workflows"]) <= workflows


async def test_every_shipped_workflow_is_a_graph(rest):
    for row in (await rest.get("/api/workflows"))[1]:
        _, flow = await rest.get(f"/api/workflow/workflow_{row['id']}")
        nodes = {node["id"] for node in flow["nodes"]}
        assert {end for edge in flow["edges"] for end in (edge["from"], edge["to"])} == nodes
        assert {node["type"] for node in flow["nodes"]} >= {"start", "end"}


async def test_a_persona_is_made_changed_and_removed(rest):
    status, body = await rest.post("/api/personas", NEW)
    assert (status, body["success"], body["persona"]["voiceId"]) == (200, True, "matthew")
    assert (await rest.post("/api/personas", NEW))[0] == 409
    assert (await rest.get("/api/personas/persona-x"))[1]["promptContent"] == "Be brief."
    status, body = await rest.ask("PUT", "/api/personas/persona-x", json={"name": "Y", "id": "other"})
    assert (body["persona"]["name"], body["persona"]["id"]) == ("Y", "persona-x")
    assert {"id": "x", "name": "x", "content": "Be brief.", "source": "local"} in (await rest.get("/api/prompts"))[1]
    assert (await rest.ask("DELETE", "/api/personas/persona-x"))[0] == 200
    assert (await rest.get("/api/personas/persona-x"))[0] == 404


async def test_a_shipped_persona_stays_removed_and_can_be_made_again(rest):
    assert (await rest.ask("DELETE", "/api/personas/triage"))[0] == 200
    assert (await rest.get("/api/personas/triage"))[0] == 404
    assert "triage" not in {persona["id"] for persona in (await rest.get("/api/personas"))[1]}
    assert (await rest.ask("DELETE", "/api/personas/triage"))[0] == 404
    assert (await rest.post("/api/personas", {"id": "triage"}))[0] == 200
    assert (await rest.get("/api/personas/triage"))[1]["name"] == "Untitled Persona"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "../../etc/passwd"},
        {"id": ".hidden"},
        {"id": "a", "promptFile": "../x.txt"},
        {"id": "a", "name": 7},
        {"id": "a", "workflows": "triage"},
        {"id": "a", "allowedTools": [1]},
        {"id": "a", "metadata": []},
        {"id": "a", "promptFile": "x.txt", "promptContent": "y" * 20_001},
    ],
)
async def test_a_persona_that_cannot_be_used_is_refused(rest, body, tmp_path):
    assert (await rest.post("/api/personas", body))[0] == 400
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("path", ["/api/personas/{}", "/api/workflow/{}", "/api/history/{}"])
@pytest.mark.parametrize("entry", ["..%2f..%2fsetup.cfg", "%2e%2e%2fx", "a%00b", "x" * 200])
async def test_no_path_leaves_its_folder(rest, path, entry):
    assert (await rest.get(path.format(entry)))[0] in {400, 404}


async def test_a_workflow_is_written_read_and_removed(rest):
    flow = {"name": "Mine", "nodes": [], "edges": []}
    assert (await rest.post("/api/workflow/workflow_mine", flow))[0] == 200
    assert (await rest.get("/api/workflow/mine"))[1] == {**flow, "id": "mine"}
    assert {"id": "mine", "name": "Mine"} in (await rest.get("/api/workflows"))[1]
    assert (await rest.post("/api/workflow/mine", {"nodes": 1, "edges": []}))[0] == 400
    assert (await rest.ask("DELETE", "/api/workflow/mine"))[0] == 200
    assert (await rest.get("/api/workflow/mine"))[0] == 404


async def test_prompts_come_from_nowhere_else(rest):
    status, body = await rest.post("/api/prompts/sync", {})
    assert (status, body["success"]) == (503, False)


@pytest.mark.parametrize("path", ["/api/presets", "/api/knowledge-bases", "/api/tests"])
async def test_lists_that_nobody_has_are_empty(rest, path):
    assert await rest.get(path) == (200, [])


async def test_the_status_counts_what_is_there(rest):
    _, body = await rest.get("/api/system/status")
    assert (body["status"], body["sessions"], body["connections"]) == ("running", 0, 0)
    assert body["actors"] >= 4


@pytest.mark.parametrize("settings", [{"admin_token": "t"}], indirect=True)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/personas"),
        ("PUT", "/api/personas/triage"),
        ("DELETE", "/api/personas/triage"),
        ("POST", "/api/workflow/triage"),
        ("DELETE", "/api/workflow/triage"),
    ],
)
async def test_no_write_without_admission(rest, method, path):
    assert (await rest.ask(method, path, json={"id": "a", "nodes": [], "edges": []}))[0] == 401


async def test_a_call_is_to_be_read_again_without_its_numbers(rest, tmp_path):
    async with running(Agent("triage")) as agent:
        await rest.post("/api/agents/register", {"id": "triage", "url": agent.url})
        async with websockets.connect(f"ws://127.0.0.1:{rest.gateway.port}/sonic") as socket:
            session = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
            await socket.send(json.dumps({"type": "text_input", "text": "my account is 12345678"}))
            await until(socket, said)
        await eventually(lambda: list(tmp_path.glob("history/session_*.json")))
        (file,) = tmp_path.glob("history/session_*.json")
        assert file.stat().st_mode & 0o077 == 0
        assert "12345678" not in file.read_text()
        _, (row,) = await rest.get("/api/history")
        assert row["id"] == f"session_{session}.json"
        _, call = await rest.get(f"/api/history/{session}")
        assert await rest.get(f"/api/history/{row['id']}") == (200, call)
        assert "triage heard my account is ***" in [line["text"] for line in call["transcript"]]
        assert (await rest.post("/api/feedback", {"sessionId": session, "score": 1, "comment": "good"}))[0] == 200
        assert (await rest.get(f"/api/history/{session}"))[1]["feedback"]["comment"] == "good"
        for bad in ({"score": 2}, {"score": True}, {"score": 1, "comment": 7}):
            assert (await rest.post("/api/feedback", {"sessionId": session, **bad}))[0] == 400
        assert (await rest.post("/api/feedback", {"sessionId": "nobody", "score": 0}))[0] == 404


def test_a_catalogue_is_bounded_and_replaces_files_whole(tmp_path):
    catalogue = Catalogue(tmp_path, tmp_path, tmp_path / "nothing shipped")
    for number in range(MAX_ENTRIES):
        (tmp_path / "prompts").mkdir(exist_ok=True)
        (tmp_path / "prompts" / f"p{number}.txt").write_text("x")
    with pytest.raises(CatalogueFull):
        catalogue.write(Kind.PROMPTS, "one-more", "x")
    catalogue.write(Kind.PROMPTS, "p1", "new")
    assert catalogue.text(Kind.PROMPTS, "p1") == "new"
    assert len(list((tmp_path / "prompts").iterdir())) == MAX_ENTRIES


def test_files_that_hold_no_object_are_left_out(tmp_path):
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "broken.json").write_text("{")
    (tmp_path / "personas" / "list.json").write_text("[]")
    catalogue = Catalogue(tmp_path, tmp_path / "personas", tmp_path / "nothing shipped")
    assert catalogue.document(Kind.PERSONAS, "broken") is None
    assert catalogue.document(Kind.PERSONAS, "list") is None
    assert catalogue.tools() == []
