"""A legal hold beats every deletion: politely where purges ask, and in the database where they forget to."""

import dataclasses

import pytest

from interpayer.audit.ledger import search
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import Event
from interpayer.model.exchange import State
from interpayer.model.reason import Refusal
from interpayer.operations import legal_holds, vault_store
from interpayer.operations.legal_holds import Held
from interpayer.operations.upkeep import Upkeep
from interpayer.operations.vault_store import Subject
from interpayer.records.keys import forget_records, member_keys
from interpayer.system.database import DatabaseError
from tests.support.released import a_consent, an_exchange

SECOND = Actor("person", "Bo Lind")


def is_held(tools: Tools, *about: str | None) -> bool:
    with tools.database.transaction() as conn:
        return vault_store.is_held(conn, *about)


def test_a_hold_covers_what_it_names_until_another_person_ends_it(tools: Tools, person: Actor, member_id: str) -> None:
    with tools.database.transaction() as conn:
        hold = legal_holds.place(tools, conn, Subject(member_id=member_id), reason="matter 7", actor=person)
        held = legal_holds.held_of(conn)
    assert held == Held(False, frozenset({member_id}), frozenset(), frozenset())
    assert held.covers(member_id=member_id)
    assert not held.covers(member_id="m-other", exchange_id="x-1", partner_id="p-1")
    pseudonym = tools.ledger.pseudonym(member_id)
    assert is_held(tools, member_id, None, None)
    assert is_held(tools, pseudonym, None, None)
    assert not is_held(tools, None, "x-1", "p-1")
    with tools.database.transaction() as conn, pytest.raises(Refusal, match=r"caller\.not_permitted"):
        legal_holds.release(tools, conn, hold, reason="settled", actor=person)
    with tools.database.transaction() as conn:
        ended = legal_holds.release(tools, conn, hold, reason="settled", actor=SECOND)
        assert legal_holds.listed(conn) == []
        events = [(e["name"], e["facts"]["why"], e["member"]) for e in search(conn) if e["chain"] == "vault"]
    assert ended["released_by"] == "Bo Lind"
    assert events == [("hold.placed", "matter 7", pseudonym), ("hold.released", "settled", pseudonym)]
    assert not is_held(tools, member_id, None, None)


