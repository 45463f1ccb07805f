"""Exports: what goes, what does not and is counted, shared resources once with the members that depend on them."""

import gzip
import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from interpayer.model.record import Lines
from interpayer.records import export, loading, store
from interpayer.records.codec import Codec, plain_of
from interpayer.records.counting import withheld
from interpayer.records.export import Selection, export_lines
from interpayer.system.database import Connection
from tests.support.databases import ScratchDatabase
from tests.support.records import THEIRS, VAULT, an_arrival, an_encounter, load, raw_of

TODAY = date(2026, 11, 21)
CODEC = Codec(VAULT)
TWO = {"p1": "m-1", "p2": "m-2"}
PROVENANCE = {"resourceType": "Provenance", "id": "v", "recorded": "2026-01-01T00:00:00Z", "agent": [{}]}


def exported(conn: Connection, *members: str, **asked: Any) -> list[Lines]:
    selection = Selection(member_ids=members, as_of=TODAY, **asked)
    return list(export_lines(conn, CODEC, selection))


def resources(blocks: Iterable[Lines]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for block in blocks for line in plain_of(block).splitlines()]


def an_authorization(number: str, *, created: str, ends: str | None = None, code: str = "A1") -> dict[str, Any]:
    url = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/extension-reviewActionCode"
    action = {"url": "extension-reviewAction", "extension": [{"url": url, "valueCode": code}]}
    return {
        "resourceType": "ExplanationOfBenefit", "id": number, "use": "preauthorization", "status": "active",
        "type": {"coding": [{"code": "professional"}]}, "patient": {"reference": "Patient/p1"}, "created": created,
        "adjudication": [{"category": {"coding": [{"code": "submitted"}]}, "extension": [action]}],
        "preAuthRefPeriod": [{"start": created, "end": ends or created}],
    }  # fmt: skip


def test_lines_come_by_member_and_type(database: ScratchDatabase) -> None:
    condition = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p1"}}
    with database.worker.transaction() as conn:
        load(
            conn, [an_encounter(f"e{n}", patient=f"p{n % 3}") for n in range(9)], {f"p{n}": f"m-{n}" for n in range(3)}
        )
        load(conn, [condition], {"p1": "m-1"})
        blocks = exported(conn, "m-0", "m-1", "m-2")
        only = exported(conn, "m-1", types=("Condition",))
    assert [(b.member_ids, b.type, b.count) for b in blocks] == [
        (("m-0",), "Encounter", 3), (("m-1",), "Condition", 1), (("m-1",), "Encounter", 3), (("m-2",), "Encounter", 3),
    ]  # fmt: skip
    assert all(plain_of(b).count(b"\n") == b.count and plain_of(b).endswith(b"}\n") for b in blocks)
    assert [b.type for b in only] == ["Condition"]


def test_the_window_of_service_dates(database: ScratchDatabase) -> None:
    loaded = [an_encounter("old", start="2021-11-20"), an_encounter("edge", start="2021-11-21"), an_encounter("new")]
    running = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2001",
               "clinicalStatus": {"coding": [{"code": "active"}]}}  # fmt: skip
    with database.worker.transaction() as conn:
        load(conn, [*loaded, running], {"p1": "m-1"})
        window = date(2021, 11, 21)
        blocks = exported(conn, "m-1", service_from=window)
        counted = withheld(conn, Selection(["m-1"], TODAY, window))
    days = sorted(r["period"]["start"] for r in resources(blocks) if r["resourceType"] == "Encounter")
    assert days == ["2021-11-21", "2026-01-02"]
    assert [b.count for b in blocks if b.type == "Condition"] == [1]
    assert counted == {"m-1": {"record.excluded_service_date": 1}}


def test_prior_authorizations_that_are_current_or_changed_within_a_year_go(database: ScratchDatabase) -> None:
    loaded = [
        an_authorization("holds", created="2020-01-01", ends="2027-01-01"),
        an_authorization("changed", created="2025-12-01"),
        an_authorization("closed", created="2025-11-20"),
        an_authorization("denied", created="2026-10-01", code="A3"),
    ]
    with database.worker.transaction() as conn:
        load(conn, loaded, {"p1": "m-1"})
        created = sorted(r["created"] for r in resources(exported(conn, "m-1", service_from=date(2021, 11, 21))))
        counted = withheld(conn, Selection(["m-1"], TODAY, date(2021, 11, 21)))
    assert created == ["2020-01-01", "2025-12-01"]
    assert counted["m-1"] == {"record.excluded_denied_authorization": 1, "record.excluded_old_authorization": 1}


