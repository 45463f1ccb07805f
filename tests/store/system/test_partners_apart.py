"""Row-level security: the door's role sees and changes only rows of the partner that it serves now."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from interpayer.system.database import Connection, DatabaseError, serve_partner, serving
from tests.support.databases import ScratchDatabase

ONE, OTHER = "p-one", "p-other"
# Every table with rows of partners, and how to find that a row is the partner's own: its ids end in the partner's id.
PLACES = {
    "delivery.job": "id", "delivery.file": "id", "delivery.part": "file_id", "delivery.segment": "file_id",
    "delivery.issue": "job_id", "exchange.exchange": "id", "exchange.envelope": "exchange_id", "exchange.batch": "id",
    "exchange.match_group": "id", "exchange.group_member": "group_id", "exchange.job_member": "job_id",
    "exchange.match_outcome": "job_id", "consent.match_grant": "grant_id", "gateway.idempotency": "key",
    "exchange.recall_received": "id",
}  # fmt: skip
ROWS = """
insert into exchange.exchange (id, role, state, correlation_id, partner_id, member_id, purpose, basis, received_at,
    due_at, give_up_at, state_at)
values ('x-{p}', 'responder', 'released', 'c', '{p}', 'm-1', 'p', 'opt_in', now(), now(), now(), now());
insert into exchange.envelope values ('x-{p}', now(), 'd', 's');
insert into exchange.batch (id, role, partner_id, mode, state, opened_at, correlation_id)
values ('b-{p}', 'responder', '{p}', 'bulk', 'open', now(), 'c');
insert into exchange.match_group values ('g-{p}', 'j-{p}', '{p}', 'match', 1, now(), 's');
insert into exchange.group_member values ('g-{p}', 'm-1', 'x-{p}');
insert into exchange.job_member values ('j-{p}', 'm-1', 'x-{p}');
insert into exchange.match_outcome values ('j-{p}', 0, 'x-{p}', 'match', 'm-1');
insert into delivery.job (id, role, kind, partner_id, state, url, created_at, state_at, data_key, request)
values ('j-{p}', 'responder', 'export', '{p}', 'ready', 'u', now(), now(), 'k', 'r');
insert into delivery.file (id, job_id, kind, type, lines, plain_length, gzip_length)
values ('f-{p}', 'j-{p}', 'output', 'Patient', 1, 1, 1);
insert into delivery.part values ('f-{p}', 0, 0);
insert into delivery.segment values ('f-{p}', 0, 0, 0, 1, 1, 1, 's', 'm-1', null, null);
insert into delivery.issue values ('j-{p}', 1, 'c', 'd');
insert into consent.match_grant (grant_id, partner_id, member_id, consent_id, exchange_id, expires_at)
values ('k-{p}', '{p}', 'm-1', 'k-1', 'x-{p}', now());
insert into exchange.recall_received values ('r-{p}', '{p}', 'n', 'recall', now(), 's');
insert into gateway.idempotency values ('{p}', 'i-{p}', 'f', 'a', now(), now());
"""
CONSENT = """
insert into consent.consent (consent_id, member_id, scope, sources, recipients, starts_at, ends_at, performer, proof,
    basis) values ('k-1', 'm-1', 'regular', '{}', '{}', now(), now(), 'member', 'form', 'opt_in')
