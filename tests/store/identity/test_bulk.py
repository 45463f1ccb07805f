"""Whole files: loaded and matched in processes of their own, resumed after a cut, answered as one query would be."""

import csv
from collections import Counter
from datetime import date

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interpayer.identity.blocking import ID_KINDS, sought_keys
from interpayer.identity.bulk.columns import read_query
from interpayer.identity.bulk.lanes import Floor
from interpayer.identity.bulk.load import Order, load_members
from interpayer.identity.bulk.match import Questions, match_queries
from interpayer.identity.bulk.rebuild import make_index
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.evidence import as_document
from interpayer.identity.holding import Profile
from interpayer.identity.index.candidates import Sought
from interpayer.identity.index.keys import IndexKeys
from interpayer.identity.index.store import begin_counting, find_near, state, sweep_near
from interpayer.identity.resolve import Resolver, default_tables, resolve_member
from interpayer.identity.standardize import standardize
from interpayer.identity.store import evidence, seal_profile
from interpayer.model.reason import Fault, Refusal
from interpayer.simulation.population.mixes import MIXES
from interpayer.simulation.population.roster import Plan
from interpayer.simulation.population.writing import write_population
from interpayer.system.database import connect
from interpayer.system.keys import Vault
from interpayer.system.migrate import migrate
from tests.support.people import PAYER as PAYER_OF_ROWS
from tests.support.people import a_coverage, a_query, a_row

