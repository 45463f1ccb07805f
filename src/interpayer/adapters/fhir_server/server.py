"""A declared FHIR R4 server: asked for one member while an answer is made, or read as a whole.

(1) what it promises is read first, and nothing is asked that is not promised; (2) the member's Patient is looked up by
identifier, and must carry it; (3) each type is searched by that patient, some at once; (4) a type that cannot be had
is found with its problem, so that the answer can name the gap.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2

from interpayer.adapters.base import Asked, Found
from interpayer.adapters.declaration import Declaration
from interpayer.adapters.fhir_server.bulk import Export, export
from interpayer.adapters.fhir_server.calling import INVALID, REFUSED, Caller, Pace, invalid
from interpayer.adapters.fhir_server.capability import Capability, read_capability
from interpayer.adapters.fhir_server.maturity import Maturity, Probe
from interpayer.adapters.fhir_server.paging import found_in, pages, search_path
from interpayer.adapters.fhir_server.tokens import Login, Sign, Tokens
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.clock import now

PAGE = 200
# What a promise is good for; a server that changes says so at the next look.
PROMISES_HOLD = timedelta(hours=1)
WHOLE_READ = timedelta(hours=6)
PROVENANCE = "Provenance:target"
SCOPES = ("system/*.rs",)


@dataclass(slots=True)
class _Promises:
    capability: Capability
    read_at: datetime


class FhirServer:
    """The server of one declaration; its connections, token and promises are kept for the next question."""

    def __init__(self, declaration: Declaration, http: httpx2.Client, sign: Sign) -> None:
        self.declaration = declaration
        where = declaration.where
        base = str(where["url"])
        login = Login(base, str(where.get("client_id", "")), tuple(where.get("scopes", SCOPES)))
        tokens = Tokens(http, login, sign) if login.client_id else None
        pace = Pace(declaration.limits.per_second)
        self._caller = Caller(http, base, pace=pace, token=tokens.token if tokens else None)
        self._promises: _Promises | None = None

    @property
    def name(self) -> str:
        """The declared name."""
        return self.declaration.name

    def capability(self, until: datetime) -> Capability:
        """What the server promises. Raises Fault when it says nothing, or speaks another release than R4."""
        if self._promises is None or now() - self._promises.read_at > PROMISES_HOLD:
            found = read_capability(self._caller.get("metadata", until).body)
            if found is None:
                invalid("there is no CapabilityStatement at /metadata")
            if not found.is_r4:
                invalid("the server speaks another release than FHIR R4")
            self._promises = _Promises(found, now())
        return self._promises.capability

    def maturity(self, until: datetime) -> Maturity:
        """What the server promises against what happens. Raises Fault when it says nothing of itself."""
        capability = self.capability(until)
        types = self.declaration.types or tuple(capability.types)
        return Maturity(tuple(Probe(self._caller, capability, types, until).findings()))

    def read_member(self, asked: Asked) -> Iterator[Found]:
        """What the server has of one member, type by type. Raises Fault when it says nothing at all of the member."""
        limit = now() + timedelta(seconds=self.declaration.limits.budget_s)
        until = min(asked.until, limit)
        capability = self.capability(until)
        people = self._people(asked, until)
        if not people:
            return
        yield from people
        patients = [str(one.key) for one in people]
        if self.declaration.where.get("by") == "everything" and capability.can_everything():
            found = self._everything(patients, until)
        else:
            found = self._searched(patients, asked, capability, until)
        seen = {("Patient", one.key) for one in people}
        for one in found:
            if one.content is None or (one.entity, one.key) not in seen:
                seen.add((one.entity, one.key))
                yield one

    def read(self) -> Iterator[Found]:
        """Everything: by Bulk export where the declaration says so and the server promises it, else type by type."""
        until = now() + WHOLE_READ
        capability = self.capability(until)
        path = capability.export_path(str(self.declaration.where.get("group", "")))
        if self.declaration.where.get("by") == "bulk":
            if not path:
                raise Fault(FaultKind.TERMINAL, REFUSED, detail="the server promises no Bulk export")
            yield from export(self._caller, Export(path, self._types((), capability)), until)
            return
        for resource_type in self._types((), capability):
            yield from self._pages(resource_type, {"_count": str(PAGE)}, until)

    def _people(self, asked: Asked, until: datetime) -> list[Found]:
        """The Patients with one of the identifiers; a server that answers with others does not search."""
        system = self.declaration.members.system
        ids = [(s, value) for s, value in asked.ids if not system or s == system]
        people = {one.key: one for named in ids for one in self._named(named, until)}
        return list(people.values())

    def _named(self, named: tuple[str, str], until: datetime) -> Iterator[Found]:
        query = {"identifier": "|".join(filter(None, named)), "_count": str(PAGE)}
        first = self._caller.post_search("Patient", query, until)
        for bundle in pages(self._caller, first, until):
            for one in found_in(bundle, "Patient", 0):
                if one.entity == "Patient" and one.content is not None:
                    _check_carries(one.content, named)
                    yield one

    def _types(self, wanted: Sequence[str], capability: Capability) -> list[str]:
        declared = self.declaration.types or tuple(capability.types)
        return [one for one in declared if (not wanted or one in wanted) and one in capability.types]

    def _searched(
        self, patients: Sequence[str], asked: Asked, capability: Capability, until: datetime
    ) -> Iterator[Found]:
        """Some types at once; each is whole or found with its problem."""
        wanted = self.declaration.types or asked.types or tuple(capability.types)
        types = [one for one in wanted if one != "Patient" and (not asked.types or one in asked.types)]

        def ask(resource_type: str) -> list[Found]:
            return self._of_type(resource_type, patients, capability, until)

        with ThreadPoolExecutor(self.declaration.limits.at_once, thread_name_prefix="fhir-source") as at_once:
            for found in at_once.map(ask, types):
                yield from found

    def _of_type(
        self, resource_type: str, patients: Sequence[str], capability: Capability, until: datetime
    ) -> list[Found]:
        promised = capability.types.get(resource_type)
        if promised is None or not promised.patient_parameter:
            # Types that belong to nobody come by reference; whoever declares a type expects it.
            is_expected = resource_type in self.declaration.types
            return [_missing(resource_type, REFUSED, "no search by patient is promised")] if is_expected else []
        query = {promised.patient_parameter: "", "_count": str(PAGE)}
        if PROVENANCE in promised.reverse_includes:
            query["_revinclude"] = PROVENANCE
        found: list[Found] = []
        try:
            for patient in patients:
                found += self._pages(resource_type, query | {promised.patient_parameter: f"Patient/{patient}"}, until)
        except Fault as fault:
            # what came until then holds; the gap is named
            found.append(_missing(resource_type, fault.reason, fault.detail))
        return found

    def _everything(self, patients: Sequence[str], until: datetime) -> Iterator[Found]:
        for patient in patients:
            first = self._caller.get(f"Patient/{patient}/$everything?_count={PAGE}", until)
            position = 0
            for bundle in pages(self._caller, first, until):
                for found in found_in(bundle, "$everything", position):
                    position = found.position
                    yield found

    def _pages(self, resource_type: str, query: dict[str, str], until: datetime) -> Iterator[Found]:
        position = 0
        first = self._caller.get(search_path(resource_type, query), until)
        for bundle in pages(self._caller, first, until):
            for found in found_in(bundle, resource_type, position):
                position = found.position
                yield found


def _check_carries(patient: dict[str, Any], named: tuple[str, str]) -> None:
    identifiers = patient.get("identifier")
    carried = [
        (str(one.get("system", "")), str(one.get("value")))
        for one in (identifiers if isinstance(identifiers, list) else [])
        if isinstance(one, dict)
    ]
    if named not in carried and not (not named[0] and named[1] in {value for _, value in carried}):
        raise Fault(FaultKind.TERMINAL, INVALID, detail="the search by identifier gave a Patient without it")


def _missing(resource_type: str, reason: str, detail: str) -> Found:
    return Found(resource_type, None, b"", resource_type, 1, problem=reason, detail=detail)
