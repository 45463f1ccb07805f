"""What a permission leaves out stays here: by label and what rests on it, by type, day, field; and no trace of it."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import orjson
import pytest

from interpayer.model.consent import Limits
from interpayer.model.record import Lines
from interpayer.model.sensitivity import is_withheld
from interpayer.normalization.labeling.sets import default_sets
from interpayer.records.codec import Codec, plain_of
from interpayer.records.counting import withheld
from interpayer.records.export import Selection, export_lines, parameters_of
from interpayer.records.limiting import kept_back, kind_key, kinds, members_unlabeled
from interpayer.system.database import Connection
from tests.support.databases import DatabaseServer, ScratchDatabase
from tests.support.records import VAULT, an_encounter, load, raw_of

TODAY = date(2026, 11, 21)
CODEC = Codec(VAULT)
ONE = {"p1": "m-1"}
PATIENT = {"resourceType": "Patient", "id": "p1", "telecom": [{"value": "1"}], "birthDate": "1980-01-01"}
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
EVERY = Limits(labels_withheld=frozenset({"*"}))


def a_condition(number: str, code: str, **more: Any) -> dict[str, Any]:
    subject = {"reference": "Patient/p1"}
    concept = {"coding": [{"system": ICD10, "code": code}]}
    return {"resourceType": "Condition", "id": number, "subject": subject, "code": concept, **more}


def to(kind: str, number: str) -> dict[str, str]:
    return {"reference": f"{kind}/{number}"}


def exported(conn: Connection, limits: Limits, **asked: Any) -> list[dict[str, Any]]:
    return resources(export_lines(conn, CODEC, selection(limits, **asked)))


def selection(limits: Limits, **asked: Any) -> Selection:
    return Selection(member_ids=["m-1"], as_of=TODAY, limits={} if limits.is_open else {"m-1": limits}, **asked)


def resources(blocks: Iterable[Lines]) -> list[dict[str, Any]]:
    found = []
    for block in blocks:
        lines = plain_of(block).splitlines()
        assert len(lines) == block.count and block.count > 0
        found += [orjson.loads(line) for line in lines]
    return found


def names(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each resource by type and the number it came with."""
    return sorted(f"{r['resourceType']}/{r['meta']['source'].rpartition('/')[2].partition('#')[0]}" for r in found)


# An ordinary visit with diabetes; one for alcohol, with what belongs to it; a claim that names both.
HISTORY = [
    PATIENT,
    a_condition("sugar", "E11.9", encounter=to("Encounter", "plain")),
    a_condition("drink", "F10.20"),
    an_encounter("plain"),
    an_encounter("rehab", diagnosis=[{"condition": to("Condition", "drink")}]),
    {"resourceType": "Observation", "id": "weight", "subject": to("Patient", "p1"), "status": "final",
     "encounter": to("Encounter", "rehab"), "code": {"text": "Weight"}},
    {"resourceType": "Observation", "id": "pulse", "subject": to("Patient", "p1"), "status": "final",
     "encounter": to("Encounter", "plain"), "code": {"text": "Pulse"}},
    {"resourceType": "Provenance", "id": "v", "recorded": "2026-01-01T00:00:00Z", "agent": [{}],
     "target": [to("Condition", "sugar"), to("Condition", "drink"), to("Encounter", "rehab")]},
    {"resourceType": "Provenance", "id": "w", "recorded": "2026-01-01T00:00:00Z", "agent": [{}],
     "target": [to("Observation", "weight")]},
]  # fmt: skip


@pytest.fixture(scope="module")
def held(database_server: DatabaseServer) -> Iterator[ScratchDatabase]:
    """A member with this history."""
    made = database_server.create(template="migrated")
    with made.worker.transaction() as conn:
        load(conn, HISTORY[:-2], ONE)
        load(conn, HISTORY[-2:], ONE)
    yield made
    database_server.drop(made)


def test_without_limits_everything_goes_and_says_its_labels(held: ScratchDatabase) -> None:
    with held.worker.transaction() as conn:
        found = exported(conn, Limits())
    assert len(found) == len(HISTORY)
    labeled = {r["resourceType"] for r in found if "security" in r["meta"]}
    assert labeled == {"Condition"}


