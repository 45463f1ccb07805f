"""Compiled profiles kept on disk, by what they were made from: the packages and this program's own text."""

import hashlib
from collections.abc import Callable
from functools import cache as once
from pathlib import Path

import orjson

from interpayer.validation.packages import Found, Library
from interpayer.validation.schema.build import Built


class KeptSchemas:
    """Schemas in a folder; nothing is kept without one, or where it cannot be written."""

    def __init__(self, library: Library, folder: Path | None) -> None:
        """Any change of the packages or of the compiler makes other names, so nothing kept is ever stale."""
        self._folder = folder
        digests = sorted(package.digest for package in library.packages.values())
        self._made_from = hashlib.sha256("".join(digests).encode()).hexdigest()

    def get(self, found: Found, make: Callable[[], Built]) -> Built:
        """The schema of a profile: the one kept, else made and kept."""
        if self._folder is None:
            return make()
        named = f"{found.package.id} {found.entry.url} {self._made_from} {_compiler()}"
        path = self._folder / f"{hashlib.sha256(named.encode()).hexdigest()}.schema"
        kept = _read(path)
        if kept is None:
            kept = make()
            _write(path, kept)
        return kept


def _read(path: Path) -> Built | None:
    try:
        content = orjson.loads(path.read_bytes())
        return Built(content["schema"], tuple(content["left_out"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, built: Built) -> None:
    """Other processes see all of it or nothing; a folder that cannot be written keeps nothing."""
    unfinished = path.with_suffix(f".{hashlib.sha256(str(id(built)).encode()).hexdigest()[:8]}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(orjson.dumps({"schema": built.schema, "left_out": built.left_out}))
        unfinished.replace(path)
    except OSError:
        return


@once
def _compiler() -> str:
    """What makes the schemas: the text of this room."""
    texts = (path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
    return hashlib.sha256(b"".join(texts)).hexdigest()
