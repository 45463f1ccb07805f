"""Translation of codes by given maps. What has no mapping says so: it is never dropped and never guessed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

UNMAPPED = "record.unmapped"


@dataclass(frozen=True, slots=True)
class Code:
    """A code in its system."""

    system: str
    code: str


@dataclass(frozen=True, slots=True)
class CodeMap:
    """A versioned map from codes to codes, each target with its equivalence (FHIR concept-map-equivalence).

    ``spelled`` gives a code in the spelling that the map uses; None when it is no code of its system.
    """

    id: str
    version: str
    targets: Mapping[Code, tuple[tuple[Code, str], ...]]
    spelled: Callable[[Code], Code | None] | None = None


@dataclass(frozen=True, slots=True)
class Translation:
    """Every target with its equivalence; `reason` is ``record.unmapped`` when there is none. The original stays."""

    original: Code
    targets: tuple[tuple[Code, str], ...]
    map_version: str
    reason: str | None

    @property
    def state(self) -> str:
        """``mapped`` or ``unmapped``."""
        return "unmapped" if self.reason else "mapped"


def translate(code: Code, by: CodeMap) -> Translation:
    """What the map says of the code, however it is spelled."""
    spelled = by.spelled(code) if by.spelled else code
    targets = by.targets.get(spelled, ()) if spelled else ()
    return Translation(code, targets, f"{by.id}|{by.version}", None if targets else UNMAPPED)


def translate_concept(concept: Mapping[str, Any], by: CodeMap) -> tuple[dict[str, Any], tuple[Translation, ...]]:
    """A CodeableConcept with the codings it had, in their order, and behind them what the map adds.

    One translation for each coding of a system that the map speaks of; a target that is there already is not repeated.
    """
    codings = [coding for coding in concept.get("coding", ()) if isinstance(coding, dict)]
    systems = {code.system for code in by.targets}
    asked = [Code(c["system"], c["code"]) for c in codings if c.get("system") in systems and c.get("code")]
    told = tuple(translate(code, by) for code in asked)
    targets = dict.fromkeys(target for translation in told for target, _ in translation.targets)
    known = {(coding.get("system"), coding.get("code")) for coding in codings}
    added = [{"system": t.system, "code": t.code} for t in targets if (t.system, t.code) not in known]
    return {**concept, "coding": [*codings, *added]} if added else dict(concept), told