def test_increments_go_by_when_a_record_became_available_here(database: ScratchDatabase) -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    with database.worker.transaction() as conn:
        load(conn, [an_encounter("e1")], {"p1": "m-1"}, arrival=an_arrival(at=early))
        load(conn, [an_encounter("e2", start="2020-01-01")], {"p1": "m-1"}, arrival=an_arrival(at=late))
        since = resources(exported(conn, "m-1", since=early))
        until = resources(exported(conn, "m-1", until=early))
    assert [r["period"]["start"] for r in since] == ["2020-01-01"]
    assert [r["period"]["start"] for r in until] == ["2026-01-02"]
    assert since[0]["meta"]["lastUpdated"] == "2026-06-01T00:00:00.000000Z"


def test_shared_resources_go_once_with_the_members_that_depend_on_them(database: ScratchDatabase) -> None:
    shared = [
        {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "Practitioner/doc"}},
        {"resourceType": "Practitioner", "id": "doc"},
        {"resourceType": "Practitioner", "id": "stranger"},
    ]
    participant = [{"individual": {"reference": "PractitionerRole/role"}}]
    seen = [an_encounter(f"e{n}", patient=f"p{n}", participant=participant) for n in (1, 2)]
    old = an_encounter("e3", patient="p3", start="1999-01-01", participant=participant)
    with database.worker.transaction() as conn:
        load(conn, [*shared, *seen, old], {f"p{n}": f"m-{n}" for n in (1, 2, 3)})
        blocks = [b for b in exported(conn, "m-1", "m-2", "m-3", service_from=date(2021, 1, 1)) if b.shared]
        none = exported(conn, "m-3", service_from=date(2021, 1, 1))
    assert [(b.type, b.member_ids, b.count) for b in blocks] == [
        ("Practitioner", ("m-1", "m-2"), 1), ("PractitionerRole", ("m-1", "m-2"), 1),
    ]  # fmt: skip
    role, doctor = orjson.loads(plain_of(blocks[1])), orjson.loads(plain_of(blocks[0]))
    assert role["practitioner"]["reference"] == f"Practitioner/{doctor['id']}"
    assert none == []


def test_a_provenance_does_not_tell_of_what_does_not_go(database: ScratchDatabase) -> None:
    def provenance(number: str, *targets: str) -> dict[str, Any]:
        return {**PROVENANCE, "id": number, "target": [{"reference": f"Encounter/{target}"} for target in targets]}

    with database.worker.transaction() as conn:
        load(conn, [an_encounter("old", start="1999-01-01"), an_encounter("new")], {"p1": "m-1"})
        load(conn, [provenance("both", "old", "new"), provenance("hidden", "old")], {"p1": "m-1"})
        blocks = exported(conn, "m-1", service_from=date(2021, 1, 1))
    (encounter,) = [r for r in resources(blocks) if r["resourceType"] == "Encounter"]
    (kept,) = [r for r in resources(blocks) if r["resourceType"] == "Provenance"]
    assert [t["reference"] for t in kept["target"]] == [f"Encounter/{encounter['id']}"]


def test_one_person_has_one_patient_line(database: ScratchDatabase) -> None:
    patients = [{"resourceType": "Patient", "id": i, "name": [{"family": i}]} for i in ("p1", "p2")]
    with database.worker.transaction() as conn:
        load(conn, patients, {"p1": "m-1", "p2": "m-1"})
        theirs = an_arrival(source=THEIRS, own=False, sender="pa-1", exchange_id="x-1")
        load(conn, [{"resourceType": "Patient", "id": "q1"}], {"q1": "m-1"}, arrival=theirs)
        selection = Selection(["m-1", "m-2"], TODAY)
        lines = export_lines(conn, CODEC, selection, patients=lambda ids: {i: raw_of({"id": i}) for i in ids})
        blocks = [b for b in lines if b.type == "Patient"]
    assert [orjson.loads(plain_of(b))["id"] for b in blocks] == ["m-1", "m-2"]


def test_recalled_records_are_not_served(database: ScratchDatabase) -> None:
    theirs = an_arrival(source=THEIRS, own=False, sender="pa-1", exchange_id="x-1")
    with database.worker.transaction() as conn:
        load(conn, [an_encounter("e1", patient="q1")], {"q1": "m-1"}, arrival=theirs)
        assert [b.count for b in exported(conn, "m-1")] == [1]
        assert store.quarantine_by_exchange(conn, "x-1") == 1
        assert exported(conn, "m-1") == []


