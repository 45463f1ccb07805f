"""From a resource to a record: who it is, whose it is, what is released of it."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from interpayer.adapters.fhir_files import parse
from interpayer.model.record import Quarantined, Record
from interpayer.normalization.intake import Known, canonicalize, outline
from interpayer.normalization.merge import identity_of, read_instant, source_uri
from interpayer.normalization.payload import release_patient
from tests.support.records import OURS, THEIRS, VAULT, an_arrival, an_encounter, make, raw_of

AT = {"b": "2026-02-01T00:00:00Z", "c": "2026-03-01T00:00:00Z"}
TWO = [{"entity": {"reference": "Patient/p1"}}, {"entity": {"reference": "Patient/p2"}}]


def one(resource: dict[str, Any], members: dict[str, str] | None = None, **more: Any) -> Record:
    records, quarantined = make([resource], an_arrival(**more), {"p1": "m-1"} if members is None else members)
    assert not quarantined
    (record,) = records
    return record


def test_the_released_form_has_our_ids_and_tells_where_it_comes_from() -> None:
    record = one(an_encounter("e1", partOf={"reference": "Encounter/e0"}, meta={"versionId": "7", "profile": ["x"]}))
    assert record.released is not None
    released = orjson.loads(record.released)
    assert released["id"] == record.id == VAULT.record_id(OURS, "Encounter", "e1")
    assert released["subject"] == {"reference": "Patient/m-1"}
    assert released["partOf"]["reference"] == f"Encounter/{VAULT.record_id(OURS, 'Encounter', 'e0')}"
    assert released["meta"] == {
        "profile": ["x"], "lastUpdated": "2026-11-21T12:00:00.000000Z",
        "source": f"{OURS}/Encounter/e1#2026-11-21T12:00:00.000000Z",
    }  # fmt: skip
    assert list(released)[:3] == ["resourceType", "id", "meta"]
    assert record.original == raw_of(
        an_encounter("e1", partOf={"reference": "Encounter/e0"}, meta={"versionId": "7", "profile": ["x"]})
    )


@pytest.mark.parametrize("digits", ["72.50", "0.10", "1e3", "-0.0", "12345678901234567.8901"])
def test_numbers_keep_their_digits(digits: str) -> None:
    raw = (
        b'{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/p1"},"valueQuantity":{"value":%s}}'
        % digits.encode()
    )
    parsed = parse(raw)
    assert parsed is not None
    arrival = an_arrival()
    (record,) = canonicalize(outline(parsed, raw, arrival), arrival, Known({"p1": "m-1"}))  # type: ignore[misc]
    assert b'"value":%s}' % digits.encode() in (record.released or b"")


def test_money_under_a_name_written_in_escapes_does_not_leave() -> None:
    raw = (
        b'{"resourceType":"Encounter","id":"e","subject":{"reference":"Patient/p1"},'
        b'"extension":[{"url":"https://x.example/paid","value\\u004doney":{"value":7,"curre\\u006ecy":"USD"}}]}'
    )
    parsed = parse(raw)
    assert parsed is not None
    arrival = an_arrival()
    (record,) = canonicalize(outline(parsed, raw, arrival), arrival, Known({"p1": "m-1"}))  # type: ignore[misc]
    assert b"USD" not in (record.released or b"") and record.removed == {"money.extension": 1}


def test_an_identity_travels_through_relays() -> None:
    first = one(an_encounter("e1"))
    assert first.released is not None
    at_b = orjson.loads(first.released)
    identity = identity_of(at_b, sender="https://b.example/fhir", trusts_source=True)
    assert (identity.author, identity.original_id) == (OURS, "e1")
    assert source_uri(identity, "Encounter") == at_b["meta"]["source"]


@pytest.mark.parametrize(
    "source",
    [
        "CWF",
        "https://a.example/fhir",
        "https://a.example/fhir/Observation/e1",
        "#abc",
        "https://a.example/fhir/Encounter/has space",
        7,
    ],
)
def test_a_source_of_another_form_is_no_identity(source: object) -> None:
    identity = identity_of(an_encounter("e1", meta={"source": source}), sender=THEIRS + "/", trusts_source=True)
    assert (identity.author, identity.original_id) == (THEIRS, "e1")


def test_an_own_load_does_not_take_the_word_of_a_source() -> None:
    record = one(an_encounter("e1", meta={"source": "https://a.example/fhir/Encounter/z"}))
    assert (record.origin.author, record.origin.original_id) == (OURS, "e1")


def test_what_we_authored_is_an_echo_when_it_comes_back() -> None:
    echo = an_encounter("z", meta={"source": f"{OURS}/Encounter/e1"})
    record = one(echo, source=THEIRS, own=False, sender="pa-1")
    assert record.is_echo
    assert record.id == one(an_encounter("e1")).id


def test_the_content_is_the_same_whoever_relays_it() -> None:
    ways = []
    for way in ("b", "c"):
        meta = {"source": "https://a.example/fhir/Encounter/e1#2026-01-01T00:00:00Z", "lastUpdated": AT[way]}
        seen = an_encounter(f"at-{way}", partOf={"reference": f"Encounter/{way}-0"}, meta=meta)
        ways.append(one(seen, source=f"https://{way}.example/fhir", own=False, sender="pa"))
    assert ways[0].id == ways[1].id
    assert ways[0].digest == ways[1].digest
    assert ways[0].updated_at == ways[1].updated_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_another_content_is_another_digest() -> None:
    assert one(an_encounter()).digest != one(an_encounter() | {"status": "cancelled"}).digest


def test_a_time_ahead_of_ours_is_not_believed() -> None:
    record = one(an_encounter(meta={"lastUpdated": "2099-01-01T00:00:00Z"}))
    assert record.updated_at == record.available_at


def test_another_known_member_s_id_does_not_travel_along() -> None:
    coverage = {
        "resourceType": "Coverage", "id": "c", "beneficiary": {"reference": "Patient/child"},
        "subscriber": {"reference": "Patient/parent"},
    }  # fmt: skip
    record = one(coverage, {"child": "m-1", "parent": "m-2"})
    assert record.released is not None
    assert b"m-2" not in record.released
    assert b"parent" not in record.released


def test_an_own_patient_carries_our_identifiers_and_the_member_id() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": "s", "value": "1"}],
        "name": [{"family": "F"}],
    }
    arrival = an_arrival()
    umb = {"system": "https://ours.example/umb", "value": "u"}
    (record,) = canonicalize(
        outline(patient, raw_of(patient), arrival), arrival, Known({"p1": "m-1"}, identifiers={"m-1": [umb]})
    )  # type: ignore[misc]
    released = orjson.loads(record.released or b"")
    assert released["id"] == "m-1"
    assert released["identifier"] == [umb, {"system": "s", "value": "1"}]


def test_identifiers_are_not_repeated() -> None:
    same = {"system": "s", "value": "1"}
    assert release_patient({"identifier": [same]}, [{**same, "type": {"text": "UMB"}}])["identifier"] == [
        {**same, "type": {"text": "UMB"}}
    ]


def test_another_payer_s_patient_is_kept_and_not_released() -> None:
    record = one({"resourceType": "Patient", "id": "q"}, {"q": "m-1"}, source=THEIRS, own=False, sender="pa-1")
    assert (record.released, record.excluded) == (None, "record.duplicate")


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (an_encounter(patient="stranger"), "record.foreign_member"),
        ({"resourceType": "Device", "id": "d"}, "record.unattributed"),
        ({"resourceType": "Group", "id": "g", "member": TWO}, "record.foreign_member"),
    ],
)  # fmt: skip
def test_what_belongs_to_nobody_we_asked_for_is_no_record(resource: dict[str, Any], reason: str) -> None:
    records, quarantined = make([resource], an_arrival(), {"p1": "m-1", "p2": "m-2"})
    assert not records
    assert [q.reason for q in quarantined] == [reason]


def test_what_broke_rules_is_quarantined_with_the_rules() -> None:
    arrival = an_arrival()
    made = canonicalize(outline(an_encounter(), b"{}", arrival), arrival, Known(), broken=("required",))
    assert isinstance(made, Quarantined)
    assert (made.reason, made.rules) == ("record.invalid", ("required",))


def test_a_resource_without_an_id_is_identified_by_its_content() -> None:
    nameless = {k: v for k, v in an_encounter().items() if k != "id"}
    assert one(nameless).id == one(dict(nameless)).id != one(nameless | {"status": "planned"}).id


@pytest.mark.parametrize("text", ["2026-11-21", "yesterday", "2026-11-21T10:00:00", None, 5])
def test_an_instant_has_a_zone(text: object) -> None:
    assert read_instant(text) is None
