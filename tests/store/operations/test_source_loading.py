"""A declared source is taken in: whoever comes first, twice is once, each source's ids are its own."""

from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.adapters import store as sources_store
from interpayer.adapters.declaration import Declaration, parse_declaration
from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.model.member import Coverage, Demographics, Enrollment, Identifier, IdKind, Name
from interpayer.operations.sourcing import loading
from interpayer.records import store as records_store

ACTOR = Actor("person", "p-1")
MB = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MB"}]}


def a_patient(number: str | None, patient_id: str, family: str = "Quarrel") -> dict[str, Any]:
    named = [{"type": MB, "system": "https://plan.example/ids", "value": number}] if number else []
    person = {"name": [{"family": family, "given": ["Ines"]}], "birthDate": "1980-02-03", "gender": "female"}
    return {"resourceType": "Patient", "id": patient_id, "identifier": named, **person}


def a_condition(patient_id: str, condition_id: str) -> dict[str, Any]:
    subject = {"reference": f"Patient/{patient_id}"}
    return {"resourceType": "Condition", "id": condition_id, "subject": subject, "code": {"text": "something"}}


def a_member(tools: Tools, number: str) -> str:
    person = Demographics((Name("Quarrel", ("Ines",)),), date(1980, 2, 3), "female")
    card = Coverage(tools.entity.identifier, number)
    ids = (Identifier(IdKind.MEMBER, number, tools.entity.identifier),)
    nothing = dict.fromkeys((
        "opt_in", "opt_in_on", "opt_in_until", "opt_in_scope", "opt_in_proof", "prior_payer", "prior_member_id",
        "prior_subscriber_id", "prior_relation",
    ))  # fmt: skip
    person = Demographics(person.names, person.birth_date, person.sex, identifiers=ids)
    row = Enrollment(row=0, demographics=person, coverage=card, as_of=date(2026, 1, 1), **nothing)
    with tools.database.transaction() as conn:
        (outcome,) = upsert_enrollments(conn, tools.vault, [row])
    assert outcome.member_id
    return outcome.member_id


def a_source(folder: Path, name: str, *resources: dict[str, Any], more: str = "", raw: bytes = b"") -> Declaration:
    (folder / name).mkdir(exist_ok=True)
    for resource in resources:
        (folder / name / f"{resource['resourceType']}-{resource['id']}.json").write_bytes(orjson.dumps(resource))
    if raw:
        (folder / name / "z.ndjson").write_bytes(raw)
    text = f"source: {name}\nkind: fhir_files\nwhere: {{path: {name}}}\n{more}"
    return parse_declaration(text.encode(), folder=folder, file="S.yaml")


def held(tools: Tools, member_id: str) -> dict[str, int]:
    with tools.database.transaction() as conn:
        return records_store.counts(conn, member_id)


def test_what_comes_before_its_patient_waits_for_it(tools: Tools, tmp_path: Path) -> None:
    member = a_member(tools, "M-1001")
    # Condition sorts before Patient, and says nothing of the number
    told = a_source(tmp_path, "clinic", a_condition("p1", "c1"), a_patient("M-1001", "p1"), a_condition("p9", "c9"))
    report = loading.load(tools, told, actor=ACTOR)
    assert report.account.numbers() == {"read": 3, "mapped": 3, "quarantined": 0, "out_of_scope": 0, "partly": 0}
    assert (report.saved.new, report.patients_linked, dict(report.quarantined)) == (2, 1, {"record.foreign_member": 1})
    assert held(tools, member) == {"Condition": 1, "Patient": 1}
    again = loading.load(tools, told, actor=ACTOR)
    assert (again.saved.new, again.saved.changed, again.saved.same, again.patients_linked) == (0, 0, 2, 0)


