"""The adapters there are, listed by hand: nothing registers itself."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import httpx2

from interpayer.adapters.base import Found, LiveSource, Source
from interpayer.adapters.declaration import Declaration
from interpayer.adapters.documents.reading import join_documents, read_document
from interpayer.adapters.fhir_files import PATTERNS as FHIR_PATTERNS
from interpayer.adapters.fhir_files import read_opened
from interpayer.adapters.fhir_server.server import FhirServer
from interpayer.adapters.fhir_server.tokens import Sign
from interpayer.adapters.files import Reader, files_below, fits, read_files
from interpayer.adapters.hl7v2.reading import read_hl7v2
from interpayer.adapters.tables.files import open_table_files
from interpayer.adapters.tables.sql import open_table_database
from interpayer.adapters.x12.joining import join_remittances
from interpayer.adapters.x12.reading import read_x12
from interpayer.model.reason import Refusal


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of source that lies in files: which files by their names, and who reads an opened one."""

    patterns: tuple[str, ...]
    reader: Reader
    # Where records of several files belong together: gives all of them, handed a way to read every file.
    join: Callable[[Callable[[Reader], Iterator[Found]]], Iterator[Found]] | None = None


# Feeds name their files as they like; a folder of a feed holds nothing else.
EVERY_FILE = ("*",)
FILE_KINDS: Mapping[str, FileKind] = {
    "fhir_files": FileKind(FHIR_PATTERNS, read_opened),
    "x12": FileKind(EVERY_FILE, read_x12, join_remittances),
    "hl7v2": FileKind(EVERY_FILE, read_hl7v2),
    "documents": FileKind(EVERY_FILE, read_document, join_documents),
}


@runtime_checkable
class InFiles(Source, Protocol):
    """A source that lies in files."""

    def files(self) -> list[tuple[Path, str]]:
        """The files that are read, with their names."""

    def passed_over(self) -> list[str]:
        """The names of the files beside them that are not."""


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
        files = self.files()
        if self.kind.join is not None:
            return self.kind.join(partial(read_files, files))
        return read_files(files, self.kind.reader)

    def files(self) -> list[tuple[Path, str]]:
        """The files that are read."""
        return files_below(self.declaration.path, self._patterns())

    def passed_over(self) -> list[str]:
        """The names of the files beside them that are not read."""
        return [name for file, name in files_below(self.declaration.path) if not fits(file, self._patterns())]

    def _patterns(self) -> tuple[str, ...]:
        pattern = self.declaration.where.get("pattern")
        return (str(pattern),) if pattern else self.kind.patterns


@dataclass(frozen=True, slots=True)
class Means:
    """What adapters call out with: a client that trusts the given authority (PEM; None: the machine's), our assertion
    (client id, audience), and the environment variables that hold secrets.
    """

    http: Callable[[Path | None], httpx2.Client]
    sign: Sign
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


def open_live(declaration: Declaration, means: Means) -> LiveSource:
    """The live source of this declaration. Keep it: it holds connections, tokens and what the source promised."""
    if declaration.kind == "fhir_server":
        return _open_fhir_server(declaration, means)
    if declaration.kind == "tables" and declaration.is_live:
        return open_table_database(declaration, means.environ)
    raise Refusal("request.malformed", f"`kind`: {declaration.kind} is not asked while an answer is made")


def _open_fhir_server(declaration: Declaration, means: Means) -> FhirServer:
    authority = declaration.where.get("ca")
    ca = declaration.folder / str(authority) if authority else None
    return FhirServer(declaration, means.http(ca), means.sign)


def open_source(declaration: Declaration, means: Means) -> Source:
    """The source of this declaration, to be read as a whole. Raises FileNotFoundError when its path is not there."""
    if declaration.kind == "fhir_server":
        return _open_fhir_server(declaration, means)
    if declaration.is_live:
        return open_table_database(declaration, means.environ)
    if not declaration.path.exists():
        raise FileNotFoundError(None, "", str(declaration.path))
    if declaration.kind == "tables":
        return open_table_files(declaration)
    kind = FILE_KINDS.get(declaration.kind)
    if kind is None:
        raise Refusal("request.malformed", f"`kind`: {declaration.kind} cannot be read here")
    return FileSource(declaration, kind)
