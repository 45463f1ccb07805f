"""The adapters there are, listed by hand: nothing registers itself."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from interpayer.adapters.base import Found, LiveSource, Source
from interpayer.adapters.declaration import Declaration
from interpayer.adapters.fhir_files import PATTERNS as FHIR_PATTERNS
from interpayer.adapters.fhir_files import read_opened
from interpayer.adapters.files import Reader, files_below, fits, read_files
from interpayer.model.reason import Refusal


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of source that lies in files: which files by their names, and who reads an opened one."""

    patterns: tuple[str, ...]
    reader: Reader


FILE_KINDS: Mapping[str, FileKind] = {"fhir_files": FileKind(FHIR_PATTERNS, read_opened)}


@dataclass(frozen=True, slots=True)
class FileSource:
    """A declared source of files."""

    declaration: Declaration
    kind: FileKind

    @property
    def name(self) -> str:
        """The declared name."""
        return self.declaration.name

    def read(self) -> Iterator[Found]:
        """Every record of every file that fits, file by file in the order of their names."""
        return read_files(self.files(), self.kind.reader)

    def files(self) -> list[tuple[Path, str]]:
        """The files that are read."""
        return files_below(self.declaration.path, self._patterns())

    def passed_over(self) -> list[str]:
        """The names of the files beside them that are not read."""
        return [name for file, name in files_below(self.declaration.path) if not fits(file, self._patterns())]

    def _patterns(self) -> tuple[str, ...]:
        pattern = self.declaration.where.get("pattern")
        return (str(pattern),) if pattern else self.kind.patterns


def open_source(declaration: Declaration) -> Source:
    """The source of this declaration. Raises FileNotFoundError when its path is not there."""
    kind = FILE_KINDS.get(declaration.kind)
    if kind is None:
        raise Refusal("request.malformed", f"`kind`: {declaration.kind} cannot be read here")
    if not declaration.path.exists():
        raise FileNotFoundError(None, "", str(declaration.path))
    return FileSource(declaration, kind)


ADAPTERS: Mapping[str, Callable[[Declaration], Source]] = dict.fromkeys(FILE_KINDS, open_source)
LIVE: Mapping[str, Callable[[Declaration], LiveSource]] = {}
