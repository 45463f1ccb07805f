"""Exchanges of a responder as they stand after the decision, with their envelope and evidence."""

from datetime import UTC, datetime, timedelta
from typing import Any

from interpayer.consent import store as consent_store
from interpayer.exchange import store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.member_bundle import MemberBundle
from interpayer.exchange.steps.asking import matched
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity.reading import read_coverage, read_patient, write_coverage, write_patient
from interpayer.identity.resolve import Query
from interpayer.identity.store import save_evidence
from interpayer.model.consent import Consent, MatchGrant, Scope
from interpayer.model.exchange import Role, State
from interpayer.model.match import Match
from interpayer.model.member import Coverage, Demographics
from interpayer.operations import consents
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id


def a_bundle(demographics: Demographics, card: Coverage) -> MemberBundle:
    """What a partner sends about a member, without consent."""
    patient = write_patient(demographics, patient_id="asked")
    return MemberBundle(
        patient, write_coverage(card, coverage_id="card", patient_id="asked", payer_name="Our Plan"), None, None
    )


def as_read(tools: Tools, bundle: MemberBundle) -> Query:
    """The query that our door makes of it."""
    return Query(read_patient(bundle.patient), read_coverage(bundle.coverage_to_match), tools.entity.identifier)


def a_request(exchange_id: str, at: datetime, **changes: Any) -> store.NewExchange:
    """What a partner asked us for at this time."""
    facts = {
        "role": Role.RESPONDER,
        "correlation_id": exchange_id,
        "partner_id": "p-c",
        "organization": None,
        "purpose": "payer_to_payer",
        "basis": "opt_in",
        "due_at": at + timedelta(days=1),
        "give_up_at": at + timedelta(days=30),
        "envelope": b"sealed",
        "envelope_sha256": "0" * 64,
    }
    return store.NewExchange(**{"id": exchange_id, "received_at": at, **facts, **changes})


def an_answer(
    tools: Tools, conn: Connection, bundle: MemberBundle, *, state: State = State.COMPLETED, partner_id: str = "p-c"
) -> tuple[str, Match]:
    """A partner asked, the resolver decided, the exchange stands in a state: its id and the match."""
    exchange_id, at = new_id("x"), now()
    sealed = tools.seal_request(bundle.as_json(), exchange_id=exchange_id)
    new = a_request(exchange_id, at, partner_id=partner_id, envelope=sealed)
    match = tools.resolver.resolve(conn, as_read(tools, bundle), partner=partner_id)
    save_evidence(conn, [match])
    store.create_many(conn, [new])
    wanted = matched(exchange_id, match, state)
    change = store.Change(exchange_id, state, match.reason, member_id=match.member_id, details=wanted.details)
    store.apply(conn, [change], at)
    if match.member_id:
        _grant(conn, exchange_id, match.member_id, partner_id)
    return exchange_id, match


def _grant(conn: Connection, exchange_id: str, member_id: str, partner_id: str) -> None:
    consent = Consent(
        id=new_id("k"),
        member_id=member_id,
        scope=Scope.SENSITIVE,
        sources=("ours",),
        recipients=(partner_id,),
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        ends_at=datetime(2040, 1, 1, tzinfo=UTC),
        performer="member",
        proof="doc-1",
        received_from=partner_id,
    )
    kept = consent_store.save(conn, consent)
    grant = MatchGrant(new_id("g"), partner_id, member_id, kept.id, exchange_id, now() + timedelta(days=30))
    consent_store.save_grant(conn, grant)


def a_consent(member_id: str, *, source: str = "payer-b", recipient: str = "payer-c") -> Consent:
    """What a member allowed the payer that asks."""
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


def an_exchange(
    tools: Tools, member_id: str, consent: Consent, *, state: State = State.PERMITTED, is_new: bool = True
) -> str:
    """One under way under this consent, with a grant and waiting work."""
    exchange_id, at = new_id("x"), now()
    grant = MatchGrant(new_id("g"), "p-c", member_id, consent.id, exchange_id, at + timedelta(days=30))
    with tools.database.transaction() as conn:
        if is_new:
            consents.record(tools, conn, consent, actor=Actor("partner", "p-c"))
        store.create_many(conn, [a_request(exchange_id, at)])
        change = store.Change(exchange_id, state, None, member_id=member_id, consent_id=consent.id)
        store.apply(conn, [change], at)
        consent_store.save_grant(conn, grant)
        durable.accept(conn, "request_history", exchange_id, exchange_id, delay_s=3600)
    return exchange_id


def state_of(tools: Tools, exchange_id: str) -> State:
    """Where the exchange stands now."""
    with tools.database.transaction() as conn:
        found = store.load(conn, exchange_id)
    assert found is not None
    return found.state
