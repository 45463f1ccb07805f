"""A no stops exchanges, grants, work and files in the transaction that records it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from interpayer.audit.ledger import search
from interpayer.consent import bases
from interpayer.consent import store as consent_store
from interpayer.consent.life_events import DIED, EMANCIPATED, LifeEvent
from interpayer.exchange.durability import store as durable
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import graph
from interpayer.model.consent import Basis, Consent, Effect, LegalBasis, Limits, Scope
from interpayer.model.exchange import State
from interpayer.model.reason import REASONS, Refusal
from interpayer.operations import consents, legal_bases, people, restricting
from interpayer.operations.explaining_consent import NEXT
from interpayer.operations.stopping import Stopped
from interpayer.partners import directory
from interpayer.system.clock import now
from interpayer.system.ids import new_id
from tests.support.doors import a_partner
from tests.support.released import a_consent, an_exchange, state_of
from tests.support.tools import add_members


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


def test_a_consent_taken_back_revives_no_earlier_one(tools: Tools, person: Actor, member_id: str) -> None:
    first, latest = a_consent(member_id), replace(a_consent(member_id), proof="doc-2", scope=Scope.REGULAR)
    stopping = {an_exchange(tools, member_id, first), an_exchange(tools, member_id, latest)}
    other = a_consent(member_id, recipient="payer-d")
    staying = an_exchange(tools, member_id, other)
    with tools.database.transaction() as conn:
        stopped = consents.revoke(tools, conn, latest.id, reason="letter", actor=person)
        living = [c.id for c in consents.listed(conn, member_id)[0] if c.revoked_at is None]
    assert (set(stopped.exchanges), living) == (stopping, [other.id])
    assert state_of(tools, staying) is State.PERMITTED


def said(member_id: str, effect: Effect, **more: Any) -> Consent:
    """What the member says here, about everybody."""
    return replace(
        a_consent(member_id, source="*", recipient="*"),
        **{"id": new_id("k"), "effect": effect, "received_from": None, "proof": f"call {effect}", **more},
    )


HIV = Limits(labels_withheld=frozenset({"hiv"}))


def test_a_restriction_ends_what_rests_on_more_and_leaves_the_consent(
    tools: Tools, person: Actor, member_id: str
) -> None:
    with tools.database.transaction() as conn:
        directory.add_partner(conn, a_partner("c", id="p-c", organizations=("payer-c",)), None, by="tests")
    stopping = an_exchange(tools, member_id, a_consent(member_id))
    elsewhere = said(member_id, Effect.NARROW, limits=HIV, recipients=("payer-d",))
    restriction = said(member_id, Effect.NARROW, limits=HIV)
    with tools.database.transaction() as conn:
        _, nothing = restricting.restrict(tools, conn, elsewhere, actor=person)
        kept, stopped = restricting.restrict(tools, conn, restriction, actor=person)
        assert restricting.restrict(tools, conn, restriction, actor=person) == (kept, Stopped())
        given = consent_store.standings(conn, [member_id])[member_id].statements
    assert (nothing.exchanges, stopped.exchanges, len(stopped.grants)) == ((), (stopping,), 1)
    assert {one.effect for one in given} == {Effect.PERMIT, Effect.NARROW}


def test_a_restriction_holds_for_every_membership_also_one_joined_later(
    tools: Tools, person: Actor, member_id: str
) -> None:
    first, second = add_members(tools)
    grounds = graph.Grounds(person.id, "member_confirmed")
    with tools.database.transaction() as conn:
        kept, _ = restricting.restrict(tools, conn, said(first, Effect.NARROW, limits=HIV), actor=person)
        people.merge(tools, conn, first, into=second, grounds=grounds, actor=person)
        held = consent_store.standings(conn, [first, second])
        assert [len(held[m].statements) for m in (first, second)] == [1, 1]
        denial, _ = restricting.restrict(tools, conn, said(second, Effect.DENY), actor=person)
        consents.revoke(tools, conn, kept.id, reason="called again", actor=person)
        held = consent_store.standings(conn, [first, second])
        assert [[one.effect for one in held[m].statements] for m in (first, second)] == [[Effect.DENY]] * 2
        consents.revoke(tools, conn, denial.id, reason="called again", actor=person)
        assert not any(one.statements for one in consent_store.standings(conn, [first, second]).values())


def test_a_permission_is_no_restriction_and_an_empty_one_says_nothing(
    tools: Tools, person: Actor, member_id: str
) -> None:
    with tools.database.transaction() as conn:
        for wrong in (a_consent(member_id), said(member_id, Effect.NARROW)):
            with pytest.raises(Refusal, match=r"request\.malformed"):
                restricting.restrict(tools, conn, wrong, actor=person)


def test_an_opt_out_takes_back_no_law_and_a_denial_does(tools: Tools, person: Actor, member_id: str) -> None:
    basis = LegalBasis(
        *("l-1", Basis.STATE_MEDICAID_CONTRACT, "MCO-7", ("payer-b",), ("payer-c",)),
        *(datetime(2026, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC), "shelf 3"),
    )
    with tools.database.transaction() as conn:
        directory.add_partner(conn, a_partner("c", id="p-c", organizations=("payer-c",)), None, by="tests")
        legal_bases.add(tools, conn, basis, actor=person)
        lawful = consent_store.save(conn, bases.resting_on(a_consent(member_id), basis), basis_id=basis.id)
    by_law, by_word = (
        an_exchange(tools, member_id, lawful, is_new=False),
        an_exchange(tools, member_id, a_consent(member_id)),
    )
    with tools.database.transaction() as conn:
        stopped = consents.withdraw(tools, conn, member_id, proof="form 12", actor=person)
        living = consent_store.grants_for(conn, partner_id="p-c", member_ids=[member_id], at=now())
    assert (stopped.exchanges, stopped.continuing) == ((by_word,), (by_law,))
    assert living[member_id].consent_id == lawful.id
    with tools.database.transaction() as conn:
        _, denied = restricting.restrict(tools, conn, said(member_id, Effect.DENY), actor=person)
        assert legal_bases.end(tools, conn, basis.id, reason="over", actor=person).exchanges == ()
    assert denied.exchanges == (by_law,)


def test_what_rests_on_a_contract_ends_with_it(tools: Tools, person: Actor, member_id: str) -> None:
    basis = LegalBasis(
        *("l-2", Basis.OTHER_LAW, "42 CFR 1", ("payer-b",), ("payer-c",)),
        *(datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC), "shelf 4"),
    )
    with tools.database.transaction() as conn:
        legal_bases.add(tools, conn, basis, actor=person)
        lawful = consent_store.save(conn, bases.resting_on(a_consent(member_id), basis), basis_id=basis.id)
    exchange_id = an_exchange(tools, member_id, lawful, is_new=False)
    with tools.database.transaction() as conn:
        found = bases.basis_between(conn, ["payer-b"], ["payer-c"], at=now(), contract="42 CFR 1")
        assert (found, lawful.ends_at) == (basis, basis.ends_at), "a consent under it ends with it at the latest"
        for wrong in ({"contract": "other"}, {"kind": Basis.STATE_MEDICAID_CONTRACT}):
            assert bases.basis_between(conn, ["payer-b"], ["payer-c"], at=now(), **wrong) is None
        assert bases.basis_between(conn, ["payer-c"], ["payer-b"], at=now()) is None
        stopped = legal_bases.end(tools, conn, basis.id, reason="over", actor=person)
        assert bases.basis_between(conn, ["payer-b"], ["payer-c"], at=now()) is None
    assert stopped.exchanges == (exchange_id,)


@pytest.mark.parametrize(
    ("performer", "what", "is_stopped"),
    [
        ("member", DIED, True),
        ("member", EMANCIPATED, False),
        ("representative:MTH", EMANCIPATED, True),
        ("representative:HPOWATT", DIED, True),
    ],
)
def test_a_life_event_ends_the_word_of_who_may_speak_no_more(
    tools: Tools, person: Actor, member_id: str, performer: str, what: str, is_stopped: bool
) -> None:
    exchange_id = an_exchange(tools, member_id, replace(a_consent(member_id), performer=performer))
    event = LifeEvent(what, now().date(), "certificate 3")
    with tools.database.transaction() as conn:
        stopped = restricting.note_life_event(tools, conn, member_id, event, actor=person)
        assert restricting.note_life_event(tools, conn, member_id, event, actor=person) == Stopped()
        assert restricting.take_back_life_event(tools, conn, member_id, what=what, actor=person)
        acts = [line["act"] for line in consent_store.history(conn, member_id)]
    assert stopped.exchanges == ((exchange_id,) if is_stopped else ())
    assert acts[-2:] == [what, "taken_back"]


def test_every_reason_of_consent_says_what_happens_next() -> None:
    assert set(NEXT) == {code for code in REASONS if code.startswith("consent.")}
