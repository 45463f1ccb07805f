"""A wrong release: contained at once, scoped from the ledger, told, and closed by somebody else."""

from dataclasses import replace

import pytest

from interpayer.app.build import Application
from interpayer.consent import store as consent_store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.recalls import store as recalls
from interpayer.exchange.recalls import telling
from interpayer.exchange.recalls.notice import ANSWER, RECALL, Named, Notice, write_notice
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import review
from interpayer.model.exchange import State
from interpayer.model.reason import Refusal
from interpayer.operations import recall
from interpayer.partners import directory
from interpayer.system.clock import now
from interpayer.system.database import serve_partner
from interpayer.system.ids import new_id
from tests.support.doors import a_partner
from tests.support.released import a_consent, an_exchange, state_of

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


def a_request_of_ours(tools: Tools, member_id: str) -> str:
    """One that we made at `p-c`, delivered."""
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.COMPLETED)
    turn = "update exchange.exchange set role = 'requester', partner_member = 'm-9' where id = %s"
    with tools.database.transaction() as conn:
        conn.execute(turn, [exchange_id])
    return exchange_id


def hear(application: Application, notice: Notice) -> str:
    """A notice of the partner `p-c`: kept by the door, acted on by a worker."""
    door, worker, notice_id = application.tools("door"), application.tools("worker"), new_id("u")
    body = write_notice(notice, sender={"value": "c"}, base="https://c.example/fhir", at=now())
    sealed = door.seal_request(body, exchange_id=notice_id)
    with door.database.transaction() as conn:
        serve_partner(conn, "p-c")
        recalls.receive(conn, recalls.Received(notice_id, "p-c", notice_id, notice.kind, now(), sealed))
    with worker.database.transaction() as conn:
        return telling.hear.plain(worker, conn, notice_id)


def test_a_partners_recall_is_contained_by_a_worker_and_answered(
    application: Application, tools: Tools, member_id: str
) -> None:
    mine = a_request_of_ours(tools, member_id)
    another = Notice("q-other", RECALL, "recall.wrong_member", (Named(mine, "m-8"),))
    assert (hear(application, another), state_of(tools, mine)) == ("not_needed", State.COMPLETED)
    notice = Notice("q-theirs", RECALL, "recall.wrong_member", (Named(mine, "m-9"),))
    assert (hear(application, notice), state_of(tools, mine)) == ("quarantined", State.RECALLED)
    assert hear(application, notice) == "told before"
    with tools.database.transaction() as conn:
        found, _ = recall.listed(conn)
        assert (found["told_by"], found["their_recall"], found["opened_by"]) == ("p-c", "q-theirs", "p-c")
        (case,) = review.list_cases(conn, kind="recall")
        assert case.exchange_ids == (mine,)
        assert durable.status(conn, f"{found['id']}:first") == "queued"


def test_what_we_passed_on_meanwhile_is_recalled_with_it(
    application: Application, tools: Tools, member_id: str
) -> None:
    mine = a_request_of_ours(tools, member_id)
    came = "insert into records.arrival (record_id, source, exchange_id, digest, local_id, outcome, received_at) "
    with application.tools("worker").database.transaction() as conn:
        conn.execute(came + "values ('r-1', 's', %s, 'd', 'l', 'new', clock_timestamp())", [mine])
    onward = an_exchange(tools, member_id, a_consent(member_id, recipient="payer-d"), state=State.RELEASED)
    notice = Notice("q-theirs", RECALL, "recall.wrong_member", (Named(mine, "m-9"),))
    assert hear(application, notice) == "quarantined"
    assert state_of(tools, onward) is State.RECALLED
    with tools.database.transaction() as conn:
        (found,) = recall.listed(conn)
        assert (found["scope"]["onward"], found["scope"]["recipients"]) == ([onward], ["p-c"])


def test_an_answer_counts_for_the_recall_and_the_partner_that_it_names(
    application: Application, tools: Tools, person: Actor, member_id: str
) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.RELEASED)
    with tools.database.transaction() as conn:
        opened = recall.open_recall(tools, conn, [exchange_id], reason="recall.scope", actor=person)
    assert hear(application, Notice("n-1", ANSWER, answers="q-nobody", reply="deleted")) == "no recall of ours"
    assert hear(application, Notice("n-2", ANSWER, answers=opened["id"], reply="deleted")) == "deleted"
    with tools.database.transaction() as conn:
        (told,) = recall.shown(conn, opened["id"])["told"]
    assert (told["state"], told["reply"], told["replied_by"]) == ("answered", "deleted", "partner:p-c")


def test_where_no_machine_takes_it_there_is_a_letter_and_silence_is_noted(
    application: Application, tools: Tools, person: Actor, member_id: str
) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.RELEASED)
    with tools.database.transaction() as conn:
        directory.add_partner(conn, replace(a_partner("c"), id="p-c"), by="test")
        opened = recall.open_recall(tools, conn, [exchange_id], reason="recall.scope", actor=person)
    assert telling.send_recall.plain(application.tools("worker"), opened["id"], "p-c") == "letter"
    with tools.database.transaction() as conn:
        text = recall.letter_to(tools, conn, opened["id"], "p-c")
        assert recall.silence(tools, conn) == 0
        conn.execute("update exchange.recall set due_at = clock_timestamp() - interval '1 minute'")
        assert (recall.silence(tools, conn), recall.silence(tools, conn)) == (1, 0)
        (told,) = recall.shown(conn, opened["id"])["told"]
    assert exchange_id in text and opened["id"] in text and member_id not in text and "Quarrel" not in text
    assert (told["state"], told["reason"]) == ("silent", "route.no_api")
