"""Which profiles a resource is to meet: those named, else those it claims, and the resources inside it."""

from collections.abc import Iterator
from typing import Any

from interpayer.validation.issue import Resource


def claimed(resource: Resource) -> tuple[str, ...]:
    """The profiles that a resource says it meets."""
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    return tuple(one for one in profiles if isinstance(one, str)) if isinstance(profiles, list) else ()


def holds_others(resource: Resource) -> bool:
    """Whether there can be resources inside it."""
    return "contained" in resource or resource.get("resourceType") in ("Bundle", "Parameters")


def inner_resources(resource: Resource) -> Iterator[tuple[str, dict[str, Any]]]:
    """The resources inside another, with their paths: contained ones, entries of a Bundle, values of Parameters."""
    kind = str(resource.get("resourceType"))
    for position, inner in enumerate(entries_of(resource.get("contained"))):
        if isinstance(inner, dict):
            yield f"{kind}.contained[{position}]", inner
    if kind in ("Bundle", "Parameters"):
        name = "entry" if kind == "Bundle" else "parameter"
        yield from _held(entries_of(resource.get(name)), f"{kind}.{name}")


def _held(entries: list[Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Resources of entries and of parameters within parameters, and what those contain in turn."""
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict):
            continue
        inner = entry.get("resource")
        if isinstance(inner, dict):
            place = f"{path}[{position}].resource"
            yield place, inner
            own = str(inner.get("resourceType"))
            yield from ((place + deeper.removeprefix(own), one) for deeper, one in inner_resources(inner))
        yield from _held(entries_of(entry.get("part")), f"{path}[{position}].part")


def entries_of(value: Any) -> list[Any]:
    """The entries of an array; none of anything else."""
    return value if isinstance(value, list) else []