"""


@pytest.fixture
def filled(database: ScratchDatabase) -> ScratchDatabase:
    with database.owner.transaction() as conn:
        conn.execute(CONSENT)
        for partner in (ONE, OTHER):
            for statement in ROWS.format(p=partner).split(";\n"):
                conn.execute(statement)
    return database


@contextmanager
def served(partner_id: str | None) -> Iterator[None]:
    token = serving.set(partner_id)
    try:
        yield
    finally:
        serving.reset(token)


def seen(conn: Connection, place: str) -> set[str]:
    return {row["id"].partition("-")[2] for row in conn.execute(f"select {PLACES[place]} as id from {place}")}


def test_each_place_is_guarded_and_known_here(filled: ScratchDatabase) -> None:
    """A table with a partner's id that the door reads is guarded, or stands here with the reason why not."""
    open_to_the_door = {
        "gateway.access_token": "read before the caller is known: by the hash of its token",
        "identity.guess_alarm": "keyed hashes, asked for the one partner",
        "identity.guess_pardon": "keyed hashes, asked for the one partner",
        "identity.guess_tally": "keyed hashes, asked for the one partner",
        "identity.guess_try": "keyed hashes, asked for the one partner",
        "identity.review_case": "a case may join requests of several partners; nothing of it is answered",
    }
    with filled.owner.transaction() as conn:
        rows = conn.execute(
            "select format('%s.%s', n.nspname, c.relname) as place, c.relrowsecurity as guarded from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid"
            " where a.attname = 'partner_id' and c.relkind in ('r', 'p') and n.nspname not in ('partners', 'routing')"
            " and has_table_privilege('interpayer_door', c.oid, 'select')"
        ).fetchall()
        guarded = conn.execute(
            "select c.oid::regclass::text as place from pg_class c where c.relrowsecurity"
        ).fetchall()
    assert {row["place"] for row in rows if not row["guarded"]} <= set(open_to_the_door)
    assert set(PLACES) <= {row["place"] for row in guarded}


def test_the_door_sees_only_the_partner_it_serves(filled: ScratchDatabase) -> None:
    for partner in (ONE, OTHER):
        with served(partner), filled.door.transaction() as conn:
            assert {place: seen(conn, place) for place in PLACES} == {place: {partner} for place in PLACES}


def test_without_a_partner_the_door_sees_nothing(filled: ScratchDatabase) -> None:
    with filled.door.transaction() as conn:
        assert {place: seen(conn, place) for place in PLACES} == {place: set() for place in PLACES}
    with filled.door.transaction() as conn:
        serve_partner(conn, OTHER)
        assert seen(conn, "delivery.job") == {OTHER}
    with filled.door.transaction() as conn:  # it was said for that transaction only
        assert seen(conn, "delivery.job") == set()


def test_a_forgotten_where_changes_nothing_of_others(filled: ScratchDatabase) -> None:
    with served(ONE), filled.door.transaction() as conn:
        assert conn.execute("update delivery.job set reason = 'x'").rowcount == 1
        assert conn.execute("delete from gateway.idempotency").rowcount == 1
        assert conn.execute("update exchange.exchange set state = 'x' where partner_id = %s", (OTHER,)).rowcount == 0
    with filled.operator.transaction() as conn:
        assert seen(conn, "exchange.exchange") == {ONE, OTHER}
        rows = conn.execute("select id from delivery.job where reason = 'x'").fetchall()
    assert [row["id"] for row in rows] == [f"j-{ONE}"]


@pytest.mark.parametrize("role", ["worker", "operator"])
def test_worker_and_operator_work_for_all(filled: ScratchDatabase, role: str) -> None:
    with served(ONE), filled.pool(role).transaction() as conn:
        readable = [place for place in PLACES if place != "gateway.idempotency"]
        assert {place: seen(conn, place) for place in readable} == {place: {ONE, OTHER} for place in readable}


def test_nothing_is_written_in_another_partners_name(filled: ScratchDatabase) -> None:
    for statement in (
        "update delivery.job set partner_id = 'p-other'",
        "insert into gateway.idempotency values ('p-other', 'new', 'f', 'a', now(), now())",
        "insert into exchange.job_member values ('j-p-other', 'm-2', 'x-p-other')",
    ):
        with served(ONE), pytest.raises(DatabaseError) as refused, filled.door.transaction() as conn:
            conn.execute(statement)
        assert refused.value.sqlstate == "42501", statement


def test_kept_answers_of_all_partners_are_forgotten_in_time(filled: ScratchDatabase) -> None:
    with filled.door.transaction() as conn:
        row = conn.execute("select gateway.forget_old_answers(now() + interval '1 day') as gone").fetchone()
    assert row == {"gone": 2}


@pytest.mark.parametrize("partner_id", ["", "p'; drop table x; --", "p one", "x" * 201])
def test_what_is_no_id_of_a_partner_gets_no_transaction(filled: ScratchDatabase, partner_id: str) -> None:
    with served(partner_id), pytest.raises(ValueError, match="not the id"), filled.door.transaction():
        pass
