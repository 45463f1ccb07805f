"""Records of CMS, Synthea and the guides' examples, loaded at one payer and compared one by one at the other."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from interpayer.simulation.installation import Installation
from interpayer.system.clock import now
from tests.support.comparing import Ids, explain, money_in, read_exactly
from tests.support.samples import Samples, copy_samples
from tests.support.town import SETTLED, Town, enroll, holdings, member_id_of, opted_in, settled, wait_for

pytestmark = [pytest.mark.xdist_group("records_nobody_here_wrote")]

TODAY = now().date()
WINDOW = TODAY.replace(year=TODAY.year - 5)
# Where a Synthea resource says its day; the first element that is there counts.
DAYS = {
    "Encounter": ("period.end",),
    "Procedure": ("performedPeriod.end", "performedDateTime"),
    "Immunization": ("occurrenceDateTime",),
    "DocumentReference": ("context.period.end", "date"),
    "Condition": ("abatementDateTime", "recordedDate"),
    "MedicationRequest": ("authoredOn",),
}
Resource = dict[str, Any]


@dataclass
class Exchanged:
    """Both payers after the exchange, and what B holds now of each of A's members."""

    samples: Samples
    report: Mapping[str, Any]
    again: Mapping[str, Any]
    reviewed: list[dict[str, Any]]
    exchanges: list[dict[str, Any]]
    arrived: dict[str, list[dict[str, Any]]]
    base: str
    own_base: str


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Samples:
    source = test_data / "sample-data" / "fhir"
    if not source.is_dir():
        pytest.skip(f"no FHIR samples in {source}")
    return copy_samples(source, tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def exchanged(town: Town, samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchanged]:
    old, new = town.open_all("samples-a", "samples-b")
    report = old.command("load", "fhir", str(samples.folder), "--as-members", allowed=(0, 3))
    again = old.command("load", "fhir", str(samples.folder / "guides"), "--as-members", allowed=(0, 3))
    people = _people(samples)
    enroll(new, tmp_path_factory.mktemp("feed"), [_row(n, p, old) for n, p in people.items()])
    waiting = [e for e in wait_for(lambda: _all_settled(new, len(people)), within_s=90) if e["state"] == "in_review"]
    reviewed = [settled(new, e["exchange"]) for e in waiting]
    for exchange in reviewed:
        ruling = {"decision": "same", "reason": "documents_checked", "member_id": exchange["member"]["id"]}
        assert new.api("POST", f"/cases/{exchange['case']}/decision", ruling)[0] == 200
        settled(new, exchange["exchange"], states=("completed",))
    exchanges = new.exchanges()
    arrived = {number: holdings(town, new, member_id_of(town, new, f"B-{number}")) for number in people}
    yield Exchanged(
        samples, report, again, reviewed, exchanges, arrived, f"{old.base_url}/fhir", f"{new.base_url}/fhir"
    )
    town.shut("samples-a", "samples-b")


def test_every_exchange_is_completed_and_empty_only_where_there_was_nothing(exchanged: Exchanged) -> None:
    owned = [
        [r for p in _patients_of(exchanged.samples, n) for r in exchanged.samples.owned[p]] for n in exchanged.arrived
    ]
    expected = Counter(("completed", "complete" if records else "empty", None) for records in owned)
    assert Counter((e["state"], e["answer"], e["reason"]) for e in exchanged.exchanges) == expected


def test_who_is_named_by_a_placeholder_waits_for_a_person(exchanged: Exchanged) -> None:
    names = {json.dumps(p["name"]) for p in exchanged.samples.patients.values() if _is_placeholder(p)}
    assert len(exchanged.reviewed) == len(names) == 2
    assert {e["reason"] for e in exchanged.reviewed} == {"identity.weak"}


def test_what_may_not_become_a_record_is_counted_never_lost(exchanged: Exchanged) -> None:
    # CMS AB2D leaves out what R4 requires; questionnaires are nobody's; the audit event names a stranger
    assert exchanged.report["quarantined"] == {
        "record.invalid": 10,
        "record.unattributed": 3,
        "record.foreign_member": 1,
    }
    kept = sum(exchanged.report[name] for name in ("new", "same", "changed", "older", "echoes", "conflicts"))
    assert kept + 14 == exchanged.report["read"]


def test_loading_the_same_again_changes_nothing(exchanged: Exchanged) -> None:
    again = exchanged.again
    assert (again["new"], again["changed"], again["members_made"]) == (0, 0, 0)


def test_nothing_is_lost_nothing_is_invented_and_nothing_else_is_different(exchanged: Exchanged) -> None:
    for form in ("original", "released"):
        ids, faults = Ids(), []
        for number in exchanged.arrived:
            faults += _compare(exchanged, number, form=form, ids=ids)
        assert faults == []


def test_no_amount_of_money_arrives_anywhere(exchanged: Exchanged) -> None:
    loaded = [r for owned in exchanged.samples.owned.values() for r in owned]
    assert sum(bool(money_in(r)) for r in loaded) > 10, "the samples hold no money any more, so this shows nothing"
    found = [
        f"{record['type']} {form}: {place}"
        for held in exchanged.arrived.values()
        for record in held
        for form in ("original", "released")
        if record[form]
        for place in money_in(read_exactly(record[form]))
    ]
    assert found == []


def test_what_is_denied_or_too_old_stays_at_the_old_plan(exchanged: Exchanged) -> None:
    came = {f"{r['type']}/{r['original_id']}" for held in exchanged.arrived.values() for r in held}
    assert len(exchanged.samples.unwanted) == 3 and not came & exchanged.samples.unwanted


def test_both_sides_of_the_window_are_in_the_samples(exchanged: Exchanged) -> None:
    owned = [r for resources in exchanged.samples.owned.values() for r in resources]
    assert {_goes(r) for r in owned} == {True, False}


def test_the_senders_provenance_is_kept_and_our_own_is_added(exchanged: Exchanged) -> None:
    for held in exchanged.arrived.values():
        agents = Counter(
            (coding["code"], record["author"])
            for record in held
            if record["type"] == "Provenance"
            for agent in json.loads(record["original"])["agent"]
            for coding in agent.get("type", {}).get("coding", [])
        )
        assert agents["transmitter", exchanged.base] == 1
        assert agents["custodian", exchanged.own_base] == 1


def _compare(exchanged: Exchanged, number: str, *, form: str, ids: Ids) -> Iterator[str]:
    """Faults of one member: lost, invented, or different in a way that no rule explains."""
    waiting = [r for patient in _patients_of(exchanged.samples, number) for r in exchanged.samples.owned[patient]]
    for record in exchanged.arrived[number]:
        if record["type"] == "Provenance" or (form == "released" and record["released"] is None):
            continue
        if record["type"] == "Patient":
            candidates = [exchanged.samples.patients[p] for p in _patients_of(exchanged.samples, number)]
        else:
            candidates = [r for r in waiting if _may_be(r, record)]
        resource = read_exactly(record[form])
        faults = [explain(loaded, resource, ids) for loaded in candidates]
        name = f"{number}: {record['type']}/{record['original_id']}"
        if not faults:
            yield f"{name} was invented"
        elif [] not in faults:
            yield f"{name}: {min(faults, key=len)[:5]}"
        elif record["type"] != "Patient":
            waiting.remove(candidates[faults.index([])])
    yield from (f"{number}: {r['resourceType']}/{r.get('id')} was lost" for r in waiting if _goes(r))
    came = {id(r) for r in waiting}
    sent = [r for p in _patients_of(exchanged.samples, number) for r in exchanged.samples.owned[p] if id(r) not in came]
    yield from (f"{number}: {r['resourceType']}/{r.get('id')} is too old" for r in sent if not _goes(r))


def _may_be(loaded: Resource, record: Mapping[str, Any]) -> bool:
    return loaded["resourceType"] == record["type"] and loaded.get("id", record["original_id"]) == record["original_id"]


def _goes(resource: Resource) -> bool:
    """What the rule lets go, read out of the law and the guide: five years back, or still going on."""
    if resource.get("use") == "preauthorization":
        return any(day >= TODAY.replace(year=TODAY.year - 1) for day in _days_of_decision(resource))
    if resource["resourceType"] in ("Condition", "MedicationRequest") and "active" in json.dumps(
        [resource.get("status"), resource.get("clinicalStatus")]
    ):
        return True
    for path in DAYS.get(resource["resourceType"], ()):
        value: Any = resource
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            return date.fromisoformat(value[:10]) >= WINDOW
    return True


def _days_of_decision(resource: Resource) -> list[date]:
    extensions = [e for item in resource["item"] for e in item.get("extension", ())]
    return [date.fromisoformat(e["valueDate"]) for e in extensions if e["url"].endswith("PA-DECISION-DT")]


def _is_placeholder(patient: Resource) -> bool:
    return patient["name"][0]["family"] == "Test" or patient["name"][0]["given"][0] == "Infant"


def _people(samples: Samples) -> dict[str, Resource]:
    """One Patient per member number."""
    return {_number(patient): patient for patient in samples.patients.values()}


def _patients_of(samples: Samples, number: str) -> list[str]:
    return [patient_id for patient_id, patient in samples.patients.items() if _number(patient) == number]


def _number(patient: Resource) -> str:
    """The member number on the card: the Patient's own, else its id."""
    for identifier in patient.get("identifier", []):
        if any(c.get("code") == "MB" for c in identifier.get("type", {}).get("coding", [])):
            return str(identifier["value"])
    return str(patient["id"])


def _row(number: str, patient: Resource, old: Installation) -> dict[str, str]:
    name = patient["name"][0]
    return {
        "member_id": f"B-{number}",
        "family": name["family"],
        "given": name["given"][0],
        "birth_date": patient["birthDate"],
        "sex": patient.get("gender", ""),
        **opted_in(old.name, member_id=number),
    }


def _all_settled(new: Installation, count: int) -> list[dict[str, Any]] | None:
    found = new.exchanges()
    return found if len(found) == count and {e["state"] for e in found} <= SETTLED else None
