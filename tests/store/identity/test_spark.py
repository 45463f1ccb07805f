"""Spark finds whom PostgreSQL finds for the same keys; needs pyspark and Java (docs/decisions/0021)."""

import shutil
import sys

import pytest

from interpayer.identity.bulk.lanes import Floor
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.index.candidates import PostgresEngine, Sought
from interpayer.identity.resolve import Resolver, default_rules
from interpayer.identity.spark.engine import open_engine, open_spark
from interpayer.model.reason import Fault
from interpayer.system.keys import Vault
from tests.support.people import a_coverage, a_person, a_query, a_row

VAULT = Vault(b"k" * 32, "test")
GIVEN = ("Ann", "Ben", "Cleo", "Dov", "Eva", "Finn", "Gus", "Hope")


@pytest.fixture
def members(database):
    """Households of a street: names, birth dates and addresses that some share and some do not."""
    rows = [
        a_row(
            a_person(given, family=family, born=f"19{50 + number}-03-0{number % 3 + 1}"),
            a_coverage(f"W2550487{family_number}-0{number}"),
            row=10 * family_number + number + 1,
        )
        for family_number, family in enumerate(("Stone", "Horton", "Vance"))
        for number, given in enumerate(GIVEN)
    ]
    with database.operator.transaction() as conn:
        upsert_enrollments(conn, VAULT, rows)
    return rows


def seen(found):
    near = sorted((one.member_id, one.person_id, bytes(one.standard), sorted(one.places)) for one in found.near)
    return near, sorted(found.skipped), found.revision


def test_without_the_extra_the_engine_says_what_is_missing(database, members, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with database.worker.transaction() as conn, pytest.raises(Fault, match=r"system\.engine_missing"):
        open_engine(conn, tmp_path / "snapshot")


@pytest.mark.timeout(900)  # a virtual machine of Java, and jobs of many small tasks
@pytest.mark.filterwarnings("ignore")
def test_spark_finds_the_same_people(database, members, tmp_path):
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs a Java runtime")
    engine = open_spark(
        tmp_path / "snapshot", "local[1]", Floor(database.url("operator"), "interpayer_operator", VAULT)
    )
    with database.operator.transaction() as conn:
        hashes = [row["hash"] for row in conn.execute("select distinct hash from identity.block order by 1")]
        try:
            for largest in (1, 200):
                are_ids = [number % 2 == 0 for number in range(len(hashes) + 1)]
                sought = Sought([*hashes, 42], are_ids, [], largest)
                by_spark, by_postgres = (seen(one.find(conn, sought)) for one in (engine, PostgresEngine()))
                assert by_spark == by_postgres
                assert bool(by_spark[1]) == (largest < 20)
            queries = [a_query(a_person(given, family="Vance", born="1952-03-03")) for given in GIVEN]
            answers = [
                [
                    (one.disposition, one.member_id, one.reason, one.score)
                    for one in resolver.resolve_many(conn, queries)
                ]
                for resolver in (Resolver(VAULT, default_rules(), engine=engine), Resolver(VAULT, default_rules()))
            ]
            assert answers[0] == answers[1]
        finally:
            engine.close()
