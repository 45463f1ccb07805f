"""What members allow and take back: recorded, revoked, withdrawn; a no stops work and files in the same transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from interpayer.consent import store as consent_store
from interpayer.consent.combining import names_one_of
from interpayer.consent.rows import digest_of
from interpayer.exchange import store as exchange_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import graph
from interpayer.model.consent import ANYONE, Basis, Consent, Effect, limits_as_json
from interpayer.model.event import Event
from interpayer.model.exchange import WITHDRAWABLE
from interpayer.model.reason import Refusal
from interpayer.operations import standing
from interpayer.operations.stopping import REVOKED, Stopped, stop, stop_under
from interpayer.system.clock import now
from interpayer.system.database import Connection


def record(tools: Tools, conn: Connection, consent: Consent, *, actor: Actor) -> Consent:
    """Keep a consent; the same one again is the one kept, and revoked stays revoked."""
    return record_many(tools, conn, [consent], actor=actor)[0]


def record_many(tools: Tools, conn: Connection, consents: Sequence[Consent], *, actor: Actor) -> list[Consent]:
    """Keep consents, each as kept; only new ones are events."""
    for consent in consents:
        _check(consent)
    known = _known(conn, consents)
    vouched = [replace(c, attested_by=c.attested_by or actor.id, attested_at=c.attested_at or now()) for c in consents]
    kept = [known.get(digest_of(consent)) or consent_store.save(conn, consent) for consent in vouched]
    tools.ledger.append_many(
        conn,
        [
            Event(
                *("consent.recorded", f"consent:{k.id}", actor.type, actor.id),
                member_id=k.member_id,
                facts={
                    "consent": k.id,
                    "scope": k.scope.value,
                    "sources": list(k.sources),
                    "recipients": list(k.recipients),
                    "starts_at": k.starts_at.isoformat(),
                    "ends_at": k.ends_at.isoformat(),
                    "basis": k.basis.value,
                    "effect": k.effect.value,
                    "contract": k.contract,
                    "attested_by": k.attested_by,
                    "signed": k.signature is not None,
                },
                # what somebody wants left out says something of them
                body={"limits": limits_as_json(k.limits)} if not k.limits.is_open else {},
            )
            for given, k in zip(consents, kept, strict=True)
            if given.id == k.id
        ],
    )
    return kept


def revoke(tools: Tools, conn: Connection, consent_id: str, *, reason: str, actor: Actor) -> Stopped:
    """Take a consent back; what rests on it stops at once. Twice is once. A restriction taken back ends nothing.

    With it goes every earlier one between the same parties, and every one that the same partner sent: a partner sends
    one with each request, and taking the latest back must not revive a wider one.
    """
    consent = consent_store.load(conn, consent_id)
    if consent is None:
        raise Refusal("request.not_found", "no such consent")
    if consent.revoked_at is not None:
        return Stopped()
    taken = [consent, *_with_it(conn, consent)]
    ended = [
        grant for one in taken for grant in consent_store.revoke(conn, one.id, at=now(), by=actor.id, reason=reason)
    ]
    members = [one.member_id for one in taken if one.member_id]
    stopped = stop_under(tools, conn, ended, members=members, consents=[one.id for one in taken], actor=actor)
    tools.ledger.append(
        conn,
        Event(
            *(REVOKED, f"consent:{consent_id}", actor.type, actor.id),
            member_id=consent.member_id,
            facts={
                "consent": consent_id,
                "why": reason,
                "exchanges": len(stopped.exchanges),
                "with_it": [one.id for one in taken[1:]],
            },
        ),
    )
    return stopped


def _with_it(conn: Connection, consent: Consent) -> list[Consent]:
    if consent.member_id is None or consent.given_at is None:
        return []
    if consent.effect is not Effect.PERMIT:
        return _copies(conn, consent)
    known = consent_store.consents_of(conn, [consent.member_id]).get(consent.member_id, [])
    return [
        one
        for one in known
        if one.id != consent.id
        and one.revoked_at is None
        and (one.effect, one.basis, one.purpose) == (consent.effect, consent.basis, consent.purpose)
        and names_one_of(one.sources, consent.sources)
        and names_one_of(one.recipients, consent.recipients)
        and ((one.given_at or consent.given_at) <= consent.given_at or _same_sender(one, consent))
    ]


def _copies(conn: Connection, said: Consent) -> list[Consent]:
    """The same restriction or denial of the person's other memberships."""
    people = graph.person_members(conn, [said.member_id or ""])
    known = consent_store.consents_of(conn, people.get(said.member_id or "", ()))
    alike = digest_of(replace(said, member_id=None))
    return [
        one
        for of_member in known.values()
        for one in of_member
        if one.id != said.id and one.revoked_at is None and digest_of(replace(one, member_id=None)) == alike
    ]


def _same_sender(one: Consent, two: Consent) -> bool:
    return one.received_from is not None and one.received_from == two.received_from


