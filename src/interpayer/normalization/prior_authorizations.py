"""Which prior authorizations are exchanged (PDex 2.2 payer-to-payer; 42 CFR 422.121(b)(4)(ii); standards.md, trap 4).

Denied ones and those for drugs are not. Approved, partly approved and pended ones are, while they are active or their
status changed within a year before the request: that needs the day of the request, so the days are kept as columns.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from interpayer.normalization.service_dates import read_day

Resource: TypeAlias = Mapping[str, Any]

DENIED = "record.excluded_denied_authorization"
DRUG = "record.excluded_drug_authorization"
TYPES = frozenset({"ExplanationOfBenefit", "Claim", "ClaimResponse"})
# X12 list 306 as PDex and PAS carry it; CMS Medicare FFS says it with letters of its own.
REVIEW_ACTION = "extension-reviewActionCode"
DENIED_CODES = frozenset({"A3"})
OWN_DECISIONS = {"https://bluebutton.cms.gov/fhir/StructureDefinition/PA-DECISION": frozenset({"N"})}
DRUG_SYSTEMS = ("/sid/ndc", "/rxnorm")
DRUG_CODE = re.compile(r"^J\d{4}$")
_CHANGED = ("when-adjudicated", "preAuthIssueDate", "PA-DECISION-DT", "PA-DT-UPDATED")


@dataclass(frozen=True, slots=True)
class Authorization:
    """What exports need to know of a prior authorization; `excluded` is a reason code."""

    excluded: str | None
    changed_on: date | None
    ends_on: date | None


def read_authorization(resource: Resource) -> Authorization | None:
    """None for everything that is not a prior authorization."""
    if resource.get("resourceType") not in TYPES or resource.get("use") != "preauthorization":
        return None
    excluded = DENIED if is_denied(resource) else DRUG if is_for_drugs(resource) else None
    return Authorization(excluded, _changed_on(resource), _ends_on(resource))


def is_denied(resource: Resource) -> bool:
    """Denied as a whole: its own decision says so or, when it has none, that of every line.

    Without any coded decision a denial reason with nothing allowed, or the words of the disposition, count.
    """
    whole = set(_decisions(resource, deep=False))
    if whole:
        return whole <= {True}
    lines = [set(_decisions(line, deep=True)) for line in _lines(resource)]
    decided = [decision for decision in lines if decision]
    if decided:
        return len(decided) == len(lines) and all(decision == {True} for decision in decided)
    return _is_denied_by_reason(resource) or str(resource.get("disposition", "")).strip().lower().startswith("denied")


def is_for_drugs(resource: Resource) -> bool:
    """For drugs only: of type pharmacy, or every line names a drug (NDC, RxNorm, HCPCS J codes)."""
    if any(code == "pharmacy" for _, code in _codings(resource.get("type"))):
        return True
    lines = [list(_codings(line.get("productOrService"))) for line in _lines(resource)]
    return bool(lines) and all(any(_is_drug(system, code) for system, code in line) for line in lines)


def _is_drug(system: str, code: str) -> bool:
    return system.lower().endswith(DRUG_SYSTEMS) or bool(DRUG_CODE.match(code))


def _decisions(node: Resource, *, deep: bool) -> Iterator[bool]:
    """Each coded decision of the node and its adjudications: True is a denial."""
    entries = [node, *_objects(node.get("adjudication"))]
    if deep:
        entries += [entry for line in _lines(node) for entry in (line, *_objects(line.get("adjudication")))]
    for entry in entries:
        for extension in _extensions(entry):
            url = str(extension.get("url"))
            if url.endswith(REVIEW_ACTION):
                yield from (code in DENIED_CODES for code in _codes(extension))
            elif url in OWN_DECISIONS:
                yield from (code in OWN_DECISIONS[url] for code in _codes(extension))


def _is_denied_by_reason(resource: Resource) -> bool:
    levels = [resource, *_lines(resource)]
    entries = [entry for level in levels for entry in _objects(level.get("adjudication"))]
    kinds = [({code for _, code in _codings(entry.get("category"))}, entry.get("value")) for entry in entries]
    refused = any("denialreason" in codes for codes, _ in kinds)
    allowed = any(codes & {"allowedunits", "consumedunits"} and value not in (None, 0) for codes, value in kinds)
    return refused and not allowed


def _changed_on(resource: Resource) -> date | None:
    days = [
        day
        for entry in _all_entries(resource)
        for extension in _extensions(entry)
        if str(extension.get("url")).endswith(_CHANGED)
        for name, value in extension.items()
        if name.startswith("value") and (day := read_day(value))
    ]
    created = read_day(resource.get("created"))
    days += [created] if created else []
    if not days and isinstance(meta := resource.get("meta"), Mapping):
        changed = read_day(meta.get("lastUpdated"))
        days += [changed] if changed else []
    return max(days, default=None)


def _ends_on(resource: Resource) -> date | None:
    """The last day on which it holds; None when cancelled, or when nothing says how long it holds."""
    if resource.get("status") in {"cancelled", "entered-in-error"}:
        return None
    periods = [*_objects(resource.get("preAuthRefPeriod")), *_objects(resource.get("preAuthPeriod"))]
    for line in _lines(resource):
        periods += [e["valuePeriod"] for e in _extensions(line) if isinstance(e.get("valuePeriod"), dict)]
    return max((day for period in periods if (day := read_day(period.get("end")))), default=None)


def _all_entries(resource: Resource) -> Iterator[Resource]:
    for level in (resource, *_lines(resource)):
        yield level
        yield from _objects(level.get("adjudication"))


def _lines(resource: Resource) -> list[Resource]:
    return [*_objects(resource.get("item")), *_objects(resource.get("addItem"))]


def _extensions(node: Resource) -> Iterator[Resource]:
    for extension in _objects(node.get("extension")):
        yield extension
        yield from _extensions(extension)


def _codes(extension: Resource) -> Iterator[str]:
    coding = extension.get("valueCoding")
    if isinstance(coding, Mapping):
        yield str(coding.get("code"))
    if isinstance(extension.get("valueCode"), str):
        yield str(extension["valueCode"])
    yield from (code for _, code in _codings(extension.get("valueCodeableConcept")))


def _codings(concept: object) -> Iterator[tuple[str, str]]:
    if isinstance(concept, Mapping):
        for coding in _objects(concept.get("coding")):
            yield str(coding.get("system") or ""), str(coding.get("code") or "")


def _objects(value: object) -> list[Resource]:
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, Mapping)]
