"""Loading: one record per author and id, whoever brings it; every arrival leaves its provenance."""

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from interpayer.records import store
from interpayer.records.codec import Codec
from interpayer.system.keys import SealBroken
from tests.support.databases import ScratchDatabase
from tests.support.records import OURS, THEIRS, VAULT, an_arrival, an_encounter, load

CODEC = Codec(VAULT)
AUTHOR = "https://author.example/fhir"


def relayed(version: str, *, local_id: str = "x1", status: str = "finished", **more: Any) -> dict[str, Any]:
    """An Encounter of AUTHOR as a payer hands it on."""
    meta = {"source": f"{AUTHOR}/Encounter/e9#{version}", "lastUpdated": "2026-11-20T00:00:00Z"}
    return an_encounter(local_id, patient="q1", meta=meta, **more) | {"status": status}


def received(
    conn: Any, resource: dict[str, Any], *, source: str = THEIRS, exchange: str = "x-1", member: str = "m-1"
) -> Any:
    at = datetime.now(UTC)
    arrival = an_arrival(source=source, own=False, sender="pa-1", exchange_id=exchange, at=at)
    return load(conn, [resource], {"q1": member}, arrival=arrival)


def test_a_load_is_idempotent_and_keeps_the_bytes(database: ScratchDatabase) -> None:
    resources = [an_encounter(f"e{n}", length={"value": 72.5, "unit": "min"}) for n in range(50)]
    with database.worker.transaction() as conn:
        first = load(conn, resources, {"p1": "m-1"})
    with database.worker.transaction() as conn:
        second = load(conn, resources, {"p1": "m-1"})
        held = list(store.records_of(conn, CODEC, "m-1"))
    assert (first.new, first.types) == (50, {"Encounter": 50})
    assert (second.new, second.same, second.changed) == (0, 50, 0)
    assert {row["original"] for row in held} == {json.dumps(r, separators=(",", ":")).encode() for r in resources}
    released = orjson.loads(held[0]["released"])
    assert released["subject"]["reference"] == "Patient/m-1"
    assert released["id"] == held[0]["id"]
    assert released["meta"]["source"].startswith(f"{OURS}/Encounter/e")
    assert b'"value":72.5,' in held[0]["released"]