def test_an_entry_of_a_bundle_waits_with_what_it_means(tools: Tools, tmp_path: Path) -> None:
    member = a_member(tools, "M-1001")
    urn = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    seen = {"resourceType": "Condition", "id": "c", "subject": {"reference": urn}, "code": {"text": "it"}}
    patient = {key: value for key, value in a_patient("M-1001", "").items() if key != "id"}
    # the Patient comes so late that the Condition has to wait in another batch
    fillers = [{"resource": {"resourceType": "Location", "id": f"l{n}"}} for n in range(loading.BATCH)]
    entries = [{"resource": seen}, *fillers, {"fullUrl": urn, "resource": patient}]
    bundle = {"resourceType": "Bundle", "id": "b", "type": "collection", "entry": entries}
    assert loading.load(tools, a_source(tmp_path, "clinic", bundle), actor=ACTOR).patients_linked == 1
    assert held(tools, member) == {"Condition": 1, "Patient": 1}
    with tools.database.transaction() as conn:
        (condition, _) = records_store.records_of(conn, tools.codec, member)
    assert orjson.loads(condition["original"]) == seen


def test_the_ids_of_a_source_are_its_own(tools: Tools, tmp_path: Path) -> None:
    one, other = a_member(tools, "M-1001"), a_member(tools, "M-2002")
    loading.load(tools, a_source(tmp_path, "east", a_patient("M-1001", "1"), a_condition("1", "c")), actor=ACTOR)
    loading.load(tools, a_source(tmp_path, "west", a_patient("M-2002", "1"), a_condition("1", "c")), actor=ACTOR)
    assert held(tools, one) == held(tools, other) == {"Condition": 1, "Patient": 1}


def test_the_id_of_a_patient_is_a_number_of_ours_only_where_the_declaration_says_so(
    tools: Tools, tmp_path: Path
) -> None:
    member = a_member(tools, "M-1001")
    seen = a_condition("M-1001", "c1")
    report = loading.load(tools, a_source(tmp_path, "clinic", seen), actor=ACTOR)
    assert (held(tools, member), dict(report.quarantined)) == ({}, {"record.foreign_member": 1})
    loading.load(tools, a_source(tmp_path, "claims", seen, more="members: {by: id}\n"), actor=ACTOR)
    assert held(tools, member) == {"Condition": 1}


def test_a_number_that_another_person_shows_links_nobody(tools: Tools, tmp_path: Path) -> None:
    member = a_member(tools, "M-1001")
    other = {**a_patient("M-1001", "p9", family="Nobody"), "birthDate": "1931-07-09"}
    other["name"] = [{"family": "Nobody", "given": ["Zebulon"]}]
    report = loading.load(tools, a_source(tmp_path, "clinic", other, a_condition("p9", "c9")), actor=ACTOR)
    assert (held(tools, member), report.patients_linked) == ({}, 0)
    assert dict(report.quarantined) == {"record.foreign_member": 2}


def test_a_declared_system_is_the_only_one_that_carries_our_number(tools: Tools, tmp_path: Path) -> None:
    member = a_member(tools, "M-1001")
    told = a_source(tmp_path, "clinic", a_patient("M-1001", "p1"), more="members: {system: 'urn:ours'}\n")
    loading.load(tools, told, actor=ACTOR)
    assert held(tools, member) == {}
    ours = {**a_patient("M-1001", "p1"), "identifier": [{"system": "urn:ours", "value": "M-1001"}]}
    loading.load(tools, a_source(tmp_path, "west", ours, more="members: {system: 'urn:ours'}\n"), actor=ACTOR)
    assert held(tools, member) == {"Patient": 1}


def test_enrollment_makes_members_and_nothing_else_does(tools: Tools, tmp_path: Path) -> None:
    stranger = a_patient("M-7777", "s", family="Stranger")
    report = loading.load(tools, a_source(tmp_path, "clinic", stranger), actor=ACTOR)
    assert (report.members_made, dict(report.quarantined)) == (0, {"record.foreign_member": 1})
    told = a_source(tmp_path, "eligibility", stranger, more="role: enrollment\n")
    assert loading.load(tools, told, actor=ACTOR).members_made == 1
    assert loading.load(tools, told, actor=ACTOR).members_made == 0
    assert loading.load(tools, a_source(tmp_path, "clinic", stranger), actor=ACTOR).saved.new == 1


