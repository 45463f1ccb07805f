"""Which labels a resource carries: by its codes, by words in its text, by what its sender said, by the member's age."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from interpayer.model.sensitivity import Category
from interpayer.normalization.labeling.security import told_of
from interpayer.normalization.labeling.sets import Sets, is_meant, places_of

_CODES = re.compile(rb'"code":"([^"\\]{2,40})"')
# Where people write what they mean; the same few texts come again and again, so each is looked at once.
_TEXTS = re.compile(
    rb'"(?:display|text|div|title|description|comment|conclusion|name|summary|patientInstruction|disposition'
    rb'|value(?:String|Markdown))":"([^"\\]*(?:\\.[^"\\]*)*)"'
)
# Longer ones are somebody's own words: they are looked at and not remembered.
_SHORT = 200
# Who a person is, who covers them, who said what: never sensitive by a code in them.
_PLAIN_TYPES = frozenset({"Patient", "Coverage", "Provenance"})
# Names of people and places are no words of medicine.
_WORDLESS_TYPES = _PLAIN_TYPES | {"Practitioner", "RelatedPerson", "Person", "Consent"}
# Where pages or free text lie that nothing here can read.
_ATTACHMENTS = frozenset({"DocumentReference", "Binary", "Media", "DiagnosticReport", "Communication"})
_PAGES = (b'"data":"', b'"attachment":{', b'"presentedForm":[')


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a record carries a label: the file that names the code or word, or who said so."""

    category: str
    by: str
    what: str


def labels_of(resource: Mapping[str, Any], body: bytes, sets: Sets) -> frozenset[str]:
    """The labels of a resource; `body` is the same as JSON without spaces, as it leaves."""
    kind = resource.get("resourceType")
    found = set(told_of(resource.get("meta")))
    if kind not in _PLAIN_TYPES:
        if any(places_of(sets, code.decode("utf-8", "replace")) for code in set(_CODES.findall(body))):
            found |= {finding.category for finding in _by_code(resource, sets)}
        if kind not in _WORDLESS_TYPES:
            for text in set(_TEXTS.findall(body)):
                found |= _words_in(sets, text) if len(text) <= _SHORT else _words_in.__wrapped__(sets, text)
        if _has_pages(kind, body):
            found.add(Category.UNSTRUCTURED.value)
    return frozenset(found)


def minors_own(labels: frozenset[str], sets: Sets, *, served_on: date, born_on: date | None) -> bool:
    """Whether the member was of an age at which they may seek such care alone. An unknown birth date says no."""
    if born_on is None:
        return False
    age = served_on.year - born_on.year - ((served_on.month, served_on.day) < (born_on.month, born_on.day))
    return age < sets.minor_until and any(age >= sets.minor_from.get(label, sets.minor_until) for label in labels)


def findings(resource: Mapping[str, Any], body: bytes, sets: Sets) -> list[Finding]:
    """Every reason for which this resource is labeled, for a person who asks why; words and codes are named."""
    found = [Finding(category, "meta.security", "its sender said so") for category in told_of(resource.get("meta"))]
    if resource.get("resourceType") not in _PLAIN_TYPES:
        found += _by_code(resource, sets)
        texts = _TEXTS.findall(body) if resource.get("resourceType") not in _WORDLESS_TYPES else []
        lowered = b"\n".join(texts).lower()
        found += [
            Finding(category, name, f"word {stem.decode()!r}")
            for stem, word, category, name in sets.words
            if stem in lowered and word.search(lowered)
        ]
    if _has_pages(resource.get("resourceType"), body):
        found.append(Finding(Category.UNSTRUCTURED.value, "its shape", "pages or text that nothing here reads"))
    return list(dict.fromkeys(found))


@lru_cache(maxsize=16_384)
def _words_in(sets: Sets, text: bytes) -> frozenset[str]:
    lowered = text.lower()
    return frozenset(c for stem, word, c, _ in sets.words if stem in lowered and word.search(lowered))


def _by_code(resource: Mapping[str, Any], sets: Sets) -> Iterator[Finding]:
    for coding in _codings({name: value for name, value in resource.items() if name != "meta"}):
        code = coding["code"]
        for system, category, name in sorted(places_of(sets, code)):
            if is_meant(sets, coding.get("system"), code, by=system):
                yield Finding(category, name, f"code {code} ({system})")


def _codings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object with a code in it, however deep."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("code"), str):
                yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _has_pages(kind: object, body: bytes) -> bool:
    return kind in _ATTACHMENTS and any(mark in body for mark in _PAGES)
