"""Patients of a load: which of our members each one is, by member number; and members made out of Patients."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.identity import store as identity_store
from interpayer.identity.enrollment import patient_identifier, upsert_enrollments
from interpayer.identity.reading import read_coverage, read_patient
from interpayer.model.member import Coverage, Demographics, Enrollment, Identifier, IdKind
from interpayer.normalization.merge import local_id_of
from interpayer.normalization.references import patients_of
from interpayer.system.clock import now
from interpayer.system.database import Connection

Resource = dict[str, Any]


def link(tools: Tools, conn: Connection, patients: Sequence[Resource]) -> dict[str, str]:
    """Link Patients to members by their member number (identifier of type MB); Patient id to member id of those known.

    A number that names nobody, or several, links nothing: the Patient's records are quarantined.
    """
    ids = [local_id_of(patient) for patient in patients]
    known = identity_store.patient_links(conn, tools.vault, tools.fhir_base, ids)
    fresh: dict[str, str] = {}
    for patient_id, patient in zip(ids, patients, strict=True):
        found = _members_of(tools, conn, patient) if patient_id not in known else []
        if len(found) == 1:
            fresh[patient_id] = found[0]
    return known | _accept(tools, conn, fresh)


def enroll(
    tools: Tools, conn: Connection, patients: Sequence[Resource], coverages: Mapping[str, Sequence[Coverage]]
) -> dict[str, str]:
    """Make members out of Patients that no enrollment names; Patient id to the new member id.

    The member number is the Patient's own, else the Patient id; without a Coverage the membership is open.
    """
    rows: list[Enrollment] = []
    patient_of: dict[str, str] = {}
    for patient in patients:
        patient_id = local_id_of(patient)
        for row in _rows(tools, patient, patient_id, coverages.get(patient_id, ())):
            rows.append(replace(row, row=len(rows)))
    outcomes = upsert_enrollments(conn, tools.vault, rows)
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome.member_id and outcome.change != "refused":
            patient_of[_patient_id(row)] = outcome.member_id
    return _accept(tools, conn, patient_of)


def coverages_in(tools: Tools, resources: Iterable[Resource]) -> Iterator[tuple[str, Coverage]]:
    """The Coverage resources among these, as coverages of this plan, each with its Patient id."""
    for resource in resources:
        if resource["resourceType"] == "Coverage":
            coverage = replace(read_coverage(resource), payer=tools.entity.identifier)
            for patient_id in patients_of(resource, tools.fhir_base):
                yield patient_id, coverage


def _members_of(tools: Tools, conn: Connection, patient: Resource) -> list[str]:
    numbers = {i.value for i in read_patient(patient).identifiers if i.kind is IdKind.MEMBER}
    return sorted(
        {
            member_id
            for number in numbers
            for member_id in identity_store.find_member(
                conn, tools.vault, Identifier(IdKind.MEMBER, number, tools.entity.identifier)
            )
        }
    )


def _accept(tools: Tools, conn: Connection, links: Mapping[str, str]) -> dict[str, str]:
    refused = set(identity_store.link_patients(conn, tools.vault, tools.fhir_base, links)) if links else set()
    return {patient_id: member_id for patient_id, member_id in links.items() if patient_id not in refused}


def _rows(tools: Tools, patient: Resource, patient_id: str, coverages: Sequence[Coverage]) -> list[Enrollment]:
    read = read_patient(patient)
    payer = tools.entity.identifier
    number = next((i.value for i in read.identifiers if i.kind is IdKind.MEMBER), patient_id)
    ids = (Identifier(IdKind.MEMBER, number, payer), patient_identifier(tools.fhir_base, patient_id))
    demographics = replace(read, identifiers=ids)
    held = [replace(coverage, member_id=number) for coverage in coverages] or [Coverage(payer=payer, member_id=number)]
    return [_row(demographics, coverage) for coverage in held]


def _row(demographics: Demographics, coverage: Coverage) -> Enrollment:
    return Enrollment(
        row=0,
        demographics=demographics,
        coverage=coverage,
        opt_in=None,
        opt_in_on=None,
        opt_in_until=None,
        opt_in_scope=None,
        opt_in_proof=None,
        prior_payer=None,
        prior_member_id=None,
        prior_subscriber_id=None,
        prior_relation=None,
        as_of=now().date(),
    )


def _patient_id(row: Enrollment) -> str:
    return next(i.value for i in row.demographics.identifiers if i.kind is IdKind.PATIENT)
