"""`interpayer identity`: load and match without a running server, as a named person once there is one."""

import csv
import json

import pytest

from interpayer.cli import output
from interpayer.simulation.population.mixes import MIXES
from interpayer.simulation.population.roster import Plan
from interpayer.simulation.population.writing import write_population
from tests.store.cli.conftest import told


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("population")
    write_population(made, Plan(5, MIXES["ordinary"], 1_000), 300)
    return made


def test_members_in_queries_against_them(run, folder, tmp_path, database):
    loaded = told(run("identity", "load", str(folder / "members.csv"), "--processes", "1", "--json"))
    assert loaded["new"] == loaded["rows"] >= 1_000
    done = run("identity", "match", str(folder / "queries.csv"), "--format", "ndjson", "--processes", "1")
    assert done.exit_code == output.DONE, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    with (folder / "truth.csv").open(newline="") as file:
        truth = {row["query_id"]: row for row in csv.DictReader(file)}
    assert [set(one) >= {"query_id", "state", "member_key", "score", "reason"} for one in answers] == [True] * 300
    certain = {one["query_id"]: one["member_key"] for one in answers if one["state"] == "certain"}
    assert len(certain) > 200
    assert all(key in truth[query]["accept"].split(";") for query, key in certain.items())
    assert all(one["member_key"] is None for one in answers if one["state"] != "certain")
    with database.owner.transaction() as conn:
        events = {row["name"] for row in conn.execute("select name from audit.event")}
    assert {"members.loaded", "queries.matched"} <= events


def test_csv_and_a_file_to_write_to(run, folder, tmp_path):
    run("identity", "load", str(folder / "members.csv"), "--processes", "1")
    out = tmp_path / "answers.csv"
    queries = str(folder / "queries.csv")
    assert run("identity", "match", queries, "--format", "csv", "--out", str(out), "--processes", "1").exit_code == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    assert {row["state"] for row in rows} <= {"certain", "review", "none"}


def test_once_somebody_is_named_a_named_person_acts(admin, folder):
    members = str(folder / "members.csv")
    assert admin("access", "logout").exit_code == 0
    refused = admin("identity", "load", members, "--processes", "1")
    assert refused.exit_code == output.REFUSED
    assert "not logged in" in refused.stderr


def test_what_cannot_be_done_is_said(run, folder, tmp_path):
    assert run("identity", "match", str(folder / "queries.csv"), "--format", "xml").exit_code == output.USAGE
    assert run("identity", "load", str(tmp_path / "missing.csv")).exit_code == output.USAGE
    assert run("identity", "load", str(folder / "truth.csv")).exit_code == output.USAGE
    assert run("identity", "load", str(folder / "members.csv"), "--as-of", "soon").exit_code == output.USAGE
    nobody = run("identity", "match", str(folder / "queries.csv"), "--processes", "1")
    assert nobody.exit_code != output.DONE
    assert "identity load" in nobody.stderr


def test_the_index_is_made_anew(run, folder):
    loaded = told(run("identity", "load", str(folder / "members.csv"), "--processes", "1", "--json"))
    assert told(run("identity", "index", "--afresh", "--processes", "1", "--json"))["members"] == loaded["new"]