def test_everything_can_be_held(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        legal_holds.place(tools, conn, Subject(), reason="inspection", actor=person)
        assert legal_holds.held_of(conn).covers()
    assert is_held(tools, None, None, None)


@pytest.mark.parametrize(
    ("subject", "reason", "code"),
    [
        (Subject(member_id="m-nobody"), "why", "request.not_found"),
        (Subject(exchange_id="x-none"), "why", "request.not_found"),
        (Subject(partner_id="p-none"), "why", "request.not_found"),
        (Subject(exchange_id="x-1", partner_id="p-1"), "why", "request.malformed"),
        (Subject(), "  ", "request.malformed"),
    ],
    ids=["no member", "no exchange", "no partner", "two subjects", "no reason"],
)
def test_a_hold_on_nothing_is_refused(tools: Tools, person: Actor, subject: Subject, reason: str, code: str) -> None:
    with tools.database.transaction() as conn, pytest.raises(Refusal) as refused:
        legal_holds.place(tools, conn, subject, reason=reason, actor=person)
    assert refused.value.reason == code


def test_the_same_is_held_once(tools: Tools, person: Actor, member_id: str) -> None:
    with tools.database.transaction() as conn:
        legal_holds.place(tools, conn, Subject(member_id=member_id), reason="one", actor=person)
        with pytest.raises(Refusal, match=r"request\.wrong_state"):
            legal_holds.place(tools, conn, Subject(member_id=member_id), reason="two", actor=SECOND)


@pytest.mark.parametrize("scope", ["member", "everything"])
def test_the_database_keeps_what_is_held_whoever_deletes(
    tools: Tools, person: Actor, member_id: str, scope: str, database
) -> None:
    event = Event("member.matched", "x-1", "process", "t", member_id=member_id, body={"name": "Ines"})
    with tools.database.transaction() as conn:
        member_keys(conn, tools.vault, [member_id])
        tools.ledger.append(conn, event)
        (found,) = [e for e in search(conn) if e["chain"] == "x-1"]
        subject = Subject(member_id=member_id) if scope == "member" else Subject()
        hold = legal_holds.place(tools, conn, subject, reason="matter 7", actor=person)
    for statement, pool in (
        ("select records.forget(%(m)s)", tools.database),
        ("select identity.forget(%(m)s)", tools.database),
        ("select audit.shred(%(p)s)", tools.database),
        (f"select audit.redact({found['id']}, 'name')", tools.database),
        ("delete from records.member_key where member_id = %(m)s", database.migrator),
    ):
        with pytest.raises(DatabaseError, match="legal hold") as refused, pool.transaction() as conn:
            conn.execute(statement.encode(), {"m": member_id, "p": tools.ledger.pseudonym(member_id)})
        assert refused.value.sqlstate == "42501", statement
    with tools.database.transaction() as conn:
        legal_holds.release(tools, conn, hold, reason="settled", actor=SECOND)
        assert tools.ledger.bodies(conn, [found["id"]]) == {found["id"]: {"name": "Ines"}}
        forget_records(conn, member_id)
        assert tools.ledger.shred(conn, member_id) == 1


def test_a_hold_on_an_exchange_keeps_what_the_ledger_says_of_it(tools: Tools, person: Actor, member_id: str) -> None:
    exchange_id = an_exchange(tools, member_id, a_consent(member_id), state=State.COMPLETED)
    event = Event(
        *("member.matched", exchange_id, "process", "t"),
        exchange_id=exchange_id,
        member_id=member_id,
        body={"name": "Ines"},
    )
    with tools.database.transaction() as conn:
        tools.ledger.append(conn, event)
        legal_holds.place(tools, conn, Subject(exchange_id=exchange_id), reason="matter 8", actor=person)
    with tools.database.transaction() as conn, pytest.raises(DatabaseError, match="legal hold"):
        tools.ledger.shred(conn, member_id)


OLD = "now() - interval '10 years'"


def what_is_old(tools: Tools, member_id: str) -> None:
    """Evidence, tries and the files of a job, all long past their time."""
    rows = (
        "insert into identity.evidence (evidence_id, at, disposition, reason, member_id, rule_version)"
        f" values ('e-1', {OLD}, 'certain', 'identity.certain', %(m)s, '1')",
        f"insert into identity.guess_try values ('p-c', 'card', 'a', 'v', {OLD}, {OLD})",
        "insert into delivery.job (id, role, kind, partner_id, state, url, created_at, state_at, expires_at, data_key,"
        f" request) values ('j-1', 'responder', 'export', 'p-c', 'ready', 'u', {OLD}, {OLD}, {OLD}, %(k)s, '')",
        "insert into delivery.file values ('f-1', 'j-1', 'output', 'Patient', 1, 1, 1)",
        "insert into delivery.part values ('f-1', 0, 0)",
        "insert into exchange.job_member values ('j-1', %(m)s, 'x-1')",
        "insert into policy.decision (at, version, kind, facts, allow, policies, reasons, obligations, times, subject)"
        f" values ({OLD}, 'v', 'read', '{{}}', true, '{{}}', '{{}}', '{{}}', 1, 'x-1')",
    )
    with tools.database.transaction() as conn:
        for row in rows:
            conn.execute(row.encode(), {"m": member_id, "k": tools.vault.new_data_key()[1]})


@pytest.mark.parametrize(
    ("about", "kept"),
    [
        (None, {"evidence": 0, "guess_try": 0, "part": 0, "decision": 0}),
        ("member", {"evidence": 1, "guess_try": 0, "part": 1, "decision": 0}),
        ("partner", {"evidence": 0, "guess_try": 1, "part": 1, "decision": 0}),
        ("everything", {"evidence": 1, "guess_try": 1, "part": 1, "decision": 1}),
    ],
    ids=["nothing", "member", "partner", "everything"],
)
def test_purges_leave_out_what_is_held(
    application, person: Actor, member_id: str, about: str | None, kept: dict[str, int], database
) -> None:
    worker, tools = application.tools("worker"), application.tools("operator")
    what_is_old(dataclasses.replace(tools, database=database.owner), member_id)
    subjects = {"member": Subject(member_id), "partner": Subject(partner_id="p-c"), "everything": Subject()}
    if about is not None:
        with database.operator.transaction() as conn:
            assert vault_store.place_hold(conn, subjects[about], reason="matter 7", by="Ana Ruiz")
    Upkeep(worker).tick()
    Upkeep(worker).tick()
    places = {"evidence": "identity.evidence", "guess_try": "identity.guess_try", "part": "delivery.part"}
    places |= {"decision": "policy.decision"}
    with database.owner.transaction() as conn:
        left = {name: conn.execute(f"select from {place}".encode()).rowcount for name, place in places.items()}
        (job,) = conn.execute("select state from delivery.job").fetchall()
    assert left == kept
    # kept or not, nobody is served from it any more
    assert job["state"] == "expired"
