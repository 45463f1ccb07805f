"""A member is forgotten by two people: nothing opens any more, nobody is found, and the ledger still verifies."""

from pathlib import Path

import pytest

from interpayer.app.build import Application
from interpayer.audit.checkpoint import VerifierKey
from interpayer.audit.ledger import search
from interpayer.audit.sealer import seal_once
from interpayer.audit.store import ledger_source
from interpayer.audit.verify import verify
from interpayer.consent import store as consent_store
from interpayer.exchange import store as exchange_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import store as identity_store
from interpayer.model.event import Event
from interpayer.model.exchange import State
from interpayer.model.reason import Refusal
from interpayer.operations import forgetting, legal_holds, loading
from interpayer.operations.vault_store import Subject
from tests.store.operations.test_loading import a_condition, a_patient, write
from tests.support.released import a_consent, an_exchange

__all__ = ["write"]
SECOND = Actor("person", "Bo Lind")
ORIGIN = "test.example"


def a_history(tools: Tools, person: Actor, member_id: str, write) -> str:
    """Records, a finished exchange with its request, and an event with a body; the exchange's id."""
    loading.load(tools, write(a_patient("BL100001"), a_condition()), actor=person)
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.COMPLETED)
    body = {"name": "Ines Quarrel"}
    event = Event(
        "member.matched", exchange_id, "process", "t", exchange_id=exchange_id, member_id=member_id, body=body
    )
    with tools.database.transaction() as conn:
        tools.ledger.append(conn, event)
    return exchange_id


def asked_and_done(tools: Tools, member_id: str, person: Actor) -> dict[str, int]:
    with tools.database.transaction() as conn:
        forgetting.ask(tools, conn, member_id, reason="retention is over", actor=person)
    with tools.database.transaction() as conn:
        return forgetting.forget(tools, conn, member_id, actor=SECOND)


def test_whoever_is_forgotten_is_found_nowhere_and_the_ledger_verifies(
    tools: Tools, person: Actor, member_id: str, write, application: Application, database, tmp_path: Path
) -> None:
    exchange_id = a_history(tools, person, member_id, write)
    key = application.checkpoint_key()
    with database.worker.transaction() as conn:
        seal_once(conn, key, ORIGIN, None)
    counts = asked_and_done(tools, member_id, person)
    assert counts == {"job_requests": 0, "requests": 1, "records": 2, "consents": 1, "members": 1, "bodies": 1}
    with database.worker.transaction() as conn:
        seal_once(conn, key, ORIGIN, None)
    with tools.database.transaction() as conn:
        assert identity_store.demographics(conn, tools.vault, member_id) is None
        (event,) = [e for e in search(conn) if e["name"] == "member.matched"]
        assert tools.ledger.bodies(conn, [event["id"]]) == {event["id"]: {}}
        assert tools.ledger.damaged(conn, [event["id"]]) == []
        last = [e for e in search(conn) if e["name"].startswith("member.forg")]
        assert exchange_store.row_of(conn, exchange_id)["state"] == State.COMPLETED  # that it was, stays
        (consent,) = consent_store.consents_of(conn, [member_id])[member_id]
    assert [(e["name"], e["actor_id"]) for e in last] == [
        ("member.forgetting_asked", "Ana Ruiz"),
        ("member.forgotten", "Bo Lind"),
    ]
    assert consent.proof == "forgotten"
    with tools.database.transaction() as conn:
        verdict = verify(ledger_source(conn), VerifierKey(ORIGIN, key.public_bytes))
    assert verdict.findings == []
    _assert_no_trace(database, tools, member_id)


def _assert_no_trace(database, tools: Tools, member_id: str) -> None:
    """Nothing that opens is left: no key, no pack, no sealed profile, request or document of the member."""
    looks = {
        "records.member_key": "member_id = %(m)s",
        "records.pack": "member_id = %(m)s",
        "records.record": "member_id = %(m)s",
        "identity.member": "member_id = %(m)s",
        "identity.link": "member_id = %(m)s",
        "identity.coverage": "member_id = %(m)s",
        "consent.consent": "member_id = %(m)s and (document is not null or authority is not null)",
        "exchange.envelope": "sealed <> ''",
        "audit.body_key": "true",
    }
    with database.owner.transaction() as conn:
        left = {
            place: conn.execute(f"select count(*) as n from {place} where {which}", {"m": member_id}).fetchone()["n"]
            for place, which in looks.items()
        }
    assert left == dict.fromkeys(looks, 0)


