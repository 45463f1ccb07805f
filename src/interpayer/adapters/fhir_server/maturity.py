"""How mature a FHIR server is as a source: what it promises against what happens, and the limits that show.

Asks a few small questions and changes nothing. A finding says what was promised, what happened, and what it is worth.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from interpayer.adapters.fhir_server.calling import Caller, Reply
from interpayer.adapters.fhir_server.capability import Capability, TypeCapability
from interpayer.model.reason import Fault

NOBODY = "nobody-has-this-identifier-7f3a"
SMALL_PAGE, LARGE_PAGE = 1, 1000
MOST_TYPES = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `promised` and `happened` None: it could not be said; `worth` 0: only to know."""

    name: str
    promised: bool | None
    happened: bool | None
    worth: int = 1
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it happened; a promise that is kept and a good habit that nobody promised count alike."""
        return self.happened is True


@dataclass(frozen=True, slots=True)
class Maturity:
    """Everything that was found; `score` from 0 to 100, of what could be said."""

    findings: tuple[Finding, ...]

    @property
    def score(self) -> int:
        """The worth of what is good, in percent of what could be told."""
        told = [one for one in self.findings if one.happened is not None]
        whole = sum(one.worth for one in told)
        return round(100 * sum(one.worth for one in told if one.is_good) / whole) if whole else 0

    @property
    def broken_promises(self) -> tuple[str, ...]:
        """What the server says it can do and does not."""
        return tuple(one.name for one in self.findings if one.promised and one.happened is False)


class Probe:
    """The questions to one server; each failure is an answer."""

    def __init__(self, caller: Caller, capability: Capability, types: Sequence[str], until: datetime) -> None:
        self._caller, self._capability, self._until = caller, capability, until
        self._types = [one for one in types if one != "Patient"][:MOST_TYPES]
        self._times: list[float] = []

    def findings(self) -> Iterator[Finding]:
        """One after the other, gentle questions first."""
        yield from self._promises()
        yield from self._people()
        for name in self._types:
            yield from self._type(name)
        yield from self._manners()
        fault = self._refused(lambda: self._caller.without_token().get("Patient?_count=1", self._until))
        words = "" if fault else "anybody who reaches it can read it"
        yield Finding("refuses whoever has no token", None, fault is not None, 3, words)
        if self._times:
            words = f"median {1000 * median(self._times):.0f} ms, slowest {1000 * max(self._times):.0f} ms"
            yield Finding("answers within two seconds", None, median(self._times) <= 2.0, 2, words)

    def _promises(self) -> Iterator[Finding]:
        statement = self._capability
        yield Finding("speaks FHIR R4", True, statement.is_r4, 3, f"FHIR {statement.fhir_version or 'not said'}")
        yield Finding("says what software it is", None, bool(statement.software), 1, statement.software)
        json = any("json" in one for one in statement.formats)
        yield Finding("promises JSON", None, json or not statement.formats, 1)
        searches = all(one.interactions & {"search-type"} for one in statement.types.values())
        yield Finding("lists the interactions of its types", None, searches, 1)
        provenance = any("Provenance:target" in one.reverse_includes for one in statement.types.values())
        yield Finding("promises Provenance beside its resources", None, provenance, 2)
        yield Finding("promises $everything", None, statement.can_everything(), 1)
        yield Finding("promises a Bulk export", None, bool(statement.export_path("")), 1)

    def _people(self) -> Iterator[Finding]:
        patient = self._capability.types.get("Patient", TypeCapability())
        promised = "identifier" in patient.parameters
        reply = self._asked(
            lambda: self._caller.post_search("Patient", {"identifier": NOBODY, "_count": "2"}, self._until)
        )
        entries = _entries(reply)
        yield Finding("finds members by identifier, without naming them in addresses", promised, entries is not None, 3)
        if entries is not None:
            yield Finding("finds nobody for an unknown identifier", promised, not entries, 3)
        reply = self._asked(lambda: self._caller.get("Patient?_count=1", self._until))
        some = _entries(reply)
        if some and self._capability.can_everything():
            path = f"Patient/{some[0].get('id')}/$everything?_count=1"
            everything = _entries(self._asked(lambda: self._caller.get(path, self._until)))
            yield Finding("answers $everything", True, everything is not None, 2)

    def _type(self, name: str) -> Iterator[Finding]:
        promised = self._capability.types.get(name)
        if promised is None:
            yield Finding(f"{name}: is there", False, False, 2, "the capability statement does not list it")
            return
        by_patient = promised.patient_parameter
        yield Finding(f"{name}: promises search by patient", bool(by_patient), bool(by_patient), 2)
        if not by_patient:
            return
        path = f"{name}?{by_patient}=Patient/{NOBODY}&_count={SMALL_PAGE}"
        entries = _entries(self._asked(lambda: self._caller.get(path, self._until)))
        yield Finding(f"{name}: answers a search by patient", True, entries is not None, 3)
        if entries is not None:
            yield Finding(f"{name}: has nothing of a patient who is not there", True, not entries, 2)

    def _manners(self) -> Iterator[Finding]:
        strict = {"Prefer": "handling=strict"}
        fault = self._refused(lambda: self._caller.get("Patient?no-such-parameter=1", self._until, more=strict))
        words = "" if fault else "a misspelled parameter would be ignored in silence"
        yield Finding("refuses an unknown search parameter when asked to be strict", None, fault is not None, 2, words)
        fault = self._refused(lambda: self._caller.get(f"Patient/{NOBODY}", self._until))
        yield Finding("says 404 for what is not there", None, fault is not None and "404" in fault.detail, 1)
        reply = self._asked(lambda: self._caller.get(f"Patient?_count={SMALL_PAGE}", self._until))
        entries = _entries(reply)
        if entries:
            yield Finding("keeps to the page size", None, len(entries) <= SMALL_PAGE, 2)
            large = _entries(self._asked(lambda: self._caller.get(f"Patient?_count={LARGE_PAGE}", self._until)))
            yield Finding("largest page seen", None, None, 0, f"{len(large or [])} of {LARGE_PAGE} asked for")
        limits = [name for name in (reply.headers if reply else {}) if "ratelimit" in name.replace("-", "")]
        yield Finding("tells its rate limit", None, bool(limits), 1, ", ".join(limits))

    def _asked(self, ask: Callable[[], Reply]) -> Reply | None:
        began = time.monotonic()
        try:
            reply = ask()
        except Fault:
            return None
        self._times.append(time.monotonic() - began)
        return reply

    @staticmethod
    def _refused(ask: Callable[[], Reply]) -> Fault | None:
        try:
            ask()
        except Fault as fault:
            return fault if fault.detail.startswith("HTTP 4") else None
        return None


def _entries(reply: Reply | None) -> list[dict[str, Any]] | None:
    """The resources of a search's page; None when the answer is no Bundle."""
    body = reply.body if reply is not None else None
    if not isinstance(body, dict) or body.get("resourceType") != "Bundle":
        return None
    rows = body.get("entry")
    found = [one for one in (rows if isinstance(rows, list) else []) if isinstance(one, dict)]
    matches = [one for one in found if not isinstance(one.get("search"), dict) or one["search"].get("mode") == "match"]
    return [one["resource"] for one in matches if isinstance(one.get("resource"), dict)]


def differences(one: Capability, other: Capability) -> list[str]:
    """What the first server promises and the second does not, in words: a test system against production."""
    told = [] if one.fhir_version == other.fhir_version else [f"FHIR {one.fhir_version} and {other.fhir_version}"]
    told += [] if one.software == other.software else ["another software"]
    told += [f"{name} is not there" for name in sorted(set(one.types) - set(other.types))]
    for name in sorted(set(one.types) & set(other.types)):
        first, second = one.types[name], other.types[name]
        told += [f"{name}: no search by {p}" for p in sorted(first.parameters - second.parameters)]
        told += [f"{name}: no {p}" for p in sorted(first.reverse_includes - second.reverse_includes)]
        told += [f"{name}: no ${p}" for p in sorted(first.operations - second.operations)]
    return told + [f"no ${p}" for p in sorted(one.operations - other.operations)]
