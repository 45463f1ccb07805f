"""A wrong release: contained at once, scoped from the ledger, told, and closed by somebody else."""

import pytest

from interpayer.consent import store as consent_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import review
from interpayer.model.exchange import State
from interpayer.model.reason import Refusal
from interpayer.operations import recall
from interpayer.system.clock import now
from tests.store.operations.test_consents import a_consent, an_exchange, member_id, state_of

__all__ = ["member_id"]
SECOND = Actor("person", "Bo Lind")


def test_a_recall_contains_scopes_and_opens_a_case(tools: Tools, person: Actor, member_id: str) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.COMPLETED)
    with tools.database.transaction() as conn:
        opened = recall.open_recall(tools, conn, [exchange_id], reason="recall.wrong_member", actor=person)
        assert consent_store.grants_for(conn, partner_id="p-c", member_ids=[member_id], at=now()) == {}
        cases = review.list_cases(conn, kind="recall")
    assert state_of(tools, exchange_id) is State.RECALLED
    assert (opened["state"], opened["scope"]["members"], opened["scope"]["recipients"]) == ("contained", 1, ["p-c"])
    assert opened["scope"]["exchanges"][exchange_id]["grants_ended"] == 1
    assert [case.id for case in cases] == opened["scope"]["cases"]


def test_it_is_told_and_closed_by_another_person(tools: Tools, person: Actor, member_id: str) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.RELEASED)
    with tools.database.transaction() as conn:
        opened = recall.open_recall(tools, conn, [exchange_id], reason="recall.scope", actor=person)
        told = recall.tell(tools, conn, opened["id"], partner_id="p-c", reply="deleted", actor=person)
        with pytest.raises(Refusal, match=r"caller\.not_permitted"):
            recall.close(tools, conn, opened["id"], why="they deleted it", actor=person)
        closed = recall.close(tools, conn, opened["id"], why="they deleted it", actor=SECOND)
        assert review.list_cases(conn, state="open", kind="recall") == []
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            recall.close(tools, conn, opened["id"], why="again", actor=SECOND)
    (recipient,) = told["told"]
    assert (recipient["state"], recipient["reply"], recipient["replied_by"]) == ("answered", "deleted", person.id)
    assert (closed["state"], closed["closed_at"] is not None) == ("closed", True)


@pytest.mark.parametrize("state", [State.PERMITTED, State.BLOCKED])
def test_what_was_not_released_cannot_be_recalled(tools: Tools, person: Actor, member_id: str, state: State) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=state)
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"request\.wrong_state"):
        recall.open_recall(tools, conn, [exchange_id], reason="recall.scope", actor=person)


def test_the_reason_comes_from_the_list(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"request\.malformed"):
        recall.open_recall(tools, conn, ["x-1"], reason="oops", actor=person)
