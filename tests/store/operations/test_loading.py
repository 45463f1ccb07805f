"""Own records in: attributed by member number, twice is once, nothing lost without being counted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import orjson
import pytest

from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import store as identity_store
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.model.member import Coverage, Demographics, Enrollment, Identifier, IdKind, Name
from interpayer.operations import loading
from interpayer.policy.composing import compose
from interpayer.records import store as records_store

Write = Callable[..., Path]
MB = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MB"}]}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*resources: dict, raw: bytes = b"") -> Path:
        folder = tmp_path / "fhir"
        folder.mkdir(exist_ok=True)
        (folder / "all.ndjson").write_bytes(b"\n".join(map(orjson.dumps, resources)) + b"\n" + raw)
        return folder

    return write


def a_patient(number: str | None = "M-1001", patient_id: str = "pat-1") -> dict:
    patient = {
        "resourceType": "Patient",
        "id": patient_id,
        "name": [{"family": "Quarrel", "given": ["Ines"]}],
        "birthDate": "1980-02-03",
        "gender": "female",
    }
    return patient | (
        {"identifier": [{"type": MB, "system": "https://plan.example/ids", "value": number}]} if number else {}
    )


def a_condition(patient_id: str = "pat-1", condition_id: str = "con-1") -> dict:
    return {
        "resourceType": "Condition",
        "id": condition_id,
        "subject": {"reference": f"Patient/{patient_id}"},
        "code": {"text": "something"},
        "recordedDate": "2026-01-05",
    }


def a_denied_authorization(number: str) -> dict:
    url = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/extension-reviewActionCode"
    action = {"url": "extension-reviewAction", "extension": [{"url": url, "valueCode": "A3"}]}
    return {
        "resourceType": "ExplanationOfBenefit",
        "id": number,
        "use": "preauthorization",
        "status": "active",
        "type": {"coding": [{"code": "professional"}]},
        "patient": {"reference": "Patient/pat-1"},
        "created": "2026-10-01",
        "insurer": {"display": "this plan"},
        "provider": {"display": "a clinic"},
        "outcome": "complete",
        "insurance": [{"focal": True, "coverage": {"display": "a card"}}],
        "adjudication": [{"category": {"coding": [{"code": "submitted"}]}, "extension": [action]}],
    }


def a_member(tools: Tools, number: str = "M-1001") -> str:
    facts = Demographics(
        names=(Name("Quarrel", ("Ines",)),),
        birth_date=date(1980, 2, 3),
        identifiers=(Identifier(IdKind.MEMBER, number, tools.entity.identifier),),
    )
    coverage = Coverage(payer=tools.entity.identifier, member_id=number, starts_on=date(2020, 1, 1))
    row = Enrollment(1, facts, coverage, None, None, None, None, None, None, None, None, None, date(2026, 1, 1))
    with tools.database.transaction() as conn:
        return upsert_enrollments(conn, tools.vault, [row])[0].member_id or ""


def test_a_patient_is_the_member_of_its_number(tools: Tools, person: Actor, write: Write) -> None:
    member_id = a_member(tools)
    report = loading.load(tools, write(a_condition(), a_patient()), actor=person)
    assert (report.read, report.saved.new, report.patients_linked, sum(report.quarantined.values())) == (2, 2, 1, 0)
    with tools.database.transaction() as conn:
        assert records_store.counts(conn, member_id) == {"Condition": 1, "Patient": 1}


def test_a_second_load_changes_nothing(tools: Tools, person: Actor, write: Write) -> None:
    a_member(tools)
    folder = write(a_patient(), a_condition())
    loading.load(tools, folder, actor=person)
    again = loading.load(tools, folder, actor=person)
    assert (again.saved.new, again.saved.changed, again.saved.same) == (0, 0, 2)


def test_a_changed_record_is_changed_and_counted(tools: Tools, person: Actor, write: Write) -> None:
    a_member(tools)
    loading.load(tools, write(a_patient(), a_condition()), actor=person)
    again = loading.load(tools, write(a_patient(), a_condition() | {"code": {"text": "else"}}), actor=person)
    assert (again.saved.changed, again.saved.same) == (1, 1)


def test_what_belongs_to_nobody_is_quarantined_and_counted(tools: Tools, person: Actor, write: Write) -> None:
    a_member(tools)
    folder = write(
        a_patient("M-2002", "pat-2"), a_condition("pat-2"), {"resourceType": "Condition", "id": "x"}, raw=b"{]\n"
    )
    report = loading.load(tools, folder, actor=person)
    assert report.saved.new == 0
    assert report.patients_unknown == 1
    assert report.quarantined == {"record.foreign_member": 2, "record.invalid": 2}


def test_patients_without_enrollment_become_members_where_wanted(tools: Tools, person: Actor, write: Write) -> None:
    coverage = {
        "resourceType": "Coverage",
        "id": "cov-1",
        "status": "active",
        "beneficiary": {"reference": "Patient/pat-1"},
        "payor": [{"display": "somebody"}],
        "period": {"start": "2024-01-01"},
    }
    folder = write(coverage, a_patient(None), a_condition(), a_patient("M-9009", "pat-9"))
    report = loading.load(tools, folder, actor=person, as_members=True)
    assert (report.members_made, report.patients_unknown, report.saved.new) == (2, 0, 4)
    with tools.database.transaction() as conn:
        payer = tools.entity.identifier
        (by_id,) = identity_store.find_member(conn, tools.vault, Identifier(IdKind.MEMBER, "pat-1", payer))
        (by_number,) = identity_store.find_member(conn, tools.vault, Identifier(IdKind.MEMBER, "M-9009", payer))
        assert identity_store.coverages(conn, tools.vault, by_id)[0].starts_on == date(2024, 1, 1)
        assert identity_store.covered_on(conn, by_number, date(2026, 1, 1))
    again = loading.load(tools, folder, actor=person, as_members=True)
    assert (again.members_made, again.saved.new, again.saved.same, again.patients_linked) == (0, 0, 4, 2)


def test_provenance_finds_its_member_through_what_it_speaks_of(tools: Tools, person: Actor, write: Write) -> None:
    member_id = a_member(tools)
    provenance = {
        "resourceType": "Provenance",
        "id": "prov-1",
        "target": [{"reference": "Condition/con-1"}],
        "recorded": "2026-01-05T10:00:00Z",
        "agent": [{"who": {"display": "somebody"}}],
    }
    loading.load(tools, write(provenance, a_patient(), a_condition()), actor=person)
    with tools.database.transaction() as conn:
        assert records_store.counts(conn, member_id)["Provenance"] == 1


def test_the_ledger_says_what_was_loaded(tools: Tools, person: Actor, write: Write) -> None:
    a_member(tools)
    report = loading.load(tools, write(a_patient(), a_condition()), actor=person)
    with tools.database.transaction() as conn:
        (event,) = [e for e in search(conn) if e["chain"] == f"load:{report.load_id}"]
    assert (event["name"], event["actor_id"], event["facts"]["new"]) == ("records.loaded", "Ana Ruiz", 2)


def test_what_a_payload_leaves_out_is_what_policy_says(tools: Tools, person: Actor, write: Write) -> None:
    member_id = a_member(tools)
    law_changed = compose({"policy.yaml": "payload: {without_denied: false}"})
    loading.load(tools, write(a_patient(), a_denied_authorization("pa-1")), actor=person)
    changed = replace(tools, policy=lambda: law_changed)
    loading.load(changed, write(a_patient(), a_denied_authorization("pa-2")), actor=person)
    with tools.database.transaction() as conn:
        found = records_store.records_of(conn, tools.codec, member_id, types=["ExplanationOfBenefit"])
        excluded = {one["original_id"]: one["excluded"] for one in found}
    assert excluded == {"pa-1": "record.excluded_denied_authorization", "pa-2": None}
