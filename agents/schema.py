"""Checks a tool's input against the part of JSON Schema that our definitions use.

A full validator would be a dependency for six keywords; an unknown keyword is refused when the definition loads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_KEYWORDS = frozenset("type properties required additionalProperties pattern enum minimum maximum maxLength".split())
_NOTES = frozenset("description title default examples format".split())


def unknown_keywords(schema: Mapping[str, Any]) -> set[str]:
    """Name the keywords that `problems` would not check."""
    found = set(schema) - _KEYWORDS - _NOTES
    for part in (schema.get("properties") or {}).values():
        found |= unknown_keywords(part)
    return found


def problems(schema: Mapping[str, Any], value: object, name: str = "input") -> list[str]:
    """List what is wrong, in words that never repeat the value itself; empty when it fits."""
    kind = schema.get("type")
    if kind and not _is_a(kind, value):
        return [f"{name} must be of type {kind}"]
    found = _bounds(schema, value, name)
    if isinstance(value, dict):
        found += _members(schema, value, name)
    return found


def _is_a(kind: str, value: object) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, _TYPES.get(kind, (object,)))


def _bounds(schema: Mapping[str, Any], value: object, name: str) -> list[str]:
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{name} must be one of {', '.join(map(str, schema['enum']))}")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append(f"{name} does not have the expected form")
        if len(value) > schema.get("maxLength", 4_000):
            found.append(f"{name} is too long")
    elif isinstance(value, (int, float)):
        if value < schema.get("minimum", value):
            found.append(f"{name} must be at least {schema['minimum']}")
        if value > schema.get("maximum", value):
            found.append(f"{name} must be at most {schema['maximum']}")
    return found


def _members(schema: Mapping[str, Any], value: Mapping[str, object], name: str) -> list[str]:
    parts: Mapping[str, Any] = schema.get("properties") or {}
    found = [f"{name}.{key} is required" for key in schema.get("required", ()) if key not in value]
    if schema.get("additionalProperties") is False:
        found += [f"{name}.{key} is not known" for key in value if key not in parts]
    for key, part in parts.items():
        if key in value:
            found += problems(part, value[key], f"{name}.{key}")
    return found
