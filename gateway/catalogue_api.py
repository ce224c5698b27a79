"""The REST API for what a frontend lists and edits: voices, personas, prompts, tools, workflows, history, status."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.catalogue import CatalogueFull, Kind
from gateway.rest import ApiError, an_id, iso_now, json_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.catalogue import Catalogue
    from gateway.history import History
    from gateway.rest import ApiSettings

    Status = Callable[[], Awaitable[dict[str, object]]]

MAX_TEXT = 20_000  # characters of a prompt or a description
_PERSONA_TEXTS = ("name", "description", "promptFile", "voiceId")
_PERSONA_LISTS = ("workflows", "allowedTools")
_DEFAULTS: dict[str, object] = {
    "name": "Untitled Persona",
    "description": "",
    "promptFile": "",
    "workflows": [],
    "allowedTools": [],
    "voiceId": "matthew",
    "metadata": {"language": "en-US", "region": "UK", "tone": "professional"},
}


class CatalogueApi:
    """Routes. Reading is open; writing, and reading what callers said, needs the admission of the admin pages."""

    def __init__(self, catalogue: Catalogue, history: History | None, settings: ApiSettings, status: Status) -> None:
        self._catalogue = catalogue
        self._history = history
        self._settings = settings
        self._status = status

    def routes(self) -> list[web.RouteDef]:
        """List them for the application."""
        return [
            web.get("/api/voices", self.voices),
            web.get("/api/personas", self.personas),
            web.post("/api/personas", self.create_persona),
            web.get("/api/personas/{id}", self.persona),
            web.put("/api/personas/{id}", self.change_persona),
            web.delete("/api/personas/{id}", self.delete_persona),
            web.get("/api/prompts", self.prompts),
            web.post("/api/prompts/sync", self.sync_prompts),
            web.get("/api/tools", self.tools),
            web.get("/api/workflows", self.workflows),
            web.get("/api/workflow/{id}", self.workflow),
            web.post("/api/workflow/{id}", self.write_workflow),
            web.delete("/api/workflow/{id}", self.delete_workflow),
            web.get("/api/history", self.calls),
            web.get("/api/history/{id}", self.call),
            web.post("/api/feedback", self.feedback),
            web.get("/api/presets", nothing),
            web.get("/api/knowledge-bases", nothing),
            web.get("/api/tests", nothing),
            web.get("/api/system/status", self.status),
        ]

    # --- voices and tools ---

    async def voices(self, _: web.Request) -> web.Response:
        """List the voices."""
        return web.json_response(await asyncio.to_thread(self._catalogue.voices))

    async def tools(self, _: web.Request) -> web.Response:
        """List the tools, with their input schemas under both names that frontends read."""
        tools = await asyncio.to_thread(self._catalogue.tools)
        return web.json_response([_tool(tool) for tool in tools])

    # --- personas ---

    async def personas(self, _: web.Request) -> web.Response:
        """List the personas."""
        return web.json_response([_persona_row(persona) for persona in await self._documents(Kind.PERSONAS)])

    async def persona(self, request: web.Request) -> web.Response:
        """Show one persona and its prompt."""
        persona = await self._persona(request)
        return web.json_response({**persona, "promptContent": await self._prompt_of(persona)})

    async def create_persona(self, request: web.Request) -> web.Response:
        """Add a persona."""
        self._settings.admit(request)
        body = await json_object(request)
        if not body.get("id"):
            raise ApiError(400, "Persona ID is required")
        entry = an_id(body["id"], "id")
        if await self._document(Kind.PERSONAS, entry) is not None:
            raise ApiError(409, "Persona already exists")
        return await self._save_persona({"id": entry, **_DEFAULTS, **_persona_fields(body)}, body)

    async def change_persona(self, request: web.Request) -> web.Response:
        """Change the fields that are given; the id stays."""
        self._settings.admit(request)
        body = await json_object(request)
        persona = await self._persona(request)
        return await self._save_persona({**persona, **_persona_fields(body)}, body)

    async def delete_persona(self, request: web.Request) -> web.Response:
        """Remove a persona; its prompt stays."""
        self._settings.admit(request)
        entry = an_id(request.match_info["id"], "id")
        if not await asyncio.to_thread(self._catalogue.delete, Kind.PERSONAS, entry):
            raise ApiError(404, f"Persona {entry} not found")
        return web.json_response({"success": True, "message": f"Persona {entry} deleted"})

    async def _persona(self, request: web.Request) -> dict[str, Any]:
        entry = an_id(request.match_info["id"], "id")
        persona = await self._document(Kind.PERSONAS, entry)
        if persona is None:
            raise ApiError(404, f"Persona {entry} not found")
        return persona

    async def _save_persona(self, persona: dict[str, Any], body: dict[str, Any]) -> web.Response:
        content, prompt = body.get("promptContent"), str(persona.get("promptFile") or "").removesuffix(".txt")
        if content is not None and not (isinstance(content, str) and len(content) <= MAX_TEXT):
            raise ApiError(400, f"promptContent must be text of at most {MAX_TEXT} characters")
        if prompt:
            an_id(prompt, "promptFile")
        await self._write(Kind.PERSONAS, persona["id"], json.dumps(persona, indent=2))
        if content is not None and prompt:
            await self._write(Kind.PROMPTS, prompt, content)
        return web.json_response({"success": True, "persona": persona})

    async def _prompt_of(self, persona: dict[str, Any]) -> str | None:
        prompt = str(persona.get("promptFile") or "").removesuffix(".txt")
        return await asyncio.to_thread(self._catalogue.text, Kind.PROMPTS, prompt) if prompt else None

    # --- prompts ---

    async def prompts(self, _: web.Request) -> web.Response:
        """List the prompts with their text."""
        return web.json_response(await asyncio.to_thread(self._all_prompts))

    def _all_prompts(self) -> list[dict[str, object]]:
        texts = ((entry, self._catalogue.text(Kind.PROMPTS, entry)) for entry in self._catalogue.ids(Kind.PROMPTS))
        return [
            {"id": entry, "name": entry.replace("_", " "), "content": text, "source": "local"}
            for entry, text in texts
            if text is not None
        ]

    async def sync_prompts(self, _: web.Request) -> web.Response:
        """Say that there is nowhere to fetch prompts from."""
        raise ApiError(503, "no prompt service is configured; prompts are files of this gateway")

    # --- workflows ---

    async def workflows(self, _: web.Request) -> web.Response:
        """List the workflows."""
        found = await self._documents(Kind.WORKFLOWS)
        return web.json_response([{"id": flow.get("id"), "name": flow.get("name")} for flow in found])

    async def workflow(self, request: web.Request) -> web.Response:
        """Show one workflow; ``workflow_`` before the id means the same."""
        entry = _workflow_id(request)
        found = await self._document(Kind.WORKFLOWS, entry)
        if found is None:
            raise ApiError(404, f"Workflow {entry} not found")
        return web.json_response(found)

    async def write_workflow(self, request: web.Request) -> web.Response:
        """Write one workflow: an object with lists of nodes and edges."""
        self._settings.admit(request)
        entry, body = _workflow_id(request), await json_object(request)
        for name in ("nodes", "edges"):
            if not isinstance(body.get(name), list):
                raise ApiError(400, f"{name} must be a list")
        document = {"name": entry, **body, "id": entry}
        await self._write(Kind.WORKFLOWS, entry, json.dumps(document, indent=2))
        return web.json_response({"success": True, "message": f"Workflow {entry} saved"})

    async def delete_workflow(self, request: web.Request) -> web.Response:
        """Remove one workflow."""
        self._settings.admit(request)
        entry = _workflow_id(request)
        if not await asyncio.to_thread(self._catalogue.delete, Kind.WORKFLOWS, entry):
            raise ApiError(404, f"Workflow {entry} not found")
        return web.json_response({"success": True, "message": f"Workflow {entry} deleted"})

    # --- history ---

    async def calls(self, request: web.Request) -> web.Response:
        """List the calls that have ended, the newest first."""
        self._settings.admit(request)
        return web.json_response([] if self._history is None else await asyncio.to_thread(self._history.summaries))

    async def call(self, request: web.Request) -> web.Response:
        """Show one call, by session id or file name."""
        self._settings.admit(request)
        entry = an_id(request.match_info["id"], "id")
        found = None if self._history is None else await asyncio.to_thread(self._history.read, entry)
        if found is None:
            raise ApiError(404, f"History {entry} not found")
        return web.json_response(found)

    async def feedback(self, request: web.Request) -> web.Response:
        """Keep a score from 0 to 1 and a comment beside a call's history."""
        body = await json_object(request)
        session, score, comment = an_id(body.get("sessionId"), "sessionId"), body.get("score"), body.get("comment")
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            raise ApiError(400, "score must be a number from 0 to 1")
        if comment is not None and not (isinstance(comment, str) and len(comment) <= MAX_TEXT):
            raise ApiError(400, f"comment must be text of at most {MAX_TEXT} characters")
        kept: dict[str, object] = {"score": score, "comment": comment or "", "timestamp": iso_now()}
        if self._history is None or not await asyncio.to_thread(self._history.add_feedback, session, kept):
            raise ApiError(404, f"History {session} not found")
        return web.json_response({"success": True, "sessionId": session})

    async def status(self, _: web.Request) -> web.Response:
        """Say how the gateway is; ``aws`` is there for frontends that ask for it: nothing here uses it."""
        return web.json_response({"aws": "error", "region": None, **await self._status()})

    # --- inside ---

    async def _document(self, kind: Kind, entry: str) -> dict[str, Any] | None:
        return await asyncio.to_thread(self._catalogue.document, kind, entry)

    async def _documents(self, kind: Kind) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            found = (self._catalogue.document(kind, entry) for entry in self._catalogue.ids(kind))
            return [document for document in found if document is not None]

        return await asyncio.to_thread(read)

    async def _write(self, kind: Kind, entry: str, text: str) -> None:
        try:
            await asyncio.to_thread(self._catalogue.write, kind, entry, text)
        except CatalogueFull as full:
            raise ApiError(507, str(full)) from None
        except OSError as error:
            raise ApiError(507, f"cannot be written: {error.strerror}") from None


