"""Every message that the store takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SaveDocument:
    """Write one document; not answered."""

    collection: str
    key: str
    document: Mapping[str, object]
    ttl_s: float | None = None


@dataclass(frozen=True, slots=True)
class LoadDocument:
    """Answered to the sender with `DocumentLoaded`."""

    collection: str
    key: str


@dataclass(frozen=True, slots=True)
class DocumentLoaded:
    """Answer to `LoadDocument`; None when absent or expired."""

    collection: str
    key: str
    document: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class DeleteDocument:
    """Remove one document; not answered."""

    collection: str
    key: str
