"""FHIR packages (.tgz) of a folder: which there are, what is in them, and how a canonical is resolved within a set.

A package set is a package with its dependencies; two versions of one guide never mix (FHIR packages, "dependencies").
"""

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import orjson

CORE = "hl7.fhir.r4.core"
# Of what is kept in a cache; a change makes other files.
FORMAT = 2
# Where a claim names no version and the folder has several: the one that US rules name before the newest.
PREFERRED: Mapping[str, str] = {"hl7.fhir.us.core": "6.1.0"}
# A package of definitions is some megabytes; more than this is a mistake or an attack.
MEMBER_LIMIT, PACKAGE_LIMIT = 64 << 20, 1 << 30
Definition: TypeAlias = dict[str, Any]


class PackageUnusable(Exception):
    """A package cannot be read; the message names the file and says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One definition inside a package: what it is called, and where its bytes lie."""

    url: str
    version: str
    kind: str
    # Of a StructureDefinition: `resource`, `complex-type`, `primitive-type`; nothing when it constrains another.
    defines: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Package:
    """One package: its definitions by canonical url, and on which other packages it builds."""

    name: str
    version: str
    digest: str
    dependencies: Mapping[str, str]
    entries: Mapping[str, Entry]
    body: Callable[[int, int], bytes] = field(repr=False, compare=False)

    @property
    def id(self) -> str:
        """Name and version, as FHIR writes them."""
        return f"{self.name}#{self.version}"

    def read(self, entry: Entry) -> Definition:
        """The definition itself."""
        content: Definition = orjson.loads(self.body(entry.offset, entry.length))
        return content


@dataclass(frozen=True, slots=True)
class Found:
    """A definition and the package it came from: what it refers to resolves in that package's set."""

    package: Package
    entry: Entry


class Library:
    """Every package of a folder; resolves a canonical within the set of a package."""

    def __init__(self, packages: Iterable[Package], preferred: Mapping[str, str] = PREFERRED) -> None:
        """Later packages of the same name and version are ignored; `preferred` names versions by package."""
        self.packages: dict[str, Package] = {}
        for package in packages:
            self.packages.setdefault(package.id, package)
        self._sets: dict[str, tuple[Package, ...]] = {}
        self._by_rank = sorted(self.packages.values(), key=lambda one: _rank(one, preferred), reverse=True)

    @property
    def core(self) -> Package | None:
        """The definitions of FHIR R4 itself, which every set builds on."""
        return max((one for one in self.packages.values() if one.name == CORE), key=_newest, default=None)

    def package_set(self, package: Package) -> tuple[Package, ...]:
        """The package, what it depends on (near before far), and R4 itself."""
        if package.id not in self._sets:
            found = [package]
            for one in found:
                found += [other for other in self._dependencies(one) if other not in found]
            core = self.core
            self._sets[package.id] = tuple(found if core is None or core in found else [*found, core])
        return self._sets[package.id]

    def missing(self, package: Package) -> tuple[str, ...]:
        """Dependencies that are not in the folder, and what stands in for them."""
        words = []
        for name, version in package.dependencies.items():
            other = self._stand_in(name, version)
            if other is None:
                words.append(f"{name}#{version} is missing")
            elif other.version != version:
                words.append(f"{name}#{version} is missing; {other.version} stands in")
        return tuple(words)

    def find(self, canonical: str, package: Package | None = None) -> Found | None:
        """What a canonical (`url` or `url|version`) means in the set of a package; None when the folder lacks it.

        A version is taken exactly where any package has it. Without one, or when nobody has it, the nearest package
        of the set decides, then the preferred one of the folder, then the newest.
        """
        url, _, version = canonical.partition("#")[0].partition("|")
        near = self._having(url, self.package_set(package) if package is not None else ())
        far = self._having(url, self._by_rank)
        exact = next((one for one in [*near, *far] if version and _is_version(one.entry.version, version)), None)
        return exact or next(iter([*near, *far]), None)

    def versions(self, url: str) -> tuple[Found, ...]:
        """Every definition of a url without version in the folder, best first."""
        return tuple(self._having(url, self._by_rank))

    @staticmethod
    def _having(url: str, packages: Iterable[Package]) -> list[Found]:
        return [Found(one, one.entries[url]) for one in packages if url in one.entries]

    def _dependencies(self, package: Package) -> Iterator[Package]:
        for name, version in package.dependencies.items():
            other = self._stand_in(name, version)
            if other is not None:
                yield other

    def _stand_in(self, name: str, version: str) -> Package | None:
        """The version asked for, else the nearest newer one, else the newest."""
        known = sorted((one for one in self.packages.values() if one.name == name), key=_newest)
        wanted = version_key(version)
        return next((one for one in known if version_key(one.version) >= wanted), known[-1] if known else None)


