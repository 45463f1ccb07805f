"""Learning from members held and requests sent: a model, a proven limit, both adopted, versioned and in force."""

import csv
from datetime import timedelta

import pytest

from interpayer.identity import store as identity_store
from interpayer.identity.bulk.columns import read_member
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.identity.learning import adopting, store
from interpayer.identity.learning.adopting import MODEL, THRESHOLDS, TablesInForce
from interpayer.identity.learning.calibration import Budget, calibrate
from interpayer.identity.learning.files import read_truths
from interpayer.identity.learning.labelling import label, limits_of, tally
from interpayer.identity.learning.thresholds_file import Scope, write_thresholds
from interpayer.identity.learning.training import Lesson, train
from interpayer.identity.resolve import Resolver, default_rules, default_tables
from interpayer.identity.scoring.model import read_model
from interpayer.identity.scoring.thresholds import read_thresholds
from interpayer.model.reason import Refusal
from interpayer.simulation.population.mixes import MIXES
from interpayer.simulation.population.roster import Plan
from interpayer.simulation.population.writing import write_population
from interpayer.system.clock import now
from interpayer.system.keys import Vault
from tests.support.people import PAYER, a_coverage, a_person, a_query, a_row

VAULT = Vault(b"k" * 32, "test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("population")
    write_population(made, Plan(8, MIXES["ordinary"], 2_500), 1_200)
    return made


@pytest.fixture
def loaded(database, folder):
    with (folder / "members.csv").open(newline="") as file:
        rows = [read_member(row, n, payer=PAYER, as_of=now().date()) for n, row in enumerate(csv.DictReader(file))]
    with database.operator.transaction() as conn:
        upsert_enrollments(conn, VAULT, rows)
    return database


def requests_of(folder):
    return tuple(truth.query for truth in truths_of(folder))


def truths_of(folder):
    return read_truths(folder / "queries.csv", folder / "truth.csv", payer=PAYER)


def learned(conn, lesson):
    return train(conn, VAULT, lesson, base_text=adopting.shipped_text(MODEL), rules=default_rules())


def test_a_model_is_learned_from_requests_and_decides_once_adopted(loaded, folder):
    with loaded.operator.transaction() as conn:
        trained = learned(conn, Lesson(PAYER, requests=requests_of(folder), random_pairs=5_000))
        assert trained.held >= 2_500
        used = {s.key for s in trained.learned.sessions if s.is_used}
        assert {"birth_given", "member_id"} <= used
        model = read_model(trained.text)
        assert model.fields["birth_date"].levels["equal"].m > 0.8
        assert adopting.tables_in_force(conn).model.version == default_tables().model.version, (
            "not before it is adopted"
        )
        assert adopting.adopt(conn, trained.text, by="Ana Ruiz", why="learned from one quarter").is_new
        tables = adopting.tables_in_force(conn)
        assert tables.model.version == trained.version
        match = Resolver(VAULT, tables).resolve(conn, requests_of(folder)[0])
        assert match.model_version == trained.version


def test_members_alone_teach_where_people_are_enrolled_twice(loaded, folder):
    """The same people under another number, some with a slip: what deduplication has to learn from."""
    with (folder / "members.csv").open(newline="") as file:
        again = [row for row in csv.DictReader(file) if not row["merged_into"]][:500]
    rows = []
    for n, row in enumerate(again):
        born = row["birth_date"][:-1] + str((int(row["birth_date"][-1]) + 1) % 10) if n % 25 == 0 else row["birth_date"]
        moved = {"address": "9 ELSEWHERE AVE", "phone": ""} if n % 4 == 0 else {}
        other = {"member_key": f"again-{n}", "member_id": f"Z{n:08}", "subscriber_id": f"Y{n:08}", "birth_date": born}
        rows.append(read_member({**row, **other, **moved}, n, payer=PAYER, as_of=now().date()))
    with loaded.operator.transaction() as conn:
        with pytest.raises(Refusal) as refused:
            learned(conn, Lesson(PAYER, random_pairs=1_000))
        assert refused.value.reason == "identity.too_little_to_learn"
        upsert_enrollments(conn, VAULT, rows)
        trained = learned(conn, Lesson(PAYER, random_pairs=2_000))
    address = read_model(trained.text).fields["address"].levels
    assert address["equal"].m == pytest.approx(0.75, abs=0.06), "one in four moved"
    assert trained.asked > 2_500


def test_too_few_members_teach_nothing(database):
    with database.operator.transaction() as conn:
        upsert_enrollments(conn, VAULT, [a_row()])
        with pytest.raises(Refusal) as refused:
            learned(conn, Lesson(PAYER))
    assert refused.value.reason == "identity.too_little_to_learn"


def test_the_proven_limit_does_what_calibration_counted(loaded, folder):
    scope, budget, truths, tables = Scope(), Budget(0.01), truths_of(folder), default_tables()
    with loaded.operator.transaction() as conn:
        labelled = label(conn, VAULT, truths, tables=tables, scope=scope)
        found = calibrate(labelled, budget)
        assert found.limit is not None, found.why
        text = write_thresholds(
            adopting.shipped_text(THRESHOLDS), found, budget, scope=scope, labels=len(labelled)
        )  # fmt: skip
        adopting.adopt(conn, text, by="Ana Ruiz", why="calibrated")
        in_force = adopting.tables_in_force(conn)
        assert limits_of(in_force.thresholds, scope).certain == found.limit
        counted = tally(conn, VAULT, truths, tables=in_force, scope=scope)
    assert (counted.released, counted.wrong) == (found.point.released, found.point.wrong)
    assert counted.answerable == sum(bool(truth.accept) for truth in truths)
    assert counted.found / counted.answerable > 0.95


def test_a_strict_budget_asks_for_more_labels(loaded, folder):
    with loaded.operator.transaction() as conn:
        labelled = label(conn, VAULT, truths_of(folder), tables=default_tables(), scope=Scope())
    found = calibrate(labelled, Budget(1e-5))
    assert found.limit is None
    assert "needed" in found.why


def test_what_was_in_force_stays_readable_and_the_same_file_changes_nothing(database):
    shipped = adopting.shipped_text(THRESHOLDS)
    stricter = shipped.replace("certain: ", "certain: 1", 1)
    with database.operator.transaction() as conn:
        one = adopting.adopt(conn, shipped + "\n# one\n", by="Ana Ruiz", why="a start")
        two = adopting.adopt(conn, stricter, by="Ana Ruiz", why="stricter")
        again = adopting.adopt(conn, stricter, by="Ben Ode", why="again")
        assert (one.kind, two.is_new, again.is_new) == (THRESHOLDS, True, False)
        assert store.in_force(conn)[THRESHOLDS]["adopted_by"] == "Ana Ruiz"
        assert read_thresholds(store.content_of(conn, one.version)).version == one.version
        assert store.content_of(conn, "t-unknown") is None
        before = default_tables().thresholds.version
        assert read_thresholds(store.content_of(conn, before)).version == before, "what had come with the release"


@pytest.mark.parametrize("text", ["", "format: 1", "certain: 3", "{", "format: 1\neverywhere: {certain: high}"])
def test_what_is_neither_model_nor_thresholds_is_refused(database, text):
    with database.operator.transaction() as conn, pytest.raises(Refusal) as refused:
        adopting.adopt(conn, text, by="Ana Ruiz", why="a try")
    assert refused.value.reason == "request.malformed"
    with database.operator.transaction() as conn, pytest.raises(Refusal):
        adopting.adopt(conn, adopting.shipped_text(MODEL), by="Ana Ruiz", why="  ")


def test_every_process_follows_within_seconds_and_asks_no_more_often(database):
    clock = [100.0]
    tables = TablesInForce(lambda: clock[0])
    stricter = adopting.shipped_text(THRESHOLDS) + "\n# a stricter one\n"
    with database.operator.transaction() as conn:
        before = tables.at(conn)
        adopting.adopt(conn, stricter, by="Ana Ruiz", why="a try")
        assert tables.at(conn) is before
        clock[0] += adopting.FRESH_S
        after = tables.at(conn)
        assert after.thresholds.version == read_thresholds(stricter).version != before.thresholds.version
        clock[0] += adopting.FRESH_S
        assert tables.at(conn) is after, "what did not change is not read again"


def test_the_door_decides_by_what_was_adopted(database):
    stricter = adopting.shipped_text(THRESHOLDS) + "\n# stricter\n"
    with database.operator.transaction() as conn:
        upsert_enrollments(conn, VAULT, [a_row()])
        adopting.adopt(conn, stricter, by="Ana Ruiz", why="a try")
    resolver = Resolver(VAULT, default_tables(), in_force=TablesInForce().at)
    with database.door.transaction() as conn:
        match = resolver.resolve(conn, a_query(coverage=a_coverage()))
    assert match.threshold_version == read_thresholds(stricter).version


def test_evidence_goes_when_its_time_is_over(database):
    resolver = Resolver(VAULT, default_tables())
    with database.operator.transaction() as conn:
        upsert_enrollments(conn, VAULT, [a_row(a_person())])
        old, new = (resolver.resolve(conn, a_query()) for _ in range(2))
        identity_store.save_evidence(conn, [old, new])
    with database.owner.transaction() as conn:
        conn.execute(
            "update identity.evidence set at = at - interval '7 years' where evidence_id = %s", [old.evidence_id]
        )
    with database.worker.transaction() as conn:
        assert store.forget_evidence(conn, now() - timedelta(days=2192), 100) == 1
        assert identity_store.evidence(conn, old.evidence_id) is None
        assert identity_store.evidence(conn, new.evidence_id) is not None
