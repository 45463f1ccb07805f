"""FHIR R4 CodeSystem, ValueSet and ConceptMap as content (R4 terminologies.html; ConceptMap: conceptmap.html)."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from interpayer.terminology.content import (
    CodeSystem,
    Concept,
    ConceptMap,
    Content,
    ContentFault,
    Inclusion,
    Target,
    ValueSet,
)

# Equivalences that say "this is not the same": no target.
_NO_TARGET = frozenset({"unmatched", "disjoint"})
_INACTIVE = frozenset({"retired", "inactive", "deprecated", "withdrawn"})


def read_resource(resource: Mapping[str, Any]) -> Content | None:
    """What the resource says; None when it is no terminology. Raises ContentFault."""
    kind = resource.get("resourceType")
    if kind not in ("CodeSystem", "ValueSet", "ConceptMap"):
        return None
    url = resource.get("url")
    if not isinstance(url, str) or not url:
        raise ContentFault(f"{kind}.url is missing")
    named = (url, str(resource.get("version") or ""), str(resource.get("name") or ""))
    try:
        if kind == "CodeSystem":
            return CodeSystem(*named, tuple(_concepts(resource)), resource.get("content") == "complete")
        if kind == "ValueSet":
            return ValueSet(*named, tuple(_inclusions(resource)))
        return ConceptMap(*named, tuple(_targets(resource)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ContentFault(f"{kind} is not shaped as R4 says ({type(error).__name__})") from None


def _concepts(resource: Mapping[str, Any]) -> Iterator[Concept]:
    """Every code, the ones below others too; children may stand inside their parents to any depth."""
    waiting = list(reversed(resource.get("concept", ())))
    known = set()
    while waiting:
        concept = waiting.pop()
        if (code := str(concept["code"])) not in known:
            known.add(code)
            yield _concept(code, concept)
        waiting.extend(reversed(concept.get("concept", ())))


def _concept(code: str, concept: Mapping[str, Any]) -> Concept:
    properties = {entry["code"]: next((v for k, v in entry.items() if k.startswith("value")), None)
                  for entry in concept.get("property", ())}  # fmt: skip
    is_active = properties.get("inactive") is not True and properties.get("status") not in _INACTIVE
    ends = _day(properties.get("retirementDate") or properties.get("deprecationDate"))
    return Concept(code, concept.get("display"), _day(properties.get("effectiveDate")), ends, is_active)


def _day(value: Any) -> date | None:
    return date.fromisoformat(value[:10]) if isinstance(value, str) and len(value) >= 10 else None


def _inclusions(resource: Mapping[str, Any]) -> Iterator[Inclusion]:
    """The definition; where there is only an expansion, that."""
    compose = resource.get("compose")
    if compose is None:
        yield from _expanded(resource.get("expansion", {}).get("contains", ()))
        return
    for part in compose.get("include", ()):
        yield from _part(part, is_excluded=False)
    for part in compose.get("exclude", ()):
        yield from _part(part, is_excluded=True)


def _part(part: Mapping[str, Any], *, is_excluded: bool) -> Iterator[Inclusion]:
    system, concepts, sets = part.get("system"), part.get("concept", ()), part.get("valueSet", ())
    if part.get("filter"):
        words = "; ".join(f"{f.get('property')} {f.get('op')} {f.get('value')}" for f in part["filter"])
        yield Inclusion(system, rule=words, is_excluded=is_excluded)
    elif sets and (system or len(sets) > 1):
        # All of them must hold a code: an intersection, which is not evaluated here.
        yield Inclusion(system, rule="codes that are in several value sets", is_excluded=is_excluded)
    elif sets:
        yield Inclusion(value_set=str(sets[0]).split("|")[0], is_excluded=is_excluded)
    elif concepts:
        yield from (Inclusion(system, str(concept["code"]), is_excluded=is_excluded) for concept in concepts)
    else:
        yield Inclusion(system, is_excluded=is_excluded)


def _expanded(contains: Any) -> Iterator[Inclusion]:
    for entry in contains:
        if entry.get("code") and not entry.get("abstract"):
            yield Inclusion(entry.get("system"), str(entry["code"]))
        yield from _expanded(entry.get("contains", ()))


def _targets(resource: Mapping[str, Any]) -> Iterator[Target]:
    for number, group in enumerate(resource.get("group", ())):
        source = group.get("source")
        if not source:
            raise ContentFault(f"ConceptMap.group[{number}] names no system of its codes")
        for element in group.get("element", ()):
            # One without a code speaks of nothing that could be translated.
            if element.get("code"):
                yield from _element(source, group.get("target", ""), element)


def _element(source: str, system: str, element: Mapping[str, Any]) -> Iterator[Target]:
    found = element.get("target") or [{"equivalence": "unmatched"}]
    for target in found:
        equivalence = str(target.get("equivalence") or target.get("relationship") or "relatedto")
        code = None if equivalence in _NO_TARGET else target.get("code")
        yield Target(source, str(element["code"]), system, code, equivalence, target.get("display"))
