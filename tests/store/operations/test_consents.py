"""A no stops exchanges, grants, work and files in the transaction that records it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from interpayer.audit.ledger import search
from interpayer.consent import store as consent_store
from interpayer.exchange import store as exchange_store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.model.consent import Consent, MatchGrant, Scope
from interpayer.model.exchange import Role, State
from interpayer.model.member import Coverage, Demographics, Enrollment, Identifier, IdKind, Name
from interpayer.model.reason import Refusal
from interpayer.operations import consents
from interpayer.operations.stopping import Stopped
from interpayer.system.clock import now
from interpayer.system.ids import new_id


@pytest.fixture
def member_id(tools: Tools) -> str:
    facts = Demographics(
        names=(Name("Quarrel", ("Ines",)),),
        birth_date=date(1980, 2, 3),
        identifiers=(Identifier(IdKind.MEMBER, "BL100001", "payer-b"),),
    )
    coverage = Coverage(payer="payer-b", member_id="BL100001", starts_on=date(2020, 1, 1))
    row = Enrollment(1, facts, coverage, None, None, None, None, None, None, None, None, None, date(2026, 1, 1))
    with tools.database.transaction() as conn:
        return upsert_enrollments(conn, tools.vault, [row])[0].member_id or ""


def a_consent(member_id: str, *, source: str = "payer-b", recipient: str = "payer-c") -> Consent:
    return Consent(
        id=new_id("k"),
        member_id=member_id,
        scope=Scope.SENSITIVE,
        sources=(source,),
        recipients=(recipient,),
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        ends_at=datetime(2030, 1, 1, tzinfo=UTC),
        performer="member",
        proof="doc-1",
        received_from="p-c",
    )


def an_exchange(tools: Tools, member_id: str, consent: Consent, *, state: State = State.PERMITTED) -> str:
    """One under way under this consent, with a grant and waiting work."""
    exchange_id, at = new_id("x"), now()
    new = exchange_store.NewExchange(
        id=exchange_id,
        role=Role.RESPONDER,
        correlation_id=exchange_id,
        partner_id="p-c",
        organization=None,
        purpose="payer_to_payer",
        basis="opt_in",
        received_at=at,
        due_at=at + timedelta(days=1),
        give_up_at=at + timedelta(days=30),
        envelope=b"sealed",
        envelope_sha256="0" * 64,
    )
    grant = MatchGrant(new_id("g"), "p-c", member_id, consent.id, exchange_id, at + timedelta(days=30))
    with tools.database.transaction() as conn:
        consents.record(tools, conn, consent, actor=Actor("partner", "p-c"))
        exchange_store.create_many(conn, [new])
        change = exchange_store.Change(exchange_id, state, None, member_id=member_id, consent_id=consent.id)
        exchange_store.apply(conn, [change], at)
        consent_store.save_grant(conn, grant)
        durable.accept(conn, "request_history", exchange_id, exchange_id, delay_s=3600)
    return exchange_id


def state_of(tools: Tools, exchange_id: str) -> State:
    with tools.database.transaction() as conn:
        found = exchange_store.load(conn, exchange_id)
    assert found is not None
    return found.state


def test_revoking_one_consent_stops_what_rests_on_it_and_nothing_else(
    tools: Tools, person: Actor, member_id: str
) -> None:
    consent, other = a_consent(member_id), a_consent(member_id, recipient="payer-d")
    stopping, staying = an_exchange(tools, member_id, consent), an_exchange(tools, member_id, other)
    with tools.database.transaction() as conn:
        stopped = consents.revoke(tools, conn, consent.id, reason="letter of the member", actor=person)
        assert durable.status(conn, stopping) == "cancelled"
        assert durable.status(conn, staying) != "cancelled"
    assert stopped.exchanges == (stopping,)
    assert len(stopped.grants) == 1
    assert (state_of(tools, stopping), state_of(tools, staying)) == (State.REVOKED, State.PERMITTED)


def test_revoking_twice_is_once(tools: Tools, person: Actor, member_id: str) -> None:
    consent = a_consent(member_id)
    an_exchange(tools, member_id, consent)
    with tools.database.transaction() as conn:
        consents.revoke(tools, conn, consent.id, reason="letter", actor=person)
        assert consents.revoke(tools, conn, consent.id, reason="letter", actor=person) == Stopped()


def test_a_withdrawal_stops_everything_of_the_member(tools: Tools, person: Actor, member_id: str) -> None:
    first = an_exchange(tools, member_id, a_consent(member_id), state=State.RELEASED)
    second = an_exchange(tools, member_id, a_consent(member_id, recipient="payer-d"))
    with tools.database.transaction() as conn:
        stopped = consents.withdraw(tools, conn, member_id, proof="form 12", actor=person)
        assert consent_store.grants_for(conn, partner_id="p-c", member_ids=[member_id], at=now()) == {}
    assert set(stopped.exchanges) == {first, second}
    assert {state_of(tools, x) for x in (first, second)} == {State.REVOKED}


def test_what_is_over_stays_as_it_ended(tools: Tools, person: Actor, member_id: str) -> None:
    done = an_exchange(tools, member_id, a_consent(member_id), state=State.COMPLETED)
    with tools.database.transaction() as conn:
        stopped = consents.withdraw(tools, conn, member_id, proof="form 12", actor=person)
    assert stopped.exchanges == ()
    assert state_of(tools, done) is State.COMPLETED


def test_opting_in_again_lifts_the_withdrawal_and_revives_no_grant(tools: Tools, person: Actor, member_id: str) -> None:
    an_exchange(tools, member_id, a_consent(member_id))
    with tools.database.transaction() as conn:
        consents.withdraw(tools, conn, member_id, proof="form 12", actor=person)
        assert consents.lift(tools, conn, member_id, at=now(), actor=person)
        assert consents.listed(conn, member_id)[1] is None
        assert consent_store.grants_for(conn, partner_id="p-c", member_ids=[member_id], at=now()) == {}


def test_the_ledger_names_who_recorded_and_who_revoked(tools: Tools, person: Actor, member_id: str) -> None:
    consent = a_consent(member_id)
    exchange_id = an_exchange(tools, member_id, consent)
    with tools.database.transaction() as conn:
        consents.revoke(tools, conn, consent.id, reason="letter", actor=person)
    with tools.database.transaction() as conn:
        told = [(e["name"], e["chain"], e["actor_id"]) for e in search(conn)]
    assert ("consent.recorded", f"consent:{consent.id}", "p-c") in told
    assert ("consent.revoked", f"consent:{consent.id}", "Ana Ruiz") in told
    assert ("consent.revoked", exchange_id, "Ana Ruiz") in told


def test_an_unknown_member_or_consent_is_not_found(tools: Tools, person: Actor) -> None:
    with tools.database.transaction() as conn:
        with pytest.raises(Refusal, match=r"request\.not_found"):
            consents.revoke(tools, conn, "k-none", reason="letter", actor=person)
        with pytest.raises(Refusal, match=r"request\.not_found"):
            consents.withdraw(tools, conn, "m-none", proof="form 12", actor=person)
