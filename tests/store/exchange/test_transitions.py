"""State, columns and event change in one transaction, and only by moves that the rules know."""

from datetime import UTC, datetime, timedelta

import pytest

from interpayer.audit.ledger import Ledger, events_of
from interpayer.exchange import store
from interpayer.exchange.transitions import Actor, Move, move, move_one
from interpayer.model.exchange import Role, State
from interpayer.model.reason import Refusal
from interpayer.system.ids import new_id
from interpayer.system.keys import Vault

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Vault(b"k" * 32, "test"))


def an_exchange(**changes) -> store.NewExchange:
    facts = {
        "id": new_id("x"),
        "role": Role.REQUESTER,
        "correlation_id": "c-1",
        "partner_id": None,
        "organization": "payer-a",
        "purpose": "initial",
        "basis": "opt_in",
        "received_at": NOW,
        "due_at": NOW + timedelta(days=7),
        "give_up_at": NOW + timedelta(days=30),
        "envelope": b"sealed",
        "envelope_sha256": "0" * 64,
    }
    return store.NewExchange(**{**facts, **changes})


def test_a_move_changes_state_columns_and_ledger_together(database, ledger):
    new = an_exchange()
    with database.worker.transaction() as conn:
        store.create_many(conn, [new])
        wanted = Move(new.id, State.VALIDATED, facts={"why": "whole"}, details={"a": 1})
        assert move(conn, ledger, [wanted]) == [new.id]
    with database.worker.transaction() as conn:
        move_one(conn, ledger, Move(new.id, State.IDENTIFIED, "identity.certain", member_id="m-1", details={"b": 2}))
    with database.operator.transaction() as conn:
        row = store.row_of(conn, new.id)
        assert row is not None
        assert (row["state"], row["version"], row["member_id"], row["reason"]) == (
            "identified",
            2,
            "m-1",
            "identity.certain",
        )
        assert row["details"] == {"a": 1, "b": 2}
        assert [e["name"] for e in events_of(conn, new.id)] == ["exchange.validated", "member.matched"]


def test_a_move_that_the_rules_do_not_know_changes_nothing_and_is_recorded(database, ledger):
    new = an_exchange()
    with database.worker.transaction() as conn:
        store.create_many(conn, [new])
        assert move(conn, ledger, [Move(new.id, State.COMPLETED)]) == []
    with database.operator.transaction() as conn:
        row = store.row_of(conn, new.id)
        assert row is not None
        assert row["state"] == "received"
        (event,) = events_of(conn, new.id)
        assert (event["name"], event["outcome"]) == ("exchange.transition_refused", "refused")
        with pytest.raises(Refusal):
            move_one(conn, ledger, Move(new.id, State.RELEASED))


def test_only_a_named_person_or_system_may_do_what_the_rules_reserve(database, ledger):
    new = an_exchange()
    with database.worker.transaction() as conn:
        store.create_many(conn, [new])
        move(conn, ledger, [Move(new.id, State.FAILED, "system.bug")])
        assert move(conn, ledger, [Move(new.id, State.RECEIVED)]) == []
        assert move(conn, ledger, [Move(new.id, State.RECEIVED)], actor=Actor("person", "ada")) == [new.id]


def test_a_rolled_back_move_leaves_neither_state_nor_event(database, ledger):
    new = an_exchange()
    with database.worker.transaction() as conn:
        store.create_many(conn, [new])
    with pytest.raises(RuntimeError), database.worker.transaction() as conn:
        move(conn, ledger, [Move(new.id, State.VALIDATED)])
        raise RuntimeError
    with database.operator.transaction() as conn:
        row = store.row_of(conn, new.id)
        assert row is not None
        assert row["state"] == "received"
        assert events_of(conn, new.id) == []


def test_the_same_key_gives_the_first_result_and_tells_another_body(database):
    with database.operator.transaction() as conn:
        assert store.keep_key(conn, "api:a", "key", fingerprint="f", result_id="x-1") == ("f", "x-1")
        assert store.keep_key(conn, "api:a", "key", fingerprint="g", result_id="x-2") == ("f", "x-1")
        assert store.keep_key(conn, "api:b", "key", fingerprint="g", result_id="x-2") == ("g", "x-2")


def test_a_list_is_narrowed_and_paged(database):
    new = [an_exchange(received_at=NOW + timedelta(minutes=n), correlation_id=f"c-{n % 2}") for n in range(5)]
    with database.operator.transaction() as conn:
        store.create_many(conn, new)
        first = store.listed(conn, store.Filter(limit=2))
        second = store.listed(conn, store.Filter(limit=9, after=first[-1]["id"]))
        assert [r["id"] for r in first + second] == [n.id for n in reversed(new)]
        assert len(store.listed(conn, store.Filter(correlation_id="c-1"))) == 2
        assert store.listed(conn, store.Filter(state="completed")) == []


def test_what_is_overdue_is_flagged_once_and_what_is_released_never(database):
    late, done = an_exchange(due_at=NOW), an_exchange(due_at=NOW)
    with database.worker.transaction() as conn:
        store.create_many(conn, [late, done])
        store.apply(conn, [store.Change(done.id, State.RELEASED, None)], NOW)
        assert store.overdue(conn, NOW + timedelta(seconds=1), 10) == [late.id]
        assert store.overdue(conn, NOW + timedelta(seconds=1), 10) == []
