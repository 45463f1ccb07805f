"""Small guides made for a test: profiles told by their differences, value sets, and the package that holds them."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

from interpayer.validation.packages import Library, Package, read_package

BASE = "https://guide.example/StructureDefinition/"
TYPES = "http://hl7.org/fhir/StructureDefinition/"
Json = dict[str, Any]


def a_profile(kind: str, *elements: Json, name: str = "", base: str = "") -> Json:
    """A profile of a type by its differences alone; each element is an ElementDefinition without `path`."""
    listed = [{"id": kind}, *elements]
    return {
        "resourceType": "StructureDefinition",
        "url": BASE + (name or kind.lower()),
        "kind": "resource",
        "type": kind,
        "derivation": "constraint",
        "baseDefinition": base or TYPES + kind,
        "differential": {"element": [{"path": _path(one["id"]), **one} for one in listed]},
    }


def sliced(at: str, *discriminators: tuple[str, str], rules: str = "open") -> Json:
    """The element that is sliced, by (type, path) of each discriminator."""
    found = [{"type": kind, "path": path} for kind, path in discriminators]
    return {"id": at, "slicing": {"discriminator": found, "rules": rules}}


def a_value_set(name: str, system: str, *codes: str) -> Json:
    """A value set of listed codes."""
    include = [{"system": system, "concept": [{"code": code} for code in codes]}]
    return {
        "resourceType": "ValueSet",
        "url": f"https://guide.example/ValueSet/{name}",
        "compose": {"include": include},
    }


def a_package(
    folder: Path, *definitions: Json, name: str = "example.guide", version: str = "1.0.0", needs: Json | None = None
) -> Path:
    """The package as a file."""
    path = folder / f"{name}-{version}.tgz"
    about = {"name": name, "version": version, "dependencies": needs or {"hl7.fhir.r4.core": "4.0.1"}}
    files = {"package.json": about}
    files |= {f"{one['resourceType']}-{number}.json": one for number, one in enumerate(definitions)}
    with tarfile.open(path, "w:gz") as opened:
        for file_name, content in files.items():
            add_file(opened, f"package/{file_name}", json.dumps(content).encode())
    return path


def add_file(opened: tarfile.TarFile, name: str, content: bytes) -> None:
    """One file into an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    opened.addfile(member, io.BytesIO(content))


def a_library(core: Package, folder: Path, *definitions: Json) -> Library:
    """R4 itself and one guide."""
    return Library([core, read_package(a_package(folder, *definitions))])


def _path(element_id: str) -> str:
    return ".".join(part.partition(":")[0] for part in element_id.split("."))
