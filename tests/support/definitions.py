"""The FHIR packages among the foreign test data, and what of them tests of expressions need."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from interpayer.validation.fhirpath.model import TypeModel, type_code
from interpayer.validation.packages import CORE, Package, read_package

TYPES = "http://hl7.org/fhir/StructureDefinition/"
Resource = dict[str, Any]


@cache
def packages(folder: Path) -> tuple[Package, ...]:
    """Every package of the test data, R4 itself first."""
    found = [read_package(path) for path in sorted((folder / "fhir-packages").glob("*.tgz"))]
    return tuple(sorted(found, key=lambda one: one.name != CORE))


@cache
def type_model(folder: Path) -> TypeModel:
    """The types of R4."""
    core = packages(folder)[0]

    def find(name: str) -> Resource | None:
        entry = core.entries.get(TYPES + name)
        return None if entry is None else core.read(entry)

    return TypeModel(find)


@cache
def constraints(folder: Path) -> dict[str, dict[str, str]]:
    """Every expression of every snapshot by the context it is evaluated in, with its key."""
    found: dict[str, dict[str, str]] = {}
    for package in packages(folder):
        kinds = [entry for entry in package.entries.values() if entry.kind == "StructureDefinition"]
        definitions = [one for one in map(package.read, kinds) if one.get("kind") != "logical"]
        for element in (each for one in definitions for each in one.get("snapshot", {}).get("element", ())):
            _note(element, found)
    return found


def _note(element: Resource, found: dict[str, dict[str, str]]) -> None:
    path = element["path"]
    codes = [path] if "." not in path else [type_code(one) for one in element.get("type", ())] or [path]
    for constraint in element.get("constraint", ()):
        for code in codes:
            context = path if code in {"BackboneElement", "Element"} else code
            found.setdefault(context, {})[constraint["expression"]] = constraint["key"]


def example_files(test_data: Path) -> dict[str, Path]:
    """Every official example by guide and name."""
    folders = [test_data / "sample-data" / "fhir" / "ig-examples", test_data / "fhir-examples"]
    found = sorted(path for folder in folders for path in folder.glob("*/*.json"))
    return {f"{path.parent.name}/{path.name}": path for path in found if b'"resourceType"' in path.read_bytes()}


@cache
def examples(folder: Path) -> tuple[Resource, ...]:
    """The official examples themselves."""
    return tuple(json.loads(path.read_text(encoding="utf-8")) for path in example_files(folder).values())


def nodes(resource: Resource, model: TypeModel) -> Iterator[tuple[str, Resource]]:
    """Every object in a resource with the type or path that it has in R4."""
    yield from _below(resource, resource["resourceType"], model)


def _below(node: Resource, context: str, model: TypeModel) -> Iterator[tuple[str, Resource]]:
    context = node.get("resourceType", context)
    yield context, node
    kinds = {key: kind for member in model.members(context).values() for key, kind in member.keys}
    for key, value in node.items():
        for each in value if isinstance(value, list) else [value]:
            if key in kinds and isinstance(each, dict):
                yield from _below(each, kinds[key], model)
