"""Terminology from files: FHIR resources and Bundles (.json), FHIR packages (.tgz), lists (.csv, .txt, .psv, .tsv).

A licensed list is read like any other: it is the customer's own file, and Interpayer brings none.
"""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from interpayer.terminology.content import Content, ContentFault
from interpayer.terminology.lists import ListSpec, read_list
from interpayer.terminology.resources import read_resource

LISTS = (".csv", ".txt", ".psv", ".tsv", ".rrf")
PACKAGES = (".tgz", ".tar.gz")
SUFFIXES = (".json", *PACKAGES, *LISTS)
# A larger file is no terminology that fits this machine.
LARGEST = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """One thing found in a file: its content, or why it cannot be used."""

    file: str
    content: Content | None
    problem: str = ""


def read_terminology(path: Path, spec: ListSpec | None) -> Iterator[Loaded]:
    """Everything below the path, one by one; a list needs the spec that says what it is."""
    files = [path] if not path.is_dir() else sorted(p for p in path.rglob("*") if p.name.lower().endswith(SUFFIXES))
    for file in files:
        name = file.name.lower()
        if name.endswith(PACKAGES):
            yield from _read_package(file)
        elif name.endswith(".json"):
            yield from _read_json(file.read_bytes(), file.name)
        else:
            yield _read_list(file, spec)


def _read_list(file: Path, spec: ListSpec | None) -> Loaded:
    if spec is None:
        return Loaded(file.name, None, "a list says not which system it is: name it")
    if file.stat().st_size > LARGEST:
        return Loaded(file.name, None, "is larger than 512 MiB")
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    try:
        return Loaded(file.name, read_list(io.StringIO(text, newline=""), spec, name=file.name))
    except ContentFault as fault:
        return Loaded(file.name, None, str(fault))


def _read_json(raw: bytes, name: str) -> Iterator[Loaded]:
    try:
        resource = orjson.loads(raw)
    except orjson.JSONDecodeError:
        yield Loaded(name, None, "is no JSON")
        return
    found = list(_read_resources(resource, name))
    yield from found or [Loaded(name, None, "holds no CodeSystem, ValueSet or ConceptMap")]


def _read_resources(resource: Any, name: str) -> Iterator[Loaded]:
    """The terminology in a resource, or in the entries of a Bundle."""
    if not isinstance(resource, dict):
        return
    if resource.get("resourceType") == "Bundle":
        for entry in resource.get("entry", ()):
            yield from _read_resources(entry.get("resource") if isinstance(entry, dict) else None, name)
        return
    try:
        content = read_resource(resource)
    except ContentFault as fault:
        yield Loaded(name, None, str(fault))
        return
    if content is not None:
        yield Loaded(name, content)


def _read_package(file: Path) -> Iterator[Loaded]:
    """The terminology of a FHIR package; its profiles are not ours to read."""
    try:
        with tarfile.open(file, "r|gz") as package:
            for member in filter(_may_hold, package):
                yield from _read_member(package, member, file.name)
    except (tarfile.TarError, OSError, EOFError):
        yield Loaded(file.name, None, "is no FHIR package")


def _may_hold(member: tarfile.TarInfo) -> bool:
    return member.isfile() and member.name.endswith(".json") and member.size <= LARGEST


def _read_member(package: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> Iterator[Loaded]:
    opened = package.extractfile(member)
    raw = opened.read() if opened else b""
    # Most files of a package are no terminology; the name of the type tells before anything is parsed.
    if not any(kind in raw for kind in (b'"CodeSystem"', b'"ValueSet"', b'"ConceptMap"')):
        return
    try:
        resource = orjson.loads(raw)
    except orjson.JSONDecodeError:
        yield Loaded(f"{name}:{Path(member.name).name}", None, "is no JSON")
        return
    yield from _read_resources(resource, f"{name}:{Path(member.name).name}")