def test_the_horizon_waits_for_loads_under_way(database: ScratchDatabase) -> None:
    with database.worker.transaction() as loader:
        at = loading.begin_load(loader)
        with database.operator.transaction() as exporter:
            exporter.execute("set local lock_timeout = '50ms'")
            try:
                loading.export_horizon(exporter)
                waited = False
            except Exception as error:
                waited = "lock timeout" in str(error)
                exporter.rollback()
        assert waited
    with database.operator.transaction() as exporter:
        assert loading.export_horizon(exporter) > at


def test_the_filters_are_inlined_into_the_query(database: ScratchDatabase) -> None:
    """A filter that is called per row instead would read every column and be slow."""
    with database.worker.transaction() as conn:
        parameters = {**export.parameters_of(Selection(["m-1"], TODAY, TODAY), ["m-1"]), "with_ids": True}
        plan = conn.execute(b"explain (verbose) " + export._MEMBERS, parameters).fetchall()
    text = "\n".join(row["QUERY PLAN"] for row in plan)
    assert "records.goes" not in text
    assert "records.asked" not in text


def test_one_provenance_says_of_each_member_what_was_handed_on(database: ScratchDatabase) -> None:
    def transmitter(member_id: str, targets: Sequence[str], _has_notice: bool) -> bytes:
        return raw_of({"id": f"t-{member_id}", "target": list(targets)})

    with database.worker.transaction() as conn:
        load(conn, [an_encounter("e1"), an_encounter("e2", patient="p2"), {"resourceType": "Patient", "id": "p1"}], TWO)
        load(conn, [{**PROVENANCE, "target": [{"reference": "Encounter/e1"}]}], TWO)
        blocks = list(export_lines(conn, CODEC, Selection(["m-1", "m-2", "m-3"], TODAY), transmitter=transmitter))
        none = list(export_lines(conn, CODEC, Selection(["m-3"], TODAY, types=("Encounter",)), transmitter=transmitter))
    told = {b.member_ids[0]: orjson.loads(plain_of(b).splitlines()[-1]) for b in blocks if b.type == "Provenance"}
    ids = {r["resourceType"] + r["subject"]["reference"]: r["id"] for r in resources(blocks) if "subject" in r}
    assert told == {
        "m-1": {"id": "t-m-1", "target": ["Patient/m-1", f"Encounter/{ids['EncounterPatient/m-1']}"]},
        "m-2": {"id": "t-m-2", "target": [f"Encounter/{ids['EncounterPatient/m-2']}"]},
    }
    assert [b.count for b in blocks if b.type == "Provenance"] == [2, 1]
    assert none == []


def test_an_export_may_be_left_at_any_point(database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.records.export.CHUNK", 1)
    members = {f"p{n}": f"m-{n}" for n in range(9)}
    with database.worker.transaction() as conn:
        load(conn, [an_encounter(f"e{n}", patient=f"p{n}") for n in range(9)], members)
        lines = export_lines(conn, CODEC, Selection(list(members.values()), TODAY))
        assert next(lines).member_ids == ("m-0",)
        assert conn.execute("select 1 as one").fetchone() == {"one": 1}
        assert next(lines).member_ids == ("m-1",)
        lines.close()  # type: ignore[attr-defined]
        assert conn.execute("select 2 as two").fetchone() == {"two": 2}


def test_slices_and_whole_packs_hold_the_same_lines(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        load(conn, [an_encounter(f"e{n}", start=f"20{10 + n}-01-02") for n in range(10)], {"p1": "m-1"})
        load(conn, [an_encounter(f"f{n}") for n in range(3)], {"p1": "m-1"})
        load(conn, [an_encounter("e3", start="2013-01-02", note="changed")], {"p1": "m-1"})
        whole = exported(conn, "m-1")
        part = exported(conn, "m-1", service_from=date(2013, 1, 1))
        rows = list(store.records_of(conn, CODEC, "m-1"))
    released = {row["released"] for row in rows}
    assert {line for block in whole for line in plain_of(block).splitlines()} == released
    assert [block.count for block in whole] == [13]
    days = sorted(resource["period"]["start"] for resource in resources(part))
    assert days == sorted([f"20{10 + n}-01-02" for n in range(3, 10)] + ["2026-01-02"] * 3)
    ready = [b for b in [*whole, *part] if b.plain is None]
    assert all(b.sha256 == hashlib.sha256(plain_of(b)).hexdigest() for b in ready)


def test_what_lies_ready_is_the_same_as_what_is_packed_anew(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        load(conn, [an_encounter(f"e{n}") for n in range(5)], {"p1": "m-1"})
        (block,) = exported(conn, "m-1")
    plain = gzip.decompress(block.packed)
    assert (block.plain, block.length) == (None, len(plain)) and plain == plain_of(block)
    assert block.sha256 == hashlib.sha256(plain).hexdigest()