@pytest.mark.parametrize("label", ["*", "substance_use"])
def test_what_rests_on_a_withheld_record_stays_with_it(held: ScratchDatabase, label: str) -> None:
    limits = Limits(labels_withheld=frozenset({label}))
    with held.worker.transaction() as conn:
        found = exported(conn, limits)
        counted = withheld(conn, selection(limits))
    assert names(found) == ["Condition/sugar", "Encounter/plain", "Observation/pulse", "Patient/p1", "Provenance/v"]
    provenance = next(r for r in found if r["resourceType"] == "Provenance")
    sugar = next(r["id"] for r in found if r["resourceType"] == "Condition")
    assert provenance["target"] == [to("Condition", sugar)]
    assert counted == {"m-1": {"record.withheld_label": 3}}


def test_another_label_withholds_nothing(held: ScratchDatabase) -> None:
    with held.worker.transaction() as conn:
        assert len(exported(conn, Limits(labels_withheld=frozenset({"hiv"})))) == len(HISTORY)


@pytest.mark.parametrize(
    ("limits", "goes"),
    [
        (Limits(types=frozenset({"Condition"})), ["Condition/drink", "Condition/sugar", "Patient/p1", "Provenance/v"]),
        (
            Limits(types_withheld=frozenset({"Condition", "Observation", "Provenance"})),
            ["Encounter/plain", "Encounter/rehab", "Patient/p1"],
        ),
        (
            Limits(types_withheld=frozenset({"Patient", "Provenance"}), labels_withheld=frozenset({"*"})),
            ["Condition/sugar", "Encounter/plain", "Observation/pulse"],
        ),
    ],
)
def test_types(held: ScratchDatabase, limits: Limits, goes: list[str]) -> None:
    with held.worker.transaction() as conn:
        found = exported(conn, limits)
        ids = {r["id"] for r in found} | {"m-1"}
        reasons = withheld(conn, selection(limits))["m-1"]
    assert names(found) == goes
    text = orjson.dumps(found).decode()
    referred = {part.partition('"')[0].rpartition("/")[2] for part in text.split('"reference":"')[1:]}
    assert referred <= ids, "nothing that goes points at what stays"
    # a Provenance without a target left goes no more, and is not withheld by itself
    assert 0 < sum(reasons.values()) <= len(HISTORY) - len(goes)


def test_an_entry_that_rests_on_what_stays_goes_with_it(held: ScratchDatabase) -> None:
    with held.worker.transaction() as conn:
        found = exported(conn, Limits(types_withheld=frozenset({"Condition"})))
    visits = [r for r in found if r["resourceType"] == "Encounter"]
    assert len(visits) == 2 and all("diagnosis" not in visit for visit in visits)


def test_fields_are_removed_wherever_they_stand(held: ScratchDatabase) -> None:
    limits = Limits(fields_withheld=frozenset({"Patient.telecom", "*.code.coding.system", "Encounter.period.end"}))
    with held.worker.transaction() as conn:
        found = exported(conn, limits)
    assert len(found) == len(HISTORY)
    by_kind = {r["resourceType"]: r for r in found}
    assert "telecom" not in by_kind["Patient"] and by_kind["Patient"]["birthDate"] == "1980-01-01"
    assert (
        "system" not in by_kind["Condition"]["code"]["coding"][0] and by_kind["Condition"]["code"]["coding"][0]["code"]
    )
    assert set(by_kind["Encounter"]["period"]) == {"start"}


def test_days_of_service(database: ScratchDatabase) -> None:
    visits = [an_encounter(day, start=day) for day in ("2024-01-01", "2025-01-01", "2026-01-01")]
    with database.worker.transaction() as conn:
        load(conn, [*visits, a_condition("undated", "E11.9")], ONE)
        late = exported(conn, Limits(since=date(2025, 1, 1)))
        early = exported(conn, Limits(until=date(2025, 1, 1)))
        reasons = withheld(conn, selection(Limits(since=date(2026, 1, 1))))
    assert names(late) == ["Condition/undated", "Encounter/2025-01-01", "Encounter/2026-01-01"]
    assert names(early) == ["Condition/undated", "Encounter/2024-01-01", "Encounter/2025-01-01"]
    assert reasons == {"m-1": {"record.withheld_period": 2}}


