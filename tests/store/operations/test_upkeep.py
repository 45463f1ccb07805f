"""What time brings to exchanges: late, given up, archived; each said once, on the ledger."""

from datetime import datetime, timedelta

import pytest

from interpayer.app.build import Application
from interpayer.audit.ledger import events_of
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import review
from interpayer.model.exchange import State
from interpayer.operations import recall
from interpayer.operations.upkeep import Upkeep
from interpayer.system.clock import now
from tests.support.released import a_consent, an_exchange, state_of


@pytest.fixture
def worker(application: Application) -> Tools:
    """Upkeep is the worker's."""
    return application.tools("worker")


def since(tools: Tools, exchange_id: str, column: str, at: datetime) -> None:
    with tools.database.transaction() as conn:
        conn.execute(f"update exchange.exchange set {column} = %s where id = %s".encode(), (at, exchange_id))


def names_of(tools: Tools, exchange_id: str) -> list[str]:
    with tools.database.transaction() as conn:
        return [event["name"] for event in events_of(conn, exchange_id)]


@pytest.mark.parametrize(("days", "state"), [(366, State.ARCHIVED), (364, State.COMPLETED)])
def test_what_was_completed_long_ago_is_archived(
    tools: Tools, worker: Tools, member_id: str, days: int, state: State
) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.COMPLETED)
    since(tools, exchange_id, "state_at", now() - timedelta(days=days))
    assert Upkeep(worker).tick()["archived"] == (state is State.ARCHIVED)
    assert state_of(tools, exchange_id) is state
    assert ("answer.expired" in names_of(tools, exchange_id)) is (state is State.ARCHIVED)


def test_what_is_archived_can_still_be_recalled(tools: Tools, worker: Tools, person: Actor, member_id: str) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.COMPLETED)
    since(tools, exchange_id, "state_at", now() - timedelta(days=400))
    Upkeep(worker).tick()
    with tools.database.transaction() as conn:
        recall.open_recall(tools, conn, [exchange_id], reason="recall.wrong_member", actor=person)
    assert state_of(tools, exchange_id) is State.RECALLED


def test_what_nobody_could_finish_in_our_own_time_has_an_owner(tools: Tools, worker: Tools, member_id: str) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.PERMITTED)
    since(tools, exchange_id, "give_up_at", now() - timedelta(minutes=1))
    assert Upkeep(worker).tick()["given_up"] == 1
    assert state_of(tools, exchange_id) is State.EXPIRED
    with tools.database.transaction() as conn:
        (case,) = review.list_cases(conn, state="open", kind="policy")
    assert (case.exchange_ids, case.reason) == ((exchange_id,), "system.gave_up")


def test_what_is_late_is_said_once(tools: Tools, worker: Tools, member_id: str) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.PERMITTED)
    since(tools, exchange_id, "due_at", now() - timedelta(minutes=1))
    assert [Upkeep(worker).tick()["overdue"] for _ in range(2)] == [1, 0]
    assert state_of(tools, exchange_id) is State.PERMITTED
    assert names_of(tools, exchange_id).count("exchange.overdue") == 1