def test_one_person_alone_forgets_nobody(tools: Tools, person: Actor, member_id: str) -> None:
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"request\.wrong_state"):
        forgetting.forget(tools, conn, member_id, actor=SECOND)
    with tools.database.transaction() as conn:
        forgetting.ask(tools, conn, member_id, reason="asked to", actor=person)
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"caller\.not_permitted"):
        forgetting.forget(tools, conn, member_id, actor=Actor("person", "ana  RUIZ"))
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"request\.wrong_state"):
        forgetting.ask(tools, conn, member_id, reason="again", actor=person)


def test_what_is_under_way_is_finished_first(tools: Tools, person: Actor, member_id: str) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.PERMITTED)
    with tools.database.transaction() as conn, pytest.raises(Refusal) as refused:
        forgetting.ask(tools, conn, member_id, reason="too early", actor=person)
    assert refused.value.reason == "request.wrong_state"
    assert exchange_id in refused.value.detail


@pytest.mark.parametrize("scope", ["member", "exchange", "everything"])
def test_a_hold_that_comes_between_refuses(tools: Tools, person: Actor, member_id: str, scope: str) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.COMPLETED)
    subjects = {"member": Subject(member_id), "exchange": Subject(exchange_id=exchange_id), "everything": Subject()}
    with tools.database.transaction() as conn:
        forgetting.ask(tools, conn, member_id, reason="retention", actor=person)
        legal_holds.place(tools, conn, subjects[scope], reason="matter 7", actor=person)
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"request\.held"):
        forgetting.forget(tools, conn, member_id, actor=SECOND)
    with tools.database.transaction() as conn:
        assert identity_store.demographics(conn, tools.vault, member_id) is not None


def test_a_member_that_a_backup_brought_back_is_forgotten_again(
    tools: Tools, person: Actor, member_id: str, write
) -> None:
    with tools.database.transaction() as conn:
        pseudonym = tools.ledger.pseudonym(member_id)
        assert forgetting.again(tools, conn, ["nobody"], reason="restored", actor=person) == 0
        assert forgetting.again(tools, conn, [pseudonym], reason="restored", actor=person) == 1
        assert forgetting.again(tools, conn, [pseudonym], reason="restored", actor=person) == 0
        assert identity_store.demographics(conn, tools.vault, member_id) is None
        (row,) = forgetting.listed(conn)
    assert (row["pseudonym"], row["member_id"], row["done_at"] is not None) == (pseudonym, None, True)


def test_a_field_is_redacted_with_a_reason_and_an_event(tools: Tools, person: Actor, member_id: str) -> None:
    event = Event("member.matched", "x-1", "process", "t", member_id=member_id, body={"name": "Ines", "born": "1980"})
    with tools.database.transaction() as conn:
        tools.ledger.append(conn, event)
        (found,) = [e for e in search(conn) if e["chain"] == "x-1"]
        forgetting.redact(tools, conn, found["id"], "name", reason="wrong person", actor=person)
        assert tools.ledger.bodies(conn, [found["id"]]) == {found["id"]: {"born": "1980"}}
        (said,) = [e for e in search(conn) if e["name"] == "audit.redacted"]
        assert said["facts"] == {"redacted": found["id"], "field": "name", "why": "wrong person"}
        for event_id, field in ((found["id"], "name"), (10**9, "name")):
            with pytest.raises(Refusal, match=r"request\.not_found"):
                forgetting.redact(tools, conn, event_id, field, reason="again", actor=person)
        legal_holds.place(tools, conn, Subject(member_id), reason="matter 7", actor=person)
        with pytest.raises(Refusal, match=r"request\.held"):
            forgetting.redact(tools, conn, found["id"], "born", reason="too late", actor=person)