def test_a_place_that_tells_is_withheld_with_who_was_there(database: ScratchDatabase) -> None:
    clinic = {"resourceType": "Organization", "id": "clinic", "name": "Center for Psychiatry"}
    ward = {"resourceType": "Location", "id": "ward", "managingOrganization": to("Organization", "clinic")}
    other = {"resourceType": "Organization", "id": "other", "name": "General Hospital"}
    there = an_encounter("there", location=[{"location": to("Location", "ward")}])
    elsewhere = an_encounter("elsewhere", serviceProvider=to("Organization", "other"))
    with database.worker.transaction() as conn:
        load(conn, [clinic, ward, other, there, elsewhere], ONE)
        whole, found = exported(conn, Limits()), exported(conn, EVERY)
    assert len(whole) == 5 and names(found) == ["Encounter/elsewhere", "Organization/other"]


def test_columns_and_the_rule_agree_for_every_combination(database: ScratchDatabase) -> None:
    """`model.sensitivity.is_withheld` says it in words, the statement in SQL; what loads as a label is one of these."""
    known = ["hiv", "mental_health", "minor_own", "restricted", "unstructured", "plan_vip"]
    combinations = [set(some) for n in (0, 1, 2) for some in itertools.combinations(known, n)]
    with database.worker.transaction() as conn:
        load(conn, [an_encounter(f"e{n}") for n in range(len(combinations))], ONE)
        ids = [row["id"] for row in conn.execute("select id from records.record order by id")]
        for record_id, labels in zip(ids, combinations, strict=True):
            conn.execute("update records.record set labels = %s where id = %s", (sorted(labels), record_id))
        for wanted in [{"*"}, *combinations]:
            limits = Limits(labels_withheld=frozenset(wanted))
            stays = {one.id for one in kept_back(conn, parameters_of(selection(limits), ["m-1"]), limits)}
            held = zip(ids, combinations, strict=True)
            assert stays == {i for i, labels in held if is_withheld(labels, wanted)}, wanted


def test_kinds_that_a_policy_refuses(held: ScratchDatabase) -> None:
    none = Limits()
    with held.worker.transaction() as conn:
        found = kinds(conn, parameters_of(selection(none), ["m-1"]))
        refused = {none: frozenset({kind_key("Condition", frozenset({"substance_use"}))})}
        left = exported(conn, none, refused=refused)
    assert ("Condition", frozenset({"substance_use"})) in found and ("Condition", frozenset()) in found
    assert "Condition/drink" not in names(left) and len(left) == len(HISTORY) - 1


def test_a_member_counts_as_labeled_when_every_record_is(held: ScratchDatabase) -> None:
    version = default_sets().version
    with held.worker.transaction() as conn:
        assert members_unlabeled(conn, ["m-1", "m-nobody"], version) == set()
        assert members_unlabeled(conn, ["m-1"], "labels@another") == {"m-1"}
        conn.execute("update records.record set labels_version = null where type = 'Observation'")
        assert members_unlabeled(conn, ["m-1"], version) == {"m-1"}
        conn.rollback()


def test_a_notice_goes_with_records_of_substance_use_even_unasked(held: ScratchDatabase) -> None:
    def transmitter(member_id: str, targets: Sequence[str], has_notice: bool) -> bytes:
        return raw_of({"resourceType": "Provenance", "id": member_id, "notice": has_notice, "n": len(targets)})

    def told(limits: Limits, **asked: Any) -> list[dict[str, Any]]:
        blocks = export_lines(conn, CODEC, selection(limits, **asked), transmitter=transmitter)
        return [r for r in resources(blocks) if r["resourceType"] == "Provenance" and "notice" in r]

    with held.worker.transaction() as conn:
        assert [one["notice"] for one in told(Limits())] == [True]
        assert [(one["notice"], one["n"]) for one in told(EVERY)] == [(False, 4)]
        assert [one["notice"] for one in told(Limits(), types=("Condition",))] == [True]
        assert told(Limits(), types=("Observation",)) == []
        assert told(EVERY, types=("Condition",)) == []