VAULT = Vault(b"k" * 32, "test")
PAYER = "payer"
DAY = date(2026, 11, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small hostile population."""
    made = tmp_path_factory.mktemp("population")
    write_population(made, Plan(11, MIXES["hostile"], 1_000), 2_400)
    return made


@pytest.fixture
def floor(database):
    return Floor(database.url("operator"), "interpayer_operator", VAULT)


@pytest.fixture
def loaded(floor, folder):
    return load_members(floor, Order(folder / "members.csv", PAYER, DAY, 1))


def asked(folder):
    with (folder / "queries.csv").open(newline="") as file:
        return [read_query(row, payer=PAYER) for row in csv.DictReader(file)]


def questions(folder, **more):
    return Questions(folder / "queries.csv", PAYER, "Ana Ruiz", lanes=1, chunk=600, **more)


def matched(floor, wanted):
    told = []
    report = match_queries(floor, wanted, tell=told.append)
    return report, [orjson.loads(line) for line in b"".join(told).splitlines()]


def said(answers):
    return [{name: value for name, value in one.items() if name != "evidence_id"} for one in answers]


def everything(conn):
    blocks = conn.execute("select hash, member_no from identity.block order by 1, 2").fetchall()
    counts = conn.execute("select field, hash, members from identity.frequency where members <> 0").fetchall()
    return blocks, sorted((row["field"], row["hash"], row["members"]) for row in counts)


def test_a_file_is_loaded_once_however_often_it_is_loaded(floor, folder, loaded, database):
    with database.operator.transaction() as conn:
        before = everything(conn)
    again = load_members(floor, Order(folder / "members.csv", PAYER, DAY, 2))
    with database.operator.transaction() as conn:
        assert everything(conn) == before
    assert loaded.new == loaded.rows == again.unchanged == again.rows
    assert loaded.merged > 0
    assert again.merged == 0


def test_one_query_and_a_batch_decide_alike_in_any_company(floor, folder, loaded, database):
    resolver, queries = Resolver(VAULT, default_tables()), asked(folder)
    with database.door.transaction() as conn:

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.lists(st.integers(0, len(queries) - 1), min_size=1, max_size=40), st.sampled_from(["", "payer_to_payer"])
        )
        def law(places, purpose):
            together = resolver.resolve_many(conn, [queries[n] for n in places], purpose=purpose)
            for place, match in zip(places, together, strict=True):
                alone = resolver.resolve(conn, queries[place], purpose=purpose)
                assert as_document(match) | {"evidence_id": ""} == as_document(alone) | {"evidence_id": ""}

        law()


def test_a_file_of_queries_is_answered_as_one_by_one_and_leaves_its_evidence(floor, folder, loaded, database):
    report, answers = matched(floor, questions(folder))
    with (folder / "queries.csv").open(newline="") as file:
        assert [one["query_id"] for one in answers] == [row["query_id"] for row in csv.DictReader(file)]
    assert report.queries == len(answers) == report.states.total()
    assert {one["state"] for one in answers} == {"certain", "review", "none"}
    with database.operator.transaction() as conn:
        for answer, query in list(zip(answers, asked(folder), strict=True))[::60]:
            alone = resolve_member(conn, VAULT, query)
            assert (answer["state"], answer["reason"]) == (alone.disposition.value, alone.reason)
            kept = evidence(conn, answer["evidence_id"])
            assert kept["candidates"] == as_document(alone)["candidates"]
            assert (answer["member_key"] is None) == (alone.member_id is None) == (kept["member_id"] is None)


def test_nobody_wrong_is_released_and_keys_are_the_plans_own(floor, folder, loaded):
    _, answers = matched(floor, questions(folder))
    with (folder / "truth.csv").open(newline="") as file:
        truth = {row["query_id"]: row for row in csv.DictReader(file)}
    released = {one["query_id"]: one["member_key"] for one in answers if one["state"] == "certain"}
    assert [q for q, key in released.items() if key not in truth[q]["accept"].split(";")] == []
    assert len(released) > 1_000


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(floor, folder, loaded):
    _, whole = matched(floor, questions(folder))
    told = []

    def tell_once(lines):
        if told:
            raise KeyboardInterrupt
        told.append(lines)

    with pytest.raises(KeyboardInterrupt):
        match_queries(floor, questions(folder), tell=tell_once)
    report, answers = matched(floor, questions(folder))
    assert report.resumed >= 600
    assert said(answers) == said(whole)
    first = [orjson.loads(line) for line in told[0].splitlines()]
    assert answers[: len(first)] == first, "what was told before the cut is told again, with the same evidence"
    assert matched(floor, questions(folder))[0].resumed == 0, "a run that is done is not resumed"


def test_the_index_made_anew_is_the_same(floor, loaded, database):
    with database.operator.transaction() as conn:
        before = everything(conn)
        conn.execute("delete from identity.block where hash > 0")
    assert make_index(floor, lanes=2, afresh=True) == loaded.new
    with database.operator.transaction() as conn:
        assert everything(conn) == before


def test_after_a_cut_off_load_the_values_are_counted_anew(floor, folder, loaded, database):
    with database.operator.transaction() as conn:
        before = everything(conn)
        begin_counting(conn)
        conn.execute("delete from identity.frequency where hash > 0")
    load_members(floor, Order(folder / "members.csv", PAYER, DAY, 1))
    with database.operator.transaction() as conn:
        assert everything(conn) == before
        assert state(conn)["counting"] is False


def test_changes_keep_keys_and_counts_as_if_made_anew(floor, loaded, database):
    with database.operator.transaction() as conn:
        upsert_enrollments(conn, VAULT, [a_row()])
        upsert_enrollments(conn, VAULT, [a_row(a_row().demographics, as_of="2026-11-02")])
        before = everything(conn)
    make_index(floor, lanes=1)
    with database.operator.transaction() as conn:
        assert everything(conn) == before


def test_an_index_of_another_form_answers_nobody(floor, folder, loaded, database):
    with database.operator.transaction() as conn:
        conn.execute("update identity.index_state set form = 'another'")
    with pytest.raises(Fault) as found:
        match_queries(floor, questions(folder), tell=len)
    assert found.value.reason == "system.index_stale"
    make_index(floor, lanes=1)
    assert matched(floor, questions(folder))[0].queries == 2_400


def test_what_is_no_file_of_members_or_queries_is_refused(floor, tmp_path, folder):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("name,born\nAnn,2000-01-01\n")
    with pytest.raises(Refusal, match=r"request\.malformed"):
        load_members(floor, Order(wrong, PAYER, DAY, 1))
    with pytest.raises(Refusal, match=r"request\.wrong_state"):
        match_queries(floor, questions(folder), tell=len)


def test_rows_that_cannot_be_read_are_named(floor, tmp_path):
    rows = ["member_key,member_id,first_name,last_name,birth_date,email"]
    rows += ["k1,W1000001,Ann,Lee,2000-01-01,", "k2,W1000002,,,2000-01-01,", "k3,W1000003,Bo,Lee,2000-13-01,"]
    rows += [f"k4,W1000004,Cy,Lee,2000-01-01,{'x' * 10_000}", ",,,,,"]
    file = tmp_path / "members.csv"
    file.write_text("\n".join(rows))
    report = load_members(floor, Order(file, PAYER, DAY, 1))
    assert (report.new, report.refused) == (2, 3)
    assert Counter(reason for _, reason in report.faults) == {"record.invalid": 3}
    assert [row for row, _ in report.faults] == [3, 4, 6]


def test_the_engines_find_the_same(floor, folder, loaded, database, tmp_path):
    duckdb_engine = pytest.importorskip("interpayer.identity.index.duckdb_engine")
    pytest.importorskip("duckdb", reason="the extra `learning` is not installed")
    keys, tables, queries = IndexKeys(VAULT), default_tables(), asked(folder)[:200]
    wanted = [
        sought_keys(standardize(q.demographics, [q.coverage], payer=PAYER), tables.rules.nicknames) for q in queries
    ]
    sought = [key for one in wanted for key in sorted(one)]
    are_ids = [kind in ID_KINDS for kind, _ in sought]
    hashes = keys.hashes(sought, PAYER)
    path = tmp_path / "keys.duckdb"
    with database.operator.transaction() as conn:
        duckdb_engine.write_snapshot(conn, path)
        for largest in (200, 2):
            asked_for = Sought(hashes, are_ids, [], largest)
            found = [
                find_near(conn, hashes, are_ids, [], largest=largest),
                sweep_near(conn, hashes, are_ids, [], largest=largest),
                duckdb_engine.DuckDbEngine(path).find(conn, asked_for),
            ]
            near = [{(one.member_id, *sorted(one.places)) for one in each.near} for each in found]
            assert near[0] == near[1] == near[2]
            assert sorted(found[0].skipped) == sorted(found[1].skipped) == sorted(found[2].skipped)
            assert bool(found[0].skipped) == (largest == 2)
        conn.execute("update identity.index_state set revision = revision + 1")
        with pytest.raises(Fault, match=r"system\.index_stale"):
            duckdb_engine.DuckDbEngine(path).find(conn, Sought(hashes, are_ids, [], 200))


def test_before_anybody_is_loaded_nobody_is_found(database):
    queries = [a_query(coverage=a_coverage())] * 100
    with database.door.transaction() as conn:
        found = Resolver(VAULT, default_tables()).resolve_many(conn, queries)
    assert {match.reason for match in found} == {"identity.not_enrolled"}


def test_after_the_upgrade_that_brings_the_index_nobody_is_overlooked(make_database):
    database = make_database(template=None)
    with connect(database.url("owner"), autocommit=True) as conn:
        migrate(conn, upto=110)
        member_id, profile = "m-1", Profile(a_row().demographics, (a_row().coverage,), DAY)
        conn.execute(
            "insert into identity.member (member_id, person_id, payer, unique_id, sealed, digest, as_of) "
            "values (%s, %s, %s, 'u-1', %s, '', %s)",
            [member_id, member_id, PAYER_OF_ROWS, seal_profile(VAULT, profile, member_id), DAY],
        )
        migrate(conn)
    query, resolver = a_query(coverage=a_coverage()), Resolver(VAULT, default_tables())
    with database.door.transaction() as conn, pytest.raises(Fault, match=r"system\.index_stale"):
        resolver.resolve(conn, query)
    make_index(Floor(database.url("operator"), "interpayer_operator", VAULT), lanes=1)
    with database.door.transaction() as conn:
        assert resolver.resolve(conn, query).member_id == member_id