def read_library(folder: Path, cache: Path | None = None) -> Library:
    """All packages of a folder; unpacked once into `cache`, if there is one that can be written."""
    return Library(read_package(path, cache) for path in sorted(folder.glob("*.tgz")))


def read_package(path: Path, cache: Path | None = None) -> Package:
    """One package file; raises PackageUnusable when it is none."""
    packed = path.read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    kept = None if cache is None else cache / f"{digest}-{FORMAT}.package"
    if kept is not None and kept.exists() and kept.with_suffix(".index").exists():
        return _from_cache(kept, digest)
    try:
        index, body = _unpack(packed)
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise PackageUnusable(f"{path.name} is no FHIR package that can be read: {type(error).__name__}") from error
    if kept is not None and _keep(kept, index, body):
        return _from_cache(kept, digest)
    return _package(index, digest, lambda offset, length: body[offset : offset + length])


def _unpack(packed: bytes) -> tuple[dict[str, Any], bytes]:
    """The index and all definitions one after the other."""
    index: dict[str, Any] = {"entries": []}
    body = bytearray()
    with tarfile.open(fileobj=BytesIO(packed), mode="r:gz") as opened:
        for member in opened:
            if not _is_definition(member):
                continue
            file = opened.extractfile(member)
            content = b"" if file is None else file.read()
            if len(body) + len(content) > PACKAGE_LIMIT:
                raise ValueError("the package is too large")
            _index(index, member.name, content, body)
    if "name" not in index:
        raise KeyError("package.json")
    return index, bytes(body)


def _is_definition(member: tarfile.TarInfo) -> bool:
    parts = member.name.removeprefix("./").split("/")
    is_ours = member.isfile() and len(parts) == 2 and parts[0] == "package" and parts[1].endswith(".json")
    return is_ours and not parts[1].startswith(".") and member.size <= MEMBER_LIMIT


def _index(index: dict[str, Any], name: str, content: bytes, body: bytearray) -> None:
    found = orjson.loads(content)
    if name.endswith("/package.json"):
        dependencies = {key: str(value) for key, value in (found.get("dependencies") or {}).items()}
        index |= {"name": found["name"], "version": found["version"], "dependencies": dependencies}
    elif isinstance(found.get("url"), str) and "resourceType" in found:
        defines = "" if found.get("derivation") == "constraint" else str(found.get("kind", ""))
        entry = [found["url"], str(found.get("version", "")), found["resourceType"], defines, len(body), len(content)]
        index["entries"].append(entry)
        body += content


def _keep(kept: Path, index: dict[str, Any], body: bytes) -> bool:
    """Whether the unpacked package could be written beside the index; other processes see all of it or nothing."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        for path, content in ((kept, body), (kept.with_suffix(".index"), orjson.dumps(index))):
            unfinished = path.with_name(f"{path.name}.{hashlib.sha256(content).hexdigest()[:8]}.new")
            unfinished.write_bytes(content)
            unfinished.replace(path)
    except OSError:
        return False
    return True


def _from_cache(kept: Path, digest: str) -> Package:
    def body(offset: int, length: int) -> bytes:
        with kept.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    return _package(orjson.loads(kept.with_suffix(".index").read_bytes()), digest, body)


def _package(index: Mapping[str, Any], digest: str, body: Callable[[int, int], bytes]) -> Package:
    # A definition without a version has that of its package.
    entries = {row[0]: Entry(row[0], row[1] or index["version"], *row[2:]) for row in index["entries"]}
    return Package(index["name"], index["version"], digest, index["dependencies"], entries, body)


def version_key(version: str) -> tuple[tuple[int, ...], bool, str]:
    """How versions are ordered: by their numbers; a preview comes before what it previews."""
    numbers, _, label = version.partition("-")
    return tuple(int(part) for part in re.findall(r"\d+", numbers)), not label, label


def _rank(package: Package, preferred: Mapping[str, str]) -> tuple[bool, tuple[tuple[int, ...], bool, str]]:
    return preferred.get(package.name) == package.version, _newest(package)


def _newest(package: Package) -> tuple[tuple[int, ...], bool, str]:
    return version_key(package.version)


def _is_version(have: str, wanted: str) -> bool:
    return have == wanted or have.startswith(f"{wanted}.")