def test_a_newer_content_stands_and_the_former_is_kept(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        load(conn, [an_encounter()], {"p1": "m-1"})
        report = load(conn, [an_encounter() | {"status": "cancelled"}], {"p1": "m-1"})
        (row,) = store.records_of(conn, CODEC, "m-1")
    with database.owner.transaction() as conn:
        kept = conn.execute("select version from records.superseded").fetchall()
    assert report.changed == 1
    assert (row["status"], row["version"]) == ("cancelled", 2)
    assert [k["version"] for k in kept] == [1]


def test_several_contents_in_one_batch_are_decided_in_turn(database: ScratchDatabase) -> None:
    batch = [an_encounter() | {"status": status} for status in ("planned", "finished", "finished", "cancelled")]
    with database.worker.transaction() as conn:
        report = load(conn, batch, {"p1": "m-1"})
        (row,) = store.records_of(conn, CODEC, "m-1")
    with database.owner.transaction() as conn:
        kept = conn.execute("select count(*) as n from records.superseded").fetchone()
    assert (report.new, report.changed, report.same) == (1, 2, 1)
    assert row["status"] == "cancelled"
    assert kept == {"n": 2}


@pytest.mark.parametrize("order", [("1", "2"), ("2", "1")])
def test_the_author_s_newest_version_stands_in_any_order(database: ScratchDatabase, order: tuple[str, str]) -> None:
    versions = {
        "1": relayed("2026-01-01T00:00:00Z", status="planned"),
        "2": relayed("2026-02-01T00:00:00Z", status="finished", local_id="y7"),
    }
    sources = {"1": "https://b.example/fhir", "2": "https://c.example/fhir"}
    with database.worker.transaction() as conn:
        for number in order:
            received(conn, versions[number], source=sources[number], exchange=f"x-{number}")
        (row,) = store.records_of(conn, CODEC, "m-1")
        ways = store.provenance(conn, [row["id"]])[row["id"]]
    assert row["status"] == "finished"
    assert (row["author"], row["original_id"]) == (AUTHOR, "e9")
    assert {way["exchange_id"] for way in ways} == {"x-1", "x-2"}


def test_one_record_by_two_ways_is_one_record_with_two_provenances(database: ScratchDatabase) -> None:
    version = "2026-01-01T00:00:00Z"
    with database.worker.transaction() as conn:
        received(conn, relayed(version), exchange="x-1")
        report = received(conn, relayed(version, local_id="other"), source="https://b.example/fhir", exchange="x-2")
        (row,) = store.records_of(conn, CODEC, "m-1")
        ways = store.provenance(conn, [row["id"]])[row["id"]]
    assert (report.new, report.same) == (0, 1)
    assert [way["outcome"] for way in ways] == ["new", "same"]


def test_our_own_record_coming_back_is_linked_and_not_merged(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        load(conn, [an_encounter("e1")], {"p1": "m-1"})
        echo = an_encounter("z", patient="q1", meta={"source": f"{OURS}/Encounter/e1#2026-11-21T12:00:00Z"})
        report = received(conn, echo | {"status": "cancelled"})
        (row,) = store.records_of(conn, CODEC, "m-1")
        ways = store.provenance(conn, [row["id"]])[row["id"]]
    assert (report.echoes, report.changed, report.conflicts) == (1, 0, 0)
    assert row["status"] == "finished"
    assert [way["outcome"] for way in ways] == ["new", "echo"]


def test_a_record_does_not_change_hands_by_a_partner_s_word(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        received(conn, relayed("2026-01-01T00:00:00Z"))
        report = received(conn, relayed("2026-03-01T00:00:00Z"), exchange="x-2", member="m-2")
        assert list(store.records_of(conn, CODEC, "m-2")) == []
        assert store.quarantined_counts(conn, "x-2") == {"record.conflict": 1}
    assert report.conflicts == 1


def test_foreign_and_ownerless_resources_are_quarantined_and_counted(database: ScratchDatabase) -> None:
    foreign = an_encounter("f", patient="stranger")
    nobodys = {"resourceType": "Device", "id": "d"}
    arrival = an_arrival(source=THEIRS, own=False, sender="pa-1", exchange_id="x-1")
    with database.worker.transaction() as conn:
        report = load(conn, [foreign, nobodys], {"q1": "m-1"}, arrival=arrival)
        assert store.quarantined_counts(conn, "x-1") == {"record.foreign_member": 1, "record.unattributed": 1}
    assert report.new == 0


def test_references_follow_the_alias_of_the_sender(database: ScratchDatabase) -> None:
    condition = {
        "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/q1"},
        "encounter": {"reference": "Encounter/x1"},
    }  # fmt: skip
    arrival = an_arrival(source=THEIRS, own=False, sender="pa-1", exchange_id="x-1")
    with database.worker.transaction() as conn:
        load(conn, [condition, relayed("2026-01-01T00:00:00Z")], {"q1": "m-1"}, arrival=arrival)
        rows = {row["type"]: row for row in store.records_of(conn, CODEC, "m-1")}
    assert (
        orjson.loads(rows["Condition"]["released"])["encounter"]["reference"] == f"Encounter/{rows['Encounter']['id']}"
    )


def test_a_provenance_belongs_to_whom_its_targets_belong(database: ScratchDatabase) -> None:
    resources = [an_encounter("e1", patient="p1"), an_encounter("e2", patient="p2")]
    both = {
        "resourceType": "Provenance", "id": "v1", "recorded": "2026-01-01T00:00:00Z", "agent": [{}],
        "target": [{"reference": "Encounter/e1"}, {"reference": "Encounter/e2"}],
    }  # fmt: skip
    members = {"p1": "m-1", "p2": "m-2"}
    with database.worker.transaction() as conn:
        load(conn, resources, members)
        report = load(conn, [both], members)
        held = {m: [r for r in store.records_of(conn, CODEC, m) if r["type"] == "Provenance"] for m in ("m-1", "m-2")}
        encounters = {m: next(r["id"] for r in store.records_of(conn, CODEC, m, types=["Encounter"])) for m in held}
    assert report.new == 2
    for member, (row,) in held.items():
        assert [t["reference"] for t in orjson.loads(row["released"])["target"]] == [f"Encounter/{encounters[member]}"]


def test_a_recalled_exchange_stops_being_served_and_comes_back_with_another(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        received(conn, relayed("2026-01-01T00:00:00Z"), exchange="x-1")
        received(conn, an_encounter("own", patient="q1"), exchange="x-2")
        assert store.quarantine_by_exchange(conn, "x-1") == 1
        assert store.counts(conn, "m-1") == {"Encounter": 1}
        received(conn, relayed("2026-01-01T00:00:00Z"), exchange="x-3")
        assert store.counts(conn, "m-1") == {"Encounter": 2}


def test_what_two_exchanges_brought_survives_the_recall_of_one(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        received(conn, relayed("2026-01-01T00:00:00Z"), exchange="x-1")
        received(conn, relayed("2026-01-01T00:00:00Z"), exchange="x-2")
        assert store.quarantine_by_exchange(conn, "x-1") == 0
        assert store.counts(conn, "m-1") == {"Encounter": 1}


def test_what_two_exchanges_brought_is_served_no_more_when_both_are_recalled(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        received(conn, relayed("2026-01-01T00:00:00Z"), exchange="x-1")
        received(conn, relayed("2026-01-01T00:00:00Z"), exchange="x-2")
        assert [store.quarantine_by_exchange(conn, x) for x in ("x-1", "x-2")] == [0, 1]
        assert store.counts(conn, "m-1") == {}
        assert store.release_quarantine(conn, "x-1") == 1
        assert store.counts(conn, "m-1") == {"Encounter": 1}


def test_two_loads_at_once_keep_one_record(database: ScratchDatabase) -> None:
    with database.worker.transaction() as one:
        load(one, [an_encounter("e1"), an_encounter("e2")], {"p1": "m-1"})
        with database.operator.transaction() as two:
            two.execute("set local lock_timeout = '50ms'")
            with pytest.raises(Exception, match="lock timeout"):
                load(two, [an_encounter("e2"), an_encounter("e3")], {"p1": "m-1"})
    with database.operator.transaction() as two:
        report = load(two, [an_encounter("e2"), an_encounter("e3")], {"p1": "m-1"})
        assert store.counts(two, "m-1") == {"Encounter": 3}
    assert (report.new, report.same) == (1, 1)


def test_a_body_opens_only_in_its_own_place(database: ScratchDatabase) -> None:
    with database.worker.transaction() as conn:
        load(conn, [an_encounter("e1")], {"p1": "m-1"})
        load(conn, [an_encounter("e2")], {"p1": "m-1"})
    with database.owner.transaction() as conn:
        conn.execute(
            "update records.pack p set frame = o.frame from records.pack o where o.id <> p.id and o.kind = p.kind"
        )
    with database.worker.transaction() as conn, pytest.raises(SealBroken):
        list(store.records_of(conn, CODEC, "m-1"))


def test_nothing_readable_lies_in_the_tables(database: ScratchDatabase) -> None:
    marker = "ZebraMarkerName"
    with database.worker.transaction() as conn:
        load(conn, [an_encounter(text={"div": marker}, patient="p1")], {"p1": "m-1"})
        load(conn, [an_encounter("e2", patient="stranger", text={"div": marker})], {})
    with database.owner.transaction() as conn:
        for table in ("record", "pack", "quarantine", "arrival", "alias"):
            rows = conn.execute(f"select t::text as row from records.{table} t".encode()).fetchall()
            assert not any(marker in row["row"] or marker.encode().hex() in row["row"] for row in rows)


def test_what_belongs_to_nobody_is_no_part_of_what_a_member_received(database: ScratchDatabase) -> None:
    arrival = an_arrival(source=THEIRS, own=False, sender="pa-1", exchange_id="x-1")
    organization = {"resourceType": "Organization", "id": "o1", "name": "A clinic"}
    with database.worker.transaction() as conn:
        report = load(conn, [organization, an_encounter(patient="q1")], {"q1": "m-1"}, arrival=arrival)
        assert store.received_counts(conn, "x-1") == {"Encounter": {"new": 1}}
    assert report.new == 2