def test_broken_records_are_kept_apart_with_their_rules(tools: Tools, tmp_path: Path) -> None:
    a_member(tools, "M-1001")
    raw = b'nonsense\n{"resourceType":"Coverage","id":"v","status":"active"}\n'
    report = loading.load(tools, a_source(tmp_path, "clinic", a_patient("M-1001", "p1"), raw=raw), actor=ACTOR)
    assert dict(report.quarantined) == {"record.invalid": 2}
    # brought again, it is counted again and kept once
    again = loading.load(tools, a_source(tmp_path, "clinic", raw=raw), actor=ACTOR)
    assert dict(again.quarantined) == {"record.invalid": 2}
    with tools.database.transaction() as conn:
        rows = conn.execute("select source, rules from records.quarantine order by id").fetchall()
        standing = sources_store.standing(conn, "clinic")
        (event,) = [e for e in search(conn) if e["chain"] == f"load:{report.load_id}"]
    assert [row["source"] for row in rows] == ["clinic", "clinic"]
    assert "required at beneficiary" in rows[1]["rules"]
    assert standing is not None
    assert standing.account["quarantined"] == 2
    assert (event["outcome"], event["facts"]["source"]) == ("partial", "clinic")


def test_a_record_says_where_it_came_from(tools: Tools, tmp_path: Path) -> None:
    member = a_member(tools, "M-1001")
    told = a_source(tmp_path, "clinic", a_condition("M-1001", "c1"), more="members: {by: id}\n")
    loading.load(tools, told, actor=ACTOR)
    with tools.database.transaction() as conn:
        (record,) = records_store.records_of(conn, tools.codec, member)
        (stamp,) = sources_store.stamps_of(conn, [record["id"]])
    assert (stamp.source, stamp.file, stamp.position, stamp.key) == ("clinic", "Condition-c1.json", 1, "c1")


@pytest.mark.parametrize(("as_of", "expected"), [("2026-03-01", date(2026, 3, 1)), ("file", None), ("", None)])
def test_how_current_it_is(tools: Tools, tmp_path: Path, as_of: str, expected: date | None) -> None:
    declared = a_source(tmp_path, "clinic", a_condition("M-1", "c1"), more=f"as_of: '{as_of}'\nfresh_within: 1h\n")
    loading.load(tools, declared, actor=ACTOR)
    with tools.database.transaction() as conn:
        standing = sources_store.standing(conn, "clinic")
    assert standing is not None
    assert standing.data_as_of is not None
    assert standing.read_at is not None
    assert standing.freshness(standing.read_at) == ("stale" if expected else "fresh")
    assert expected is None or standing.data_as_of.date() == expected


def test_a_former_mapping_put_back_gives_the_former_record(tools: Tools, tmp_path: Path) -> None:
    member = a_member(tools, "M-1001")
    (tmp_path / "maps" / "own").mkdir(parents=True)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("ID,WHO,WHAT\n1,M-1001,cough\n")
    text = "source: rows\nkind: tables\nwhere: {path: rows}\nmaps: maps\nentities: {row: {mapping: own/row, key: ID}}\n"

    def said(wording: str) -> str:
        (tmp_path / "maps" / "own" / "row.yaml").write_text(
            "about: a row\nentity: row\nmember: WHO\nto:\n  - resourceType: Condition\n"
            '    id: {from: "row-{ID}"}\n'
            "    subject: {from: $member, transform: {reference: Patient}}\n"
            f'    code: {{text: {{from: "{wording}"}}}}\n'
        )
        loading.load(tools, parse_declaration(text.encode(), folder=tmp_path, file="S.yaml"), actor=ACTOR)
        with tools.database.transaction() as conn:
            (record,) = records_store.records_of(conn, tools.codec, member)
        return str(orjson.loads(record["original"])["code"]["text"])

    assert said("{WHAT}") == "cough"
    assert said("a {WHAT}") == "a cough"
    assert said("{WHAT}") == "cough"
