"""What was sent with a request goes when its rule says so, never before, never while it is held."""

from datetime import timedelta

import pytest

from interpayer.app.build import Application
from interpayer.audit.ledger import events_of
from interpayer.exchange import kept_store
from interpayer.exchange import store as exchange_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.exchange import State
from interpayer.operations import answers, legal_holds, retention
from interpayer.operations.vault_store import Subject
from interpayer.policy import store
from interpayer.policy.composing import compose, shipped
from interpayer.system.clock import now
from interpayer.system.database import Connection, DatabaseError
from interpayer.system.ids import new_id
from tests.support.released import a_request

SIX_YEARS, TEN_YEARS = 2190, 3650


@pytest.fixture
def worker(application: Application) -> Tools:
    return application.tools("worker")


def settled(conn: Connection, days: float, *, state: State = State.ARCHIVED, basis: str = "opt_in") -> str:
    """An exchange that came so into its state so many days ago."""
    exchange_id, at = new_id("x"), now() - timedelta(days=days)
    exchange_store.create_many(conn, [a_request(exchange_id, at, basis=basis)])
    exchange_store.add_supplement(conn, exchange_id, at=at, actor_id="ana", sealed=b"more")
    exchange_store.apply(conn, [exchange_store.Change(exchange_id, state, None)], at)
    return exchange_id


def is_kept(conn: Connection, exchange_id: str) -> bool:
    kept = exchange_store.envelope(conn, exchange_id) != b""
    assert kept is (exchange_store.supplements(conn, exchange_id) != [b""]), "a supplement goes with its request"
    return kept


def test_each_request_goes_by_its_own_rule(worker: Tools, tools: Tools) -> None:
    with tools.database.transaction() as conn:
        over = settled(conn, SIX_YEARS + 1)
        young = settled(conn, SIX_YEARS - 1)
        by_contract = settled(conn, SIX_YEARS + 1, basis="state_medicaid_contract")
        long_over = settled(conn, TEN_YEARS + 1, basis="state_medicaid_contract")
        under_way = settled(conn, TEN_YEARS + 1, state=State.QUEUED)
    with worker.database.transaction() as conn:
        assert retention.purge_requests(worker, conn) == 2
        assert retention.purge_requests(worker, conn) == 0
    with tools.database.transaction() as conn:
        assert [is_kept(conn, x) for x in (over, young, by_contract, long_over, under_way)] == [
            *(False, True, True, False, True)
        ]
        assert exchange_store.envelope_checksum(conn, over) == "0" * 64, "what the ledger names stays"
        (event,) = events_of(conn, long_over)
        assert (event["name"], event["facts"]["rule"]) == ("exchange.purged", "requests_by_contract")
        assert event["facts"]["policies"] == ["kept-time-is-over"]
        assert event["policy_version"] == shipped().version


def test_what_is_held_stays_whoever_asks(worker: Tools, tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        held, over = settled(conn, SIX_YEARS + 1), settled(conn, SIX_YEARS + 2)
        legal_holds.place(tools, conn, Subject(exchange_id=held), reason="matter 7", actor=person)
    with worker.database.transaction() as conn:
        assert retention.purge_requests(worker, conn) == 1
        assert kept_store.empty(conn, [held]) == [], "the database keeps it even when it is told to"
        assert [is_kept(conn, x) for x in (held, over)] == [True, False]


def test_nobody_empties_a_request_past_the_rule(worker: Tools, tools: Tools) -> None:
    with tools.database.transaction() as conn:
        under_way = settled(conn, TEN_YEARS, state=State.GATHERING)
    with worker.database.transaction() as conn:
        assert kept_store.empty(conn, [under_way]) == []
    with pytest.raises(DatabaseError), worker.database.transaction() as conn:
        conn.execute("update exchange.envelope set sealed = ''")
    with pytest.raises(DatabaseError), tools.database.transaction() as conn:
        kept_store.empty(conn, [under_way])


def test_a_plan_shortens_or_lengthens_its_own_retention(worker: Tools, tools: Tools) -> None:
    own = {
        "policy.yaml": "retention: {requests: {keep_days: 10}, ours: {what: request, role: requester, keep_days: 9}}"
    }
    with tools.database.transaction() as conn:
        ours = compose(own)
        store.publish(conn, ours, by="ana", own=own)
        store.release(conn, ours.version, act="publish", by="ana", reason="agreed")
        exchange_id = settled(conn, 11)
    with tools.database.transaction() as conn:
        found = answers.load(conn, exchange_id, codec=tools.codec, bundle=tools.policy())
        assert found is not None
        told = answers.render(found)["retention"]
        assert (told["rule"], told["keep_days"]) == ("requests", 10)
        assert told["until"].startswith(f"{now() - timedelta(days=1):%Y-%m-%d}")
    with worker.database.transaction() as conn:
        assert retention.purge_requests(worker, conn) == 1


def test_facts_of_decisions_go_after_their_time(worker: Tools) -> None:
    with worker.database.transaction() as conn:
        store.keep(conn, [store.Kept("p", "Facts", {"action": "call"}, True, (), (), ())])
        assert retention.purge_decisions(worker, conn) == 0
        assert len(store.last(conn, 5)) == 1
    assert round((now() - retention.work_kept_since(worker)) / timedelta(days=1)) == 30
