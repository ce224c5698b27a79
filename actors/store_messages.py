"""Every message that the store takes and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping


class SaveDocument(Struct, frozen=True):
    """Write one document; not answered."""

    collection: str
    key: str
    document: Mapping[str, object]
    ttl_s: float | None = None


class LoadDocument(Struct, frozen=True):
    """Answered to the sender with `DocumentLoaded`."""

    collection: str
    key: str


class DocumentLoaded(Struct, frozen=True):
    """Answer to `LoadDocument`; None when absent or expired."""

    collection: str
    key: str
    document: Mapping[str, object] | None


class DeleteDocument(Struct, frozen=True):
    """Remove one document; not answered."""

    collection: str
    key: str