def withdraw(tools: Tools, conn: Connection, member_id: str, *, proof: str, actor: Actor) -> Stopped:
    """The member says no to this plan: it beats every opt-in, for every membership of the person, until lifted."""
    people = graph.person_members(conn, [member_id])
    if member_id not in people:
        raise Refusal("request.not_found", "no such member")
    at = now()
    rows = [consent_store.Withdrawal(m, at, actor.id, proof) for m in people[member_id]]
    return withdraw_many(tools, conn, rows, actor=actor)


def withdraw_many(tools: Tools, conn: Connection, rows: Sequence[consent_store.Withdrawal], *, actor: Actor) -> Stopped:
    """Many members say no; those who said it before are passed over."""
    before = consent_store.withdrawn_at(conn, [row.member_id for row in rows])
    fresh = [row for row in rows if row.member_id not in before]
    if not fresh:
        return Stopped()
    ended = consent_store.withdraw_members(conn, fresh)
    members = [row.member_id for row in fresh]
    ended_standing = standing.stop(tools, conn, member_ids=members, reason="opted out", actor=actor)
    stopping, continuing = _by_opt_in(conn, exchange_store.of_members(conn, members, WITHDRAWABLE))
    gone = consent_store.revoked_members(conn, members, now())
    stopped = stop(tools, conn, stopping, dropping=[(m, None) for m in members if m in gone], actor=actor)
    # of who is still exchanged by law, only the files of the partners that lost their grant
    kept = stop_under(tools, conn, [grant for grant in ended if grant.member_id not in gone], actor=actor)
    tools.ledger.append_many(
        conn,
        [
            Event(
                *(REVOKED, f"consent:{tools.ledger.pseudonym(row.member_id)}", actor.type, actor.id),
                member_id=row.member_id,
                facts={"what": "every consent at this plan", "at": row.at.isoformat()},
            )
            for row in fresh
        ],
    )
    return Stopped(
        exchanges=(*stopped.exchanges, *kept.exchanges),
        grants=tuple(grant.id for grant in ended),
        files=(*stopped.files, *kept.files),
        standing=tuple(ended_standing),
        continuing=tuple(continuing),
    )


def _by_opt_in(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Exchanges that rest on an opt-in, and those that rest on a contract or a law: an opt-out takes back no law."""
    consents = consent_store.load_many(conn, [row["consent_id"] for row in rows if row["consent_id"]])
    by_law = {c.id for c in consents.values() if c.basis is not Basis.OPT_IN}
    lawful = {b.value for b in Basis} - {Basis.OPT_IN.value}
    is_lawful = {row["id"]: row["consent_id"] in by_law or row["basis"] in lawful for row in rows}
    return [x for x in is_lawful if not is_lawful[x]], [x for x in is_lawful if is_lawful[x]]


def revoke_own(tools: Tools, conn: Connection, member_ids: Sequence[str], *, actor: Actor) -> int:
    """Take back what these members allowed us to ask for: how many consents ended. Others' consents stay."""
    ours = [
        consent.id
        for known in consent_store.consents_of(conn, member_ids).values()
        for consent in known
        if consent.received_from is None and consent.revoked_at is None
    ]
    for consent_id in ours:
        revoke(tools, conn, consent_id, reason="opted out", actor=actor)
    return len(ours)


def lift(tools: Tools, conn: Connection, member_id: str, *, at: datetime, actor: Actor) -> bool:
    """The member opted in again at this plan; False when nothing was withdrawn. Ended grants stay ended."""
    lifted = consent_store.lift_withdrawal(conn, member_id, at=at, by=actor.id)
    if lifted:
        tools.ledger.append(
            conn,
            Event(
                *("consent.recorded", f"consent:{tools.ledger.pseudonym(member_id)}", actor.type, actor.id),
                member_id=member_id,
                facts={"what": "opted in again at this plan"},
            ),
        )
    return lifted


def listed(conn: Connection, member_id: str) -> tuple[list[Consent], datetime | None]:
    """A member's consents, newest first, and since when the member says no at this plan."""
    consents = consent_store.consents_of(conn, [member_id]).get(member_id, [])
    return consents, consent_store.withdrawn_at(conn, [member_id]).get(member_id)


def _check(consent: Consent) -> None:
    """Refuse what says nothing, or too much, before it is kept."""
    if consent.starts_at >= consent.ends_at:
        raise Refusal("request.malformed", "the end is before the start")
    if consent.effect is Effect.PERMIT and ANYONE in (*consent.sources, *consent.recipients):
        raise Refusal("request.malformed", "a consent names its parties")
    if consent.effect is Effect.NARROW and consent.limits.is_open:
        raise Refusal("request.malformed", "a restriction names what stays out")
    if consent.basis is not Basis.OPT_IN:
        raise Refusal("request.malformed", "a contract or a law is recorded as a basis, not as a consent")


def _known(conn: Connection, consents: Sequence[Consent]) -> dict[str, Consent]:
    """What is kept already of these members, by content: a feed says the same every day."""
    members = {consent.member_id for consent in consents if consent.member_id}
    kept = consent_store.consents_of(conn, members) if members else {}
    return {digest_of(consent): consent for of_member in kept.values() for consent in of_member}
