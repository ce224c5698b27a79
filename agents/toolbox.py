"""Tools: definitions from JSON files, inputs checked, outcomes as data."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loguru import logger

from agents import schema

TOOLS_DIR = Path(__file__).with_name("tools")
MAX_FILE_BYTES = 64 * 1024
HANDOFF = "handoff"

Execute = Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """One JSON file."""

    name: str
    description: str
    category: str
    input_schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a tool gave: ``result`` as it goes over the wire, or an ``error``."""

    success: bool
    result: object = None
    error: str = ""

    @property
    def data(self) -> dict[str, Any]:
        """The decoded payload of a bank result; empty where there is none."""
        match self.result:
            case {"content": [{"text": str(text)}, *_]}:
                decoded = json.loads(text)
                return decoded if isinstance(decoded, dict) else {}
            case _:
                return {}


def content(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Wrap a payload in the shape of bank results."""
    return {"content": [{"text": json.dumps(payload)}]}


def load_definitions(folder: Path = TOOLS_DIR) -> dict[str, ToolDefinition]:
    """Read every definition; a file that is not one is skipped with a warning that names it."""
    found: dict[str, ToolDefinition] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            definition = _read(path)
        except (OSError, ValueError) as error:
            logger.warning("Skipped tool file {}: {}", path.name, error)
            continue
        found[definition.name] = definition
    for category, count in sorted(Counter(d.category for d in found.values()).items()):
        logger.info("Loaded {} {} tools", count, category)
    return found


def _read(path: Path) -> ToolDefinition:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES} bytes")
    raw = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str) or not raw["name"]:
        raise ValueError("no tool name")
    input_schema = raw.get("inputSchema") or raw.get("input_schema") or raw.get("parameters")
    if not isinstance(input_schema, dict):
        raise ValueError("no input schema")  # noqa: TRY004 - the file is wrong, not a caller's type
    unknown = schema.unknown_keywords(input_schema)
    if unknown:
        raise ValueError(f"input schema uses {', '.join(sorted(unknown))}, which is not checked")
    description, category = str(raw.get("description", "")), str(raw.get("category", "general"))
    return ToolDefinition(raw["name"], description, category, input_schema)


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools that one agent may use. A definition without an executor is only usable when it hands off."""

    offered: Mapping[str, ToolDefinition] = field(default_factory=dict)
    executors: Mapping[str, Execute] = field(default_factory=dict)

    @classmethod
    def of(
        cls, names: Iterable[str], definitions: Mapping[str, ToolDefinition], executors: Mapping[str, Execute]
    ) -> Toolbox:
        """Offer the named tools; one that has no definition is left out with a warning."""
        offered = {}
        for name in names:
            if name in definitions:
                offered[name] = definitions[name]
            else:
                logger.warning("Tool {} has no definition and is not offered", name)
        return cls(offered, executors)

    def run(self, name: str, arguments: Mapping[str, Any]) -> ToolOutcome:
        """Check the input and run the tool; every failure is an outcome, none an exception."""
        definition = self.offered.get(name)
        if definition is None:
            return ToolOutcome(success=False, error=f"Tool not offered: {name}")
        wrong = schema.problems(definition.input_schema, dict(arguments))
        if wrong:
            return ToolOutcome(success=False, error=f"Invalid tool input: {'; '.join(wrong)}")
        if definition.category == HANDOFF:
            return ToolOutcome(success=True)
        if name not in self.executors:
            return ToolOutcome(success=False, error=f"Tool has no implementation: {name}")
        try:
            return ToolOutcome(success=True, result=self.executors[name](arguments))
        except (ValueError, sqlite3.Error) as error:
            return ToolOutcome(success=False, error=f"{type(error).__name__}: {error}")
