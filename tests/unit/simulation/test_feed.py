"""What is written: the feed's columns, NDJSON of every type, the truth, with memory that does not grow."""

import csv
import json
import time
import tracemalloc
from pathlib import Path

from interpayer.simulation.feed import Written, write_plan
from interpayer.simulation.payers import World

WORLD = World(7)
COLUMNS = (
    "member_id,subscriber_id,relationship,family,given,middle,suffix,previous_family,birth_date,sex,ssn_last4,phone,"
    "email,address_line,address_city,address_state,address_postal_code,plan,group,line_of_business,coverage_start,"
    "coverage_end,status,opt_in,opt_in_on,opt_in_until,opt_in_scope,opt_in_proof,prior_payer,prior_member_id,"
    "prior_subscriber_id,prior_relation,as_of"
)


def _write(directory: Path, plan: str = "payer-b", count: int = 120) -> Written:
    return write_plan(directory, WORLD, plan=plan, count=count)


def _bytes(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_the_same_world_writes_the_same_bytes(tmp_path: Path) -> None:
    _write(tmp_path / "one")
    _write(tmp_path / "two")
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")
    write_plan(tmp_path / "three", World(8), plan="payer-b", count=120)
    assert _bytes(tmp_path / "one") != _bytes(tmp_path / "three")


def test_more_people_leave_the_first_ones_as_they_were(tmp_path: Path) -> None:
    _write(tmp_path / "few", count=60)
    _write(tmp_path / "many", count=240)
    few, many = _bytes(tmp_path / "few"), _bytes(tmp_path / "many")
    assert all(many[name].startswith(content) for name, content in few.items())


def test_the_feed_has_exactly_its_columns(tmp_path: Path) -> None:
    written = _write(tmp_path, count=400)
    text = (tmp_path / "enrollments.csv").read_text()
    assert text.splitlines()[0] == COLUMNS
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == written.rows
    assert len({row["member_id"] for row in rows}) == written.members
    assert {row["relationship"] for row in rows} == {"self", "spouse", "child"}
    assert {row["sex"] for row in rows} == {"female", "male", "unknown"}
    assert {row["status"] for row in rows} == {"active", "terminated", "void"}
    assert {row["opt_in"] for row in rows} <= {"yes", "no", "withdrawn", ""}
    assert {row["prior_relation"] for row in rows} == {"previous", "concurrent", ""}
    assert {row["plan"] for row in rows} == {"payer-b"}
    assert {row["prior_payer"] for row in rows} == {"payer-a", ""}


def test_every_line_is_a_record_of_its_files_type(tmp_path: Path) -> None:
    written = _write(tmp_path)
    found = {}
    for path in (tmp_path / "fhir").iterdir():
        lines = path.read_text().splitlines()
        found[path.stem] = len(lines)
        assert {json.loads(line)["resourceType"] for line in lines} == {path.stem}
    assert found == dict(written.records)


def test_patients_and_the_feed_name_the_same_members(tmp_path: Path) -> None:
    _write(tmp_path)
    rows = csv.DictReader((tmp_path / "enrollments.csv").read_text().splitlines())
    patients = (json.loads(line) for line in (tmp_path / "fhir" / "Patient.ndjson").read_text().splitlines())
    assert {row["member_id"] for row in rows} == {patient["identifier"][0]["value"] for patient in patients}


def test_the_truth_joins_both_plans(tmp_path: Path) -> None:
    for plan in ("payer-a", "payer-b"):
        _write(tmp_path / plan, plan)
    assert (tmp_path / "payer-a" / "truth.ndjson").read_bytes() == (tmp_path / "payer-b" / "truth.ndjson").read_bytes()
    truth = [json.loads(line) for line in (tmp_path / "payer-a" / "truth.ndjson").read_text().splitlines()]
    assert [entry["person"] for entry in truth] == list(range(120))
    for plan in ("payer-a", "payer-b"):
        rows = csv.DictReader((tmp_path / plan / "enrollments.csv").read_text().splitlines())
        known = {member_id for entry in truth for member_id in entry["members"][plan]}
        assert {row["member_id"] for row in rows} == known


def test_progress_is_told_and_ends_at_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_plan(
        tmp_path, WORLD, plan="payer-a", count=501, records_per_member=5, progress=lambda *step: seen.append(step)
    )
    assert seen == [(500, 501), (501, 501)]


def test_memory_does_not_grow_with_the_plan(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        _write(tmp_path, count=count)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(24)  # whatever is made once
    small, large = peak(48), peak(240)
    assert large < small + 100_000


def test_speed_is_told(tmp_path: Path) -> None:
    started = time.perf_counter()
    written = _write(tmp_path, count=300)
    rate = written.records.total() / (time.perf_counter() - started)
    print(f"\n{written.records.total()} records, {rate:,.0f} a second")
    assert rate > 0
