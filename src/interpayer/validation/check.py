"""The built-in contract: what a resource must have before it becomes a record (profiles come with their packages).

A resource that breaks it is quarantined and counted, never lost and never repaired in silence.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from interpayer.validation.claims import entries_of
from interpayer.validation.issue import Issue, Resource, Verdict

NAME = "built-in contract"

# Required by R4 itself (minimum cardinality 1 of top-level elements that our decisions use); `a|b` means one of them.
_REQUIRED: dict[str, tuple[str, ...]] = {
    "ExplanationOfBenefit": (
        "status",
        "type",
        "use",
        "patient",
        "created",
        "insurer",
        "provider",
        "outcome",
        "insurance",
    ),
    "Claim": ("status", "type", "use", "patient", "created"),
    "ClaimResponse": ("status", "type", "use", "patient", "created", "outcome"),
    "Coverage": ("status", "beneficiary", "payor"),
    "AllergyIntolerance": ("patient",),
    "CarePlan": ("status", "intent", "subject"),
    "Condition": ("subject",),
    "Consent": ("status", "scope", "category"),
    "DiagnosticReport": ("status", "code"),
    "DocumentReference": ("status", "content"),
    "Encounter": ("status", "class"),
    "Goal": ("lifecycleStatus", "description", "subject"),
    "Immunization": ("status", "vaccineCode", "patient", "occurrenceDateTime|occurrenceString"),
    "MedicationDispense": ("status", "medicationCodeableConcept|medicationReference"),
    "MedicationRequest": ("status", "intent", "medicationCodeableConcept|medicationReference", "subject"),
    "Observation": ("status", "code"),
    "Procedure": ("status", "subject"),
    "Provenance": ("target", "recorded", "agent"),
    "QuestionnaireResponse": ("status",),
    "RelatedPerson": ("patient",),
    "ServiceRequest": ("status", "intent", "subject"),
}
_TYPE = re.compile(r"^[A-Z][A-Za-z]{2,63}$")
_ID = re.compile(r"^[A-Za-z0-9.-]{1,64}$")
_DAY = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])"
_DATE = re.compile(rf"^{_DAY})?)?$")
_DATE_TIME = re.compile(rf"^{_DAY}(T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-](0\d|1[0-4]):[0-5]\d))?)?)?$")
_INSTANT = re.compile(rf"^{_DAY}T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-](0\d|1[0-4]):[0-5]\d)))$")
# The codes that our decisions read, where R4 closes the list (required bindings).
_FINANCIAL = frozenset({"active", "cancelled", "draft", "entered-in-error"})
_USES = frozenset({"claim", "preauthorization", "predetermination"})
_OUTCOMES = frozenset({"queued", "complete", "error", "partial"})
_CODES: dict[str, tuple[tuple[str, frozenset[str]], ...]] = {
    "ExplanationOfBenefit": (("status", _FINANCIAL), ("use", _USES), ("outcome", _OUTCOMES)),
    "Claim": (("status", _FINANCIAL), ("use", _USES)),
    "ClaimResponse": (("status", _FINANCIAL), ("use", _USES), ("outcome", _OUTCOMES)),
    "Coverage": (("status", _FINANCIAL),),
    "Encounter": (
        ("status", frozenset({"planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled",
                              "entered-in-error", "unknown"})),
    ),
    "Consent": (
        ("status", frozenset({"draft", "proposed", "active", "rejected", "inactive", "entered-in-error"})),
    ),
}  # fmt: skip
# Periods that say when something held; one that ends before it begins says nothing.
_PERIODS: dict[str, tuple[str, ...]] = {
    "ExplanationOfBenefit": ("billablePeriod",),
    "Claim": ("billablePeriod",),
    "Coverage": ("period",),
    "Encounter": ("period",),
    "Consent": ("provision.period",),
}
_TIMES: dict[str, tuple[tuple[str, re.Pattern[str]], ...]] = {
    "Patient": (("birthDate", _DATE),),
    "ExplanationOfBenefit": (
        ("created", _DATE_TIME), ("billablePeriod.start", _DATE_TIME), ("billablePeriod.end", _DATE_TIME)),
    "Claim": (("created", _DATE_TIME), ("billablePeriod.start", _DATE_TIME), ("billablePeriod.end", _DATE_TIME)),
    "ClaimResponse": (("created", _DATE_TIME),),
    "Coverage": (("period.start", _DATE_TIME), ("period.end", _DATE_TIME)),
    "Consent": (("dateTime", _DATE_TIME),),
    "Encounter": (("period.start", _DATE_TIME), ("period.end", _DATE_TIME)),
    "Procedure": (("performedDateTime", _DATE_TIME),),
    "Observation": (("effectiveDateTime", _DATE_TIME),),
    "Condition": (("onsetDateTime", _DATE_TIME), ("recordedDate", _DATE_TIME)),
    "Immunization": (("occurrenceDateTime", _DATE_TIME),),
    "Provenance": (("recorded", _INSTANT),),
}  # fmt: skip
# FHIR's IssueType for each rule.
_ISSUE_TYPES = {"required": "required", "code": "code-invalid", "time": "value", "period": "invariant"}


def check(resource: Resource) -> tuple[Issue, ...]:
    """Every rule the resource breaks; empty when it may become a record."""
    return tuple(issue for rule in _RULES for issue in rule(resource))


def verdict_of(resource: Resource) -> Verdict:
    """The verdict of the built-in contract alone, where there are no packages; it says that profiles were not asked."""
    kind = str(resource.get("resourceType") or "Resource")
    issues = tuple(
        Issue(f"{kind}.{one.path}", one.rule, one.text, code=_ISSUE_TYPES.get(one.rule, "structure"))
        for one in check(resource)
    )
    note = "profiles: there are no FHIR packages, so only the built-in contract was checked"
    return Verdict(NAME, not issues, issues, (note,), (NAME,))


def _check_type(resource: Resource) -> Iterator[Issue]:
    if not _TYPE.match(str(resource.get("resourceType"))):
        yield Issue("resourceType", "type", "is missing or is no resource type")


def _check_id(resource: Resource) -> Iterator[Issue]:
    resource_id = resource.get("id")
    if resource_id is not None and not (isinstance(resource_id, str) and _ID.match(resource_id)):
        yield Issue("id", "id", "is no FHIR id (letters, digits, '-' and '.', at most 64)")


def _check_required(resource: Resource) -> Iterator[Issue]:
    for element in _REQUIRED.get(str(resource.get("resourceType")), ()):
        # A primitive without value but with an extension (data-absent-reason) counts as present.
        names = [name for part in element.split("|") for name in (part, f"_{part}")]
        if not any(resource.get(name) not in (None, "", [], {}) for name in names):
            yield Issue(element, "required", "is required")


def _check_identifiers(resource: Resource) -> Iterator[Issue]:
    identifiers = resource.get("identifier")
    entries = identifiers if isinstance(identifiers, list) else [identifiers] if identifiers is not None else []
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict):
            yield Issue(f"identifier[{position}]", "identifier", "is no Identifier")
        elif "value" in entry and not isinstance(entry["value"], str):
            yield Issue(f"identifier[{position}].value", "identifier", "is no string")


def _check_times(resource: Resource) -> Iterator[Issue]:
    for path, pattern in _TIMES.get(str(resource.get("resourceType")), ()):
        value = _at(resource, path)
        if value is not None and not (isinstance(value, str) and pattern.match(value)):
            yield Issue(path, "time", "is no date or time that FHIR knows")
    if _at(resource, "meta.lastUpdated") is not None and not _INSTANT.match(str(_at(resource, "meta.lastUpdated"))):
        yield Issue("meta.lastUpdated", "time", "is no instant")


def _check_codes(resource: Resource) -> Iterator[Issue]:
    for element, codes in _CODES.get(str(resource.get("resourceType")), ()):
        value = resource.get(element)
        if value is not None and value != "" and not (isinstance(value, str) and value in codes):
            yield Issue(element, "code", "is none of the codes that R4 knows here")


def _check_periods(resource: Resource) -> Iterator[Issue]:
    for element in _PERIODS.get(str(resource.get("resourceType")), ()):
        start, end = _at(resource, f"{element}.start"), _at(resource, f"{element}.end")
        if isinstance(start, str) and isinstance(end, str) and _is_after(start, end):
            yield Issue(element, "period", "ends before it begins")


def _is_after(start: str, end: str) -> bool:
    """Whether the first is surely the later one: days compare, moments only in the same zone."""
    if len(start) <= 10 or len(end) <= 10:
        length = min(len(start), len(end), 10)
        return start[:length] > end[:length]
    return start[19:] == end[19:] and start[:19] > end[:19]


def _check_insurance(resource: Resource) -> Iterator[Issue]:
    """A claim says under which coverage; a line of one has its number, by which others name it."""
    if resource.get("resourceType") not in ("ExplanationOfBenefit", "Claim"):
        return
    for position, entry in enumerate(entries_of(resource.get("insurance"))):
        if not isinstance(entry, Mapping) or not entry.get("coverage"):
            yield Issue(f"insurance[{position}].coverage", "required", "is required")
    for position, entry in enumerate(entries_of(resource.get("item"))):
        if not isinstance(entry, Mapping) or type(entry.get("sequence")) is not int:
            yield Issue(f"item[{position}].sequence", "required", "is required")


def _check_references(resource: Resource) -> Iterator[Issue]:
    for key in ("patient", "subject", "beneficiary"):
        value = resource.get(key)
        if value is not None and not isinstance(value, dict):
            yield Issue(key, "reference", "is no Reference")


def _at(resource: Resource, path: str) -> object:
    node: object = resource
    for name in path.split("."):
        if not isinstance(node, Mapping):
            return None
        node = node.get(name)
    return node


_RULES: tuple[Callable[[Resource], Iterator[Issue]], ...] = (
    _check_type, _check_id, _check_required, _check_codes, _check_identifiers, _check_times, _check_periods,
    _check_insurance, _check_references,
)  # fmt: skip
