"""`interpayer identity match` with a file that nobody checked: every line is answered, and says what to supply."""

import csv
import json
from pathlib import Path

from tests.store.cli.conftest import Run, told

MEMBER = {
    "member_key": "m1", "member_id": "W100", "subscriber_id": "W100", "first_name": "Susan", "last_name": "Horton",
    "birth_date": "1953-02-17", "sex": "F", "address": "456 Washington Avenue", "zip": "53259",
}  # fmt: skip
WHOLE = {
    "coverage_member_id": "W100", "first_name": "Susan", "last_name": "Horton", "birth_date": "1953-02-17", "sex": "F",
    "address": "456 Washington Avenue", "zip": "53259",
}  # fmt: skip
LONG = "Horton" * 1700
# by query id: its cells · state · reason (empty: any) · what it is told to supply or correct, at least
CASES: dict[str, tuple[dict[str, str], str, str, set[str]]] = {
    "whole": (WHOLE, "certain", "identity.certain", set()),
    "nothing": ({}, "none", "identity.insufficient", {"given_name", "family_name", "birth_date", "member_id"}),
    "only-zip": ({"zip": "53259"}, "none", "identity.insufficient", {"family_name", "birth_date", "member_id"}),
    "empty-names": (
        {"first_name": " ", "last_name": "", "birth_date": "1953-02-17"},
        *("none", "identity.insufficient", {"given_name", "family_name", "member_id"}),
    ),
    "long-name": ({**WHOLE, "last_name": LONG}, "none", "identity.insufficient", {"family_name"}),
    "rather-long-name": ({**WHOLE, "last_name": LONG[:300]}, "none", "identity.insufficient", {"family_name"}),
    "two-scripts": ({**WHOLE, "last_name": "H\u043erton"}, "none", "identity.insufficient", {"family_name"}),
    "no-such-day": (
        {**WHOLE, "birth_date": "1953-02-30", "coverage_member_id": ""},
        *("review", "", {"birth_date", "member_id"}),
    ),
    "thirteenth-month": ({"birth_date": "1953-13-01"}, "none", "identity.insufficient", {"birth_date"}),
    "a-year-to-come": ({"birth_date": "2953-02-17", "zip": "53259"}, "none", "identity.insufficient", {"birth_date"}),
}


def write(path: Path, rows: list[dict[str, str]]) -> str:
    columns = dict.fromkeys(column for row in rows for column in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(columns))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def test_every_line_is_answered_and_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    told(run("identity", "load", write(tmp_path / "members.csv", [MEMBER]), "--processes", "1", "--json"))
    queries = [{**dict.fromkeys(WHOLE, ""), "query_id": name, **case[0]} for name, case in CASES.items()]
    path = write(tmp_path / "queries.csv", queries)
    done = run("identity", "match", path, "--format", "ndjson", "--processes", "1")
    assert done.exit_code == 0, done.stderr
    answers = {one["query_id"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert set(answers) == set(CASES)
    for name, (_, state, reason, missing) in CASES.items():
        one = answers[name]
        assert (one["state"], one["member_key"]) == (state, "m1" if state == "certain" else None), name
        assert not reason or one["reason"] == reason, name
        assert set(one["missing"]) >= missing, name
