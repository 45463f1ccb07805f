"""Translation of codes by given maps. What has no mapping says so: it is never dropped and never guessed."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A code in its system."""

    system: str
    code: str


@dataclass(frozen=True, slots=True)
class CodeMap:
    """A versioned map from codes to codes, each target with its equivalence (FHIR concept-map-equivalence)."""

    id: str
    version: str
    targets: Mapping[Code, tuple[tuple[Code, str], ...]]


@dataclass(frozen=True, slots=True)
class Translation:
    """Every target with its equivalence; `reason` is ``record.unmapped`` when there is none. The original stays."""

    original: Code
    targets: tuple[tuple[Code, str], ...]
    map_version: str
    reason: str | None


def translate(code: Code, by: CodeMap) -> Translation:
    """What the map says of the code."""
    targets = by.targets.get(code, ())
    return Translation(code, targets, f"{by.id}|{by.version}", None if targets else "record.unmapped")
