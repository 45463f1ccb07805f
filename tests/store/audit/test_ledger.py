"""Appending and reading back: order, transactions, pseudonyms, sealed bodies."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from interpayer.audit.ledger import Ledger, disclosures, events_of, latest_checkpoint, search
from interpayer.system.database import DatabaseError, connect
from interpayer.system.keys import Vault
from tests.support.ledgers import an_event

LEDGER = Ledger(Vault(b"k" * 32, "test"))
TABLES = {"event": "chain", "leaf": "position", "checkpoint": "number", "head": "seq"}


def test_seq_counts_within_each_chain(database):
    with database.worker.transaction() as conn:
        assert [LEDGER.append(conn, an_event()) for _ in range(3)] == [1, 2, 3]
        assert LEDGER.append(conn, an_event("x-two")) == 1


def test_reads_back_what_was_written(database):
    event = an_event(
        outcome="refused",
        reason="consent.revoked",
        exchange_id="x-one",
        partner_id="plan-b",
        member_id="m-secret",
        policy_version="v12",
        attempt=2,
        trace_id="t1",
        facts={"count": 3, "confidence": 0.25, "words": "ärger"},
    )
    with database.door.transaction() as conn:
        LEDGER.append(conn, event)
    with database.operator.transaction() as conn:
        (found,) = events_of(conn, "x-one")
    assert found["name"] == "member.matched"
    assert found["reason"] == "consent.revoked"
    assert found["facts"] == {"count": 3, "confidence": "0.25", "words": "ärger"}
    assert (found["partner_id"], found["policy_version"], found["attempt"]) == ("plan-b", "v12", 2)
    assert found["member"] == LEDGER.pseudonym("m-secret") != "m-secret"
    assert "m-secret" not in str(found)


def test_append_many_keeps_order_in_each_chain(database):
    events = [an_event(f"x-{number % 7}", facts={"number": number}) for number in range(500)]
    with database.worker.transaction() as conn:
        LEDGER.append_many(conn, events)
        LEDGER.append_many(conn, [])
    with database.operator.transaction() as conn:
        for chain in range(7):
            found = events_of(conn, f"x-{chain}")
            assert [event["seq"] for event in found] == list(range(1, len(found) + 1))
            assert [event["facts"]["number"] for event in found] == list(range(chain, 500, 7))


def test_append_many_is_one_round_trip(database):
    events = [an_event(f"x-{number % 50}", member_id="m-1", body={"name": "n"}) for number in range(200)]
    with database.worker.transaction() as conn:
        calls = []

        class Counted:
            def execute(self, *args):
                calls.append(args)
                return conn.execute(*args)

        LEDGER.append_many(Counted(), events)
    assert len(calls) == 1


def test_a_rolled_back_transaction_leaves_nothing(database):
    with pytest.raises(ZeroDivisionError), database.worker.transaction() as conn:
        LEDGER.append(conn, an_event())
        LEDGER.append_many(conn, [an_event(), an_event("x-two", body={"a": 1})])
        raise ZeroDivisionError
    with database.operator.transaction() as conn:
        assert search(conn) == []
        assert conn.execute("select count(*) as n from audit.tip").fetchone()["n"] == 0
    with database.worker.transaction() as conn:
        assert LEDGER.append(conn, an_event()) == 1


def test_a_process_that_dies_before_the_commit_leaves_nothing(database):
    conn = connect(database.url("worker"))
    LEDGER.append_many(conn, [an_event(), an_event("x-two", body={"a": 1})])
    conn.pgconn.finish()
    with database.worker.transaction() as other:
        assert LEDGER.append(other, an_event()) == 1
    with database.operator.transaction() as other:
        assert [event["chain"] for event in search(other)] == ["x-one"]


def test_unknown_names_are_not_written(database):
    with database.worker.transaction() as conn, pytest.raises(ValueError, match="catalog"):
        LEDGER.append(conn, an_event(name="member.mached"))


def test_events_of_finds_other_chains_that_name_the_exchange(database):
    with database.worker.transaction() as conn:
        LEDGER.append(conn, an_event("x-one", exchange_id="x-one"))
        LEDGER.append(conn, an_event("batch:b-1", exchange_id="x-one"))
        LEDGER.append(conn, an_event("batch:b-1", exchange_id="x-two"))
    with database.operator.transaction() as conn:
        assert [event["chain"] for event in events_of(conn, "x-one")] == ["x-one", "batch:b-1"]


def test_search_and_disclosures(database):
    with database.worker.transaction() as conn:
        LEDGER.append(conn, an_event(name="answer.released", partner_id="plan-b", member_id="m-1"))
        LEDGER.append(conn, an_event(name="answer.fetched", partner_id="plan-c", member_id="m-1"))
        LEDGER.append(conn, an_event(name="answer.released", partner_id="plan-b", member_id="m-2"))
        LEDGER.append(conn, an_event(name="member.matched", partner_id="plan-b", member_id="m-1"))
    with database.operator.transaction() as conn:
        assert len(search(conn, partner="plan-b")) == 3
        assert len(search(conn, partner="plan-b", member=LEDGER.pseudonym("m-1"))) == 2
        assert len(search(conn, limit=2)) == 2
        now = conn.execute("select clock_timestamp() as at").fetchone()["at"]
        assert search(conn, since=now) == []
        assert len(search(conn, until=now)) == 4
        assert [event["name"] for event in LEDGER.disclosures(conn, "m-1")] == ["answer.released", "answer.fetched"]
        assert disclosures(conn, "m-1") == []


def test_bodies_open_on_demand_and_stay_out_of_the_tables(database):
    body = {"name": "Ada Marker", "born": "1989-03-14", "list": [1, 2, {"a": None}]}
    with database.door.transaction() as conn:
        LEDGER.append(conn, an_event(member_id="m-1", body=body))
        LEDGER.append(conn, an_event(body={}))
    with database.operator.transaction() as conn:
        first, second = events_of(conn, "x-one")
        assert first["body_fields"] == ["born", "list", "name"]
        assert LEDGER.bodies(conn, [first["id"], second["id"]]) == {first["id"]: body}
        other = Ledger(Vault(b"o" * 32, "other"))
        assert other.bodies(conn, [first["id"]]) == {first["id"]: {}}
        assert other.damaged(conn, [first["id"]]) == [first["id"]]
    with database.owner.transaction() as conn:
        stored = conn.execute("select convert_from(header, 'UTF8') as header, body from audit.event").fetchall()
        stored += conn.execute("select * from audit.body_key").fetchall()
    assert "Marker" not in str(stored)
    assert "1989-03-14" not in str(stored)


def test_redacting_a_field_and_shredding_a_member(database):
    with database.door.transaction() as conn:
        LEDGER.append(conn, an_event(member_id="m-1", body={"name": "Ada", "born": "1989"}))
        LEDGER.append(conn, an_event(member_id="m-2", body={"name": "Bea"}))
    with database.operator.transaction() as conn:
        first, second = (event["id"] for event in events_of(conn, "x-one"))
        assert LEDGER.redact(conn, first, "name")
        assert not LEDGER.redact(conn, first, "name")
        assert LEDGER.bodies(conn, [first]) == {first: {"born": "1989"}}
        assert LEDGER.shred(conn, "m-1") == 1
        assert LEDGER.bodies(conn, [first, second]) == {first: {}, second: {"name": "Bea"}}
        assert LEDGER.damaged(conn, [first, second]) == []


def test_time_never_runs_backwards_in_a_chain(database):
    with database.owner.transaction() as conn:
        LEDGER.append(conn, an_event())
        conn.execute("update audit.head set at = now() + interval '1 hour'")
        LEDGER.append_many(conn, [an_event(), an_event()])
        times = [row["at"] for row in conn.execute("select at from audit.event order by seq")]
    assert times[0] < times[1] == times[2]


@pytest.mark.parametrize("chains", [1, 3, 100])
def test_many_writers_neither_deadlock_nor_fork(database, chains):
    barrier, worker = threading.Barrier(4), database.worker

    def write(writer):
        barrier.wait()
        for turn in range(10):
            order = [an_event(f"x-{(writer * 7 + turn * 3 + number * 5) % chains}") for number in range(12)]
            with worker.transaction() as conn:
                LEDGER.append_many(conn, order if writer % 2 else order[::-1])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    with database.operator.transaction() as conn:
        rows = conn.execute("select chain, seq, prev, hash from audit.evidence order by chain, seq").fetchall()
    assert len(rows) == 4 * 10 * 12
    before = {}
    for row in rows:
        seq, hash_ = before.get(row["chain"], (0, row["prev"]))
        assert (row["seq"], row["prev"]) == (seq + 1, hash_)
        before[row["chain"]] = (row["seq"], row["hash"])


CHANGES_OF_THE_PAST = [
    "insert into audit.event (chain, seq, at, prev, header, hash, name) values ('x', 9, now(), '', '', '', '')",
    "update audit.event set name = 'x'",
    "delete from audit.event",
    "truncate audit.event cascade",
    "update audit.head set seq = 0",
    "delete from audit.head",
    "update audit.leaf set position = 5",
    "delete from audit.checkpoint",
    "delete from audit.body_key",
    "select * from audit.body_key",
    "alter table audit.event disable trigger all",
    "drop table audit.event cascade",
    "set role interpayer_auditor",
]


@pytest.mark.parametrize("role", ["door", "worker", "operator", "migrator"])
def test_no_service_can_change_the_past(database, role):
    with database.worker.transaction() as conn:
        LEDGER.append(conn, an_event(body={"a": 1}))
    for statement in CHANGES_OF_THE_PAST:
        with pytest.raises(DatabaseError) as refused, database.pool(role).transaction() as conn:
            conn.execute(statement)
        assert refused.value.sqlstate == "42501", statement


def test_even_the_owner_stumbles_over_the_second_line(database):
    statements = [
        f"update audit.{table} set {column} = {column}" for table, column in TABLES.items() if table != "head"
    ]
    statements += [f"delete from audit.{table}" for table in TABLES]
    statements += [f"truncate audit.{table} cascade" for table in [*TABLES, "body_key"]]
    for statement in statements:
        with pytest.raises(DatabaseError, match="append-only"), database.owner.transaction() as conn:
            conn.execute(statement)


def test_only_the_right_roles_may_append_seal_and_look(database):
    with database.door.transaction() as conn:
        LEDGER.append(conn, replace(an_event(), body={"a": 1}))
        assert latest_checkpoint(conn) is None
    for statement in ("select * from audit.evidence", "select audit.redact(1, 'a')", "select audit.shred('a')"):
        for role in ("door", "worker"):
            with pytest.raises(DatabaseError) as refused, database.pool(role).transaction() as conn:
                conn.execute(statement)
            assert refused.value.sqlstate == "42501"
    for role in ("door", "operator", "migrator"):
        with pytest.raises(DatabaseError) as refused, database.pool(role).transaction() as conn:
            conn.execute("select * from audit.unsealed(1)")
        assert refused.value.sqlstate == "42501"


@pytest.mark.parametrize("chains", [["x-b", "x-a"], ["x-a", None], [None], [""], ["x" * 201]])
def test_the_function_refuses_what_could_deadlock_or_mix_chains(database, chains):
    none = [None] * len(chains)
    with pytest.raises(DatabaseError), database.door.transaction() as conn:
        conn.execute(
            "select audit.append(%s::text[], %s::bytea[], %s::text[], %s::text[])",
            (chains, [b'{"name":"member.matched"}'] * len(chains), none, none),
        )
