"""A member's records: consistent, dated within coverage, and with everything a payload rule must tell apart."""

import base64
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

from interpayer.simulation.feed import RECORD_TYPES
from interpayer.simulation.feed import views as enrollments
from interpayer.simulation.history import member_records
from interpayer.simulation.payers import World
from interpayer.simulation.providers import organizations, practitioners

WORLD = World(7)
OLD = WORLD.plans[0]


def _records(count: int, per_member: int = 12) -> list[dict[str, Any]]:
    return [record for view in enrollments(WORLD, OLD.id, count) for record in member_records(WORLD, view, per_member)]


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)


def _action(claim: dict[str, Any]) -> str:
    (extension,) = (
        extension
        for entry in claim["item"][0]["adjudication"]
        for extension in entry.get("extension", [])
        if extension["url"].endswith("/extension-reviewAction")
    )
    code = next(part for part in extension["extension"] if "valueCodeableConcept" in part)
    return str(code["valueCodeableConcept"]["coding"][0]["code"])


def test_every_reference_leads_somewhere_and_only_backwards() -> None:
    known = {f"Organization/{record['id']}" for record in organizations(WORLD, OLD)}
    known |= {f"Practitioner/{record['id']}" for record in practitioners(WORLD)}
    for record in _records(150):
        assert set(_references(record)) <= known, record["id"]
        known.add(f"{record['resourceType']}/{record['id']}")


def test_ids_are_unique_and_fit_for_fhir() -> None:
    names = [(record["resourceType"], record["id"]) for record in _records(300)]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 64 and name.replace("-", "").isalnum() for _, name in names)


def test_every_type_turns_up() -> None:
    assert {record["resourceType"] for record in _records(36)} == set(RECORD_TYPES) - {"Practitioner", "Organization"}


def test_members_have_about_as_many_records_as_asked_for() -> None:
    for per_member in (8, 12, 40):
        sizes = [
            len(list(member_records(WORLD, view, per_member)))
            for view in enrollments(WORLD, OLD.id, 150)
            if view.person_index >= 36
        ]
        assert per_member - 3 <= min(sizes)
        assert max(sizes) <= per_member + 3


def test_claims_are_dated_within_coverage_and_some_are_older_than_five_years() -> None:
    old = 0
    for view in enrollments(WORLD, OLD.id, 150):
        window = view.windows[0]
        for record in member_records(WORLD, view, 20):
            if record.get("use") != "claim":
                continue
            day = date.fromisoformat(record["billablePeriod"]["start"])
            assert window.starts_on <= day <= (window.ends_on or WORLD.as_of)
            assert record["created"] <= WORLD.as_of.isoformat()
            old += day < date(2021, 11, 21)
    assert old > 20


def test_nothing_is_newer_than_the_world() -> None:
    assert all(record["meta"]["lastUpdated"][:10] <= WORLD.as_of.isoformat() for record in _records(150))


def test_the_five_kinds_of_claims_carry_money() -> None:
    kinds: Counter[str] = Counter()
    for record in _records(36):
        if record.get("use") == "claim":
            kinds[record["meta"]["profile"][0].rsplit("/", 1)[1]] += 1
            assert record["total"]
            assert record["payment"]["amount"]["value"] >= 0
            assert record["item"][0]["net"]
            assert any("amount" in entry for entry in record["adjudication"])
            assert any("amount" in entry for entry in record["item"][0]["adjudication"])
    assert len(kinds) == 5


def test_authorizations_come_in_every_state_with_their_papers() -> None:
    found = [record for record in _records(36) if record.get("use") == "preauthorization"]
    actions = Counter(_action(record) for record in found)
    assert set(actions) == {"A1", "A3", "A4"}
    drugs = [record for record in found if record["type"]["coding"][0]["code"] == "pharmacy"]
    assert drugs
    assert all(("supportingInfo" in record) is (record not in drugs) for record in found)
    a_year_ago = WORLD.as_of.replace(year=WORLD.as_of.year - 1).isoformat()
    closed = [record for record in found if record["meta"]["lastUpdated"][:10] < a_year_ago]
    recent = [record for record in found if record["meta"]["lastUpdated"][:10] >= a_year_ago]
    assert {_action(record) for record in recent} == {"A1", "A3", "A4"}
    assert any(record["preAuthRefPeriod"][0]["end"] < a_year_ago for record in closed)


def test_a_decision_can_hang_on_an_amount_as_in_the_guides_example() -> None:
    shapes = {
        "amount" in entry
        for record in _records(36)
        if record.get("use") == "preauthorization"
        for entry in record["item"][0]["adjudication"]
        if "extension" in entry
    }
    assert shapes == {True, False}


def test_documents_are_small_texts() -> None:
    for record in _records(60):
        if record["resourceType"] == "DocumentReference":
            text = base64.b64decode(record["content"][0]["attachment"]["data"]).decode()
            assert "Made up for tests" in text
            assert len(text) < 200


def test_a_chart_does_not_depend_on_its_neighbors() -> None:
    view = list(enrollments(WORLD, OLD.id, 90))[-1]
    alone = list(member_records(WORLD, view))
    assert alone == _records(90)[-len(alone) :]