async def nothing(_: web.Request) -> web.Response:
    """An empty list: frontends ask, and nobody has ever had one."""
    return web.json_response([])


def _workflow_id(request: web.Request) -> str:
    return an_id(request.match_info["id"].removeprefix("workflow_").removesuffix(".json"), "id")


def _tool(tool: dict[str, Any]) -> dict[str, object]:
    schema = tool.get("inputSchema") or tool.get("input_schema") or tool.get("parameters") or {}
    name = tool.get("name")
    described = {"id": name, "name": name, "description": tool.get("description", "")}
    return {**described, "category": tool.get("category", ""), "inputSchema": schema, "input_schema": schema}


def _persona_row(persona: dict[str, Any]) -> dict[str, object]:
    row = {name: persona.get(name) for name in ("id", "name", "description", "voiceId", "workflows", "metadata")}
    tools = persona.get("allowedTools")
    return {**row, "allowedToolsCount": len(tools) if isinstance(tools, list) else 0}


def _persona_fields(body: dict[str, Any]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name in _PERSONA_TEXTS:
        if name in body:
            if not isinstance(body[name], str) or len(body[name]) > MAX_TEXT:
                raise ApiError(400, f"{name} must be text of at most {MAX_TEXT} characters")
            fields[name] = body[name]
    for name in _PERSONA_LISTS:
        if name in body:
            if not isinstance(body[name], list) or not all(isinstance(item, str) for item in body[name]):
                raise ApiError(400, f"{name} must be a list of texts")
            fields[name] = body[name]
    if "metadata" in body:
        if not isinstance(body["metadata"], dict):
            raise ApiError(400, "metadata must be an object")
        fields["metadata"] = body["metadata"]
    return fields
