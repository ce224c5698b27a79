"""Personas, prompts, workflows and tools as files: what is shipped, under what was written since.

Written files are replaced whole and appear at once or not at all; the deletion of a shipped entry is written as a mark
beside it. Every call reads or writes files: call it off the event loop.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

SHIPPED: Final = Path(__file__).parent / "data"
MAX_ENTRIES: Final = 500
"""Per kind; a write beyond it is refused."""

_DELETED: Final = ".deleted"


class Kind(Enum):
    """What is kept: the folder, and how its files end."""

    PERSONAS = ("personas", ".json")
    PROMPTS = ("prompts", ".txt")
    WORKFLOWS = ("workflows", ".json")

    @property
    def folder(self) -> str:
        """The folder's name."""
        return self.value[0]

    @property
    def suffix(self) -> str:
        """How its files end."""
        return self.value[1]


class CatalogueFull(Exception):  # noqa: N818 - names the state, as it is answered
    """There are `MAX_ENTRIES` of that kind."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Entries by kind and id. Ids are validated by whoever takes them from outside."""

    written: Path
    tools_dir: Path
    shipped: Path = SHIPPED

    def ids(self, kind: Kind) -> list[str]:
        """Every id, sorted."""
        gone = {path.name.removesuffix(_DELETED) for path in self._folder(kind).glob("*" + _DELETED)}
        shipped = {path.stem for path in (self.shipped / kind.folder).glob("*" + kind.suffix)}
        return sorted((shipped - gone) | {path.stem for path in self._folder(kind).glob("*" + kind.suffix)})

    def text(self, kind: Kind, entry: str) -> str | None:
        """The content of one entry; None where there is none."""
        for folder in (self._folder(kind), self.shipped / kind.folder):
            if (folder / (entry + _DELETED)).exists():
                return None
            path = folder / (entry + kind.suffix)
            if path.is_file():
                return path.read_text(encoding="utf-8")
        return None

    def document(self, kind: Kind, entry: str) -> dict[str, object] | None:
        """One entry that holds a JSON object; None where there is none or where it holds something else."""
        text = self.text(kind, entry)
        return None if text is None else _object(text)

    def write(self, kind: Kind, entry: str, text: str) -> None:
        """Write one entry whole. Raises `CatalogueFull` and ``OSError``."""
        ids = self.ids(kind)
        if entry not in ids and len(ids) >= MAX_ENTRIES:
            raise CatalogueFull(f"there are {MAX_ENTRIES} {kind.folder} already")
        folder = self._folder(kind)
        replace_file(folder / (entry + kind.suffix), text)
        (folder / (entry + _DELETED)).unlink(missing_ok=True)

    def delete(self, kind: Kind, entry: str) -> bool:
        """Remove one entry; False where there is none."""
        if entry not in self.ids(kind):
            return False
        if (self.shipped / kind.folder / (entry + kind.suffix)).exists():
            replace_file(self._folder(kind) / (entry + _DELETED), "")
        (self._folder(kind) / (entry + kind.suffix)).unlink(missing_ok=True)
        return True

    def tools(self) -> list[dict[str, object]]:
        """The tools that agents of this installation load, as their files define them."""
        found = (_object(path.read_text(encoding="utf-8")) for path in sorted(self.tools_dir.glob("*.json")))
        return [tool for tool in found if tool is not None]

    def voices(self) -> list[dict[str, object]]:
        """The voices that a frontend may offer."""
        voices: list[dict[str, object]] = json.loads((self.shipped / "voices.json").read_text(encoding="utf-8"))
        return voices

    def _folder(self, kind: Kind) -> Path:
        return self.written / kind.folder


def replace_file(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:  # made with mode 0600
        temporary = Path(file.name)
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _object(text: str) -> dict[str, object] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
