"""Whose the records of a source are: its patients as members of ours, by accepted link, by number, by enrollment."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from interpayer.adapters.declaration import Declaration
from interpayer.exchange.tools import Tools
from interpayer.identity import store as identity_store
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.reading import read_coverage, read_patient
from interpayer.model.member import Coverage, Enrollment, Identifier, IdKind
from interpayer.normalization.intake import Outline
from interpayer.system.clock import now
from interpayer.system.database import Connection

# Kinds whose ids of persons are the source's own and no member numbers of ours.
OWN_IDS = frozenset({"fhir_files", "fhir_server"})
CONTRADICTIONS = frozenset({"identity.not_enrolled", "identity.conflict_birth_date", "identity.conflict_name"})


def namespace_of(tools: Tools, declaration: Declaration) -> str:
    """Where the source's own ids of persons have their meaning."""
    return f"{tools.fhir_base}/source/{declaration.name}"


def asked_ids(tools: Tools, conn: Connection, declaration: Declaration, member_id: str) -> tuple[tuple[str, str], ...]:
    """(system, value) by which a live source knows this member: our member numbers, under the system it declares."""
    known = identity_store.demographics(conn, tools.vault, member_id)
    numbers = [i.value for i in known.identifiers if i.kind is IdKind.MEMBER] if known else []
    numbers += [one.member_id for one in identity_store.coverages(conn, tools.vault, member_id) if one.member_id]
    return tuple((declaration.members.system, number) for number in dict.fromkeys(numbers))


class People:
    """Who is who in one source. Enrollments make members; what else names a person does only by `as_members`."""

    def __init__(self, tools: Tools, declaration: Declaration, *, as_members: bool = False) -> None:
        self._tools, self._declaration, self._as_members = tools, declaration, as_members
        self._namespace = namespace_of(tools, declaration)
        self.linked = 0
        self.made = 0

    def who_is(self, conn: Connection, outlines: Sequence[Outline], enrolled: Collection[str]) -> Mapping[str, str]:
        """Patient ids to member ids for those that are members; `enrolled` are Patients told by enrollments."""
        ids = sorted({patient for one in outlines for patient in one.patients})
        known = identity_store.patient_links(conn, self._tools.vault, self._namespace, ids)
        persons = {one.local_id: one.resource for one in outlines if one.type == "Patient"}
        fresh = self._enroll(conn, {i: persons[i] for i in persons if i in enrolled}, outlines)
        unknown = [i for i in ids if i not in known and i not in fresh]
        fresh |= {i: member for i in unknown if (member := self._found(conn, persons.get(i), i))}
        if self._as_members:
            strangers = {i: persons[i] for i in persons if i not in known and i not in fresh}
            fresh |= self._enroll(conn, strangers, outlines)
        return known | self._link(conn, {i: member for i, member in fresh.items() if i not in known})

    def _found(self, conn: Connection, patient: Mapping[str, Any] | None, patient_id: str) -> str | None:
        """The one member whose number the Patient carries and whom the Patient's facts do not contradict."""
        for number in self._numbers(patient, patient_id):
            named = Identifier(IdKind.MEMBER, number, self._tools.entity.identifier)
            found = set(identity_store.find_member(conn, self._tools.vault, named))
            if len(found) == 1:
                member_id = found.pop()
                return member_id if patient is None or self._agrees(conn, patient, member_id) else None
        return None

    def _numbers(self, patient: Mapping[str, Any] | None, patient_id: str) -> list[str]:
        """What may be a member number of ours. The id of a FHIR server's Patient is the server's own affair; in records
        that a mapping made it is what the mapping calls the member.
        """
        system, entries = self._declaration.members.system, (patient or {}).get("identifier")
        told = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
        meant = [one for one in told if not system or one.get("system") == system]
        read = read_patient({"identifier": meant}).identifiers
        numbers = [one.value for one in read if system or one.kind is IdKind.MEMBER]
        is_number = self._declaration.members.by_id or self._declaration.kind not in OWN_IDS
        return [*numbers, patient_id] if is_number else numbers

    def _agrees(self, conn: Connection, patient: Mapping[str, Any], member_id: str) -> bool:
        """Whether a number that was reused or mistyped would show: another name or birth date is another person."""
        held = self._tools.resolver.verify(conn, read_patient(patient), member_id)
        return held.reason not in CONTRADICTIONS

    def _enroll(
        self, conn: Connection, persons: Mapping[str, Mapping[str, Any]], outlines: Sequence[Outline]
    ) -> dict[str, str]:
        coverages: dict[str, list[Coverage]] = {}
        for patient_id, outlined in ((p, one) for one in outlines if one.type == "Coverage" for p in one.patients):
            coverages.setdefault(patient_id, []).append(read_coverage(outlined.resource))
        rows: list[Enrollment] = []
        patients: list[str] = []
        for patient_id, patient in persons.items():
            for row in self._rows(patient_id, patient, coverages.get(patient_id, ())):
                rows.append(replace(row, row=len(rows)))
                patients.append(patient_id)
        outcomes = upsert_enrollments(conn, self._tools.vault, rows) if rows else []
        self.made += sum(outcome.change == "new" for outcome in outcomes)
        return {
            patients[outcome.row]: outcome.member_id
            for outcome in outcomes
            if outcome.member_id and outcome.change != "refused"
        }

    def _rows(self, patient_id: str, patient: Mapping[str, Any], coverages: Sequence[Coverage]) -> list[Enrollment]:
        read = read_patient(patient)
        payer = self._tools.entity.identifier
        number = next((i.value for i in read.identifiers if i.kind is IdKind.MEMBER), patient_id)
        ids = (Identifier(IdKind.MEMBER, number, payer), Identifier(IdKind.PATIENT, patient_id, self._namespace))
        held = [replace(one, payer=payer, member_id=number) for one in coverages] or [Coverage(payer, number)]
        return [_row(replace(read, identifiers=ids), coverage) for coverage in held]

    def _link(self, conn: Connection, fresh: Mapping[str, str]) -> dict[str, str]:
        if not fresh:
            return {}
        refused = set(identity_store.link_patients(conn, self._tools.vault, self._namespace, fresh))
        self.linked += len(fresh) - len(refused)
        return {patient: member for patient, member in fresh.items() if patient not in refused}


def _row(demographics: Any, coverage: Coverage) -> Enrollment:
    nothing = dict.fromkeys((
        "opt_in", "opt_in_on", "opt_in_until", "opt_in_scope", "opt_in_proof", "prior_payer", "prior_member_id",
        "prior_subscriber_id", "prior_relation",
    ))  # fmt: skip
    return Enrollment(row=0, demographics=demographics, coverage=coverage, as_of=now().date(), **nothing)
