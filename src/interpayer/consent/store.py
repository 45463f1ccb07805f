"""Consents, withdrawals and their history. The caller owns the transaction; every no bumps the revision."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from interpayer.consent.evaluate import Circumstances, evaluate
from interpayer.consent.grants import (
    grant_for,
    grants_for,
    grants_of,
    last_grants,
    revoked_members,
    save_grant,
    save_grants,
    withdraw_grants,
)
from interpayer.consent.rows import (
    authority_as_json,
    consent_from_row,
    digest_of,
    json_column,
    limits_column,
    signature_as_json,
)
from interpayer.consent.standings import standings, withdrawn_at
from interpayer.model.consent import Consent, Effect, MatchGrant, Permission, Verdict
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

# The grants and standings are part of this store; they have files of their own for its size.
__all__ = [
    "Withdrawal", "consents_of", "grant_for", "grants_for", "grants_of", "history", "last_grants", "lift_withdrawal",
    "live_for", "load", "load_many", "remember", "revision", "revoke", "revoked_members", "save", "save_grant",
    "save_grants", "standings", "withdraw_grants", "withdraw_member", "withdraw_members", "withdrawn_at",
]  # fmt: skip

_RANK = {Verdict.GRANTED: 0, Verdict.NARROWED: 1, Verdict.REFUSED: 2}


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A member's own no at this plan: since when, recorded by whom, with which proof."""

    member_id: str
    at: datetime
    by: str
    proof: str | None = None


def save(conn: Connection, consent: Consent, *, document: bytes | None = None, basis_id: str | None = None) -> Consent:
    """Keep a consent and return it as kept. The same consent again is the kept one: revoked stays revoked.

    `basis_id`: the contract or law that it rests on; when that ends, it ends.
    """
    new = replace(consent, id=consent.id or new_id("k"))
    digest = digest_of(consent) if consent.member_id else None
    row = conn.execute(
        """
        insert into consent.consent (consent_id, member_id, scope, sources, recipients, starts_at, ends_at, performer,
                                     proof, proof_sha256, basis, received_from, document, digest, effect, purpose,
                                     limits, authority, issuer, given_at, attested_by, attested_at, document_sha256,
                                     signature, contract, basis_id)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
                coalesce(%s, clock_timestamp()), %s, %s, %s, %s, %s, %s)
        on conflict do nothing returning given_at
        """,
        [new.id, new.member_id, new.scope, list(new.sources), list(new.recipients), new.starts_at, new.ends_at,
         new.performer, new.proof, new.proof_sha256, new.basis, new.received_from, document, digest, new.effect,
         new.purpose, limits_column(new.limits), json_column(authority_as_json(new.authority)), new.issuer,
         new.given_at, new.attested_by, new.attested_at, new.document_sha256,
         json_column(signature_as_json(new.signature)), new.contract, basis_id],
    ).fetchone()  # fmt: skip
    if row is not None:
        by = new.received_from or "member"
        remember(conn, [(new.member_id, new.id, new.starts_at, "recorded", by, new.proof)])
        return replace(new, given_at=row["given_at"])
    query = "select * from consent.known where digest = %s or consent_id = %s"
    kept = conn.execute(query, [digest, new.id]).fetchone()
    if kept is None:
        raise Refusal("consent.contradictory", "this consent is being recorded elsewhere")
    return consent_from_row(kept)


def load(conn: Connection, consent_id: str) -> Consent | None:
    """One consent; None when unknown."""
    return load_many(conn, [consent_id]).get(consent_id)


def load_many(conn: Connection, consent_ids: Collection[str]) -> dict[str, Consent]:
    """Consents by id; unknown ids are absent."""
    query = "select * from consent.known where consent_id = any(%s)"
    return {row["consent_id"]: consent_from_row(row) for row in conn.execute(query, [list(consent_ids)])}


def consents_of(conn: Connection, member_ids: Collection[str]) -> dict[str, list[Consent]]:
    """All consents of these members, the newest first."""
    query = "select * from consent.known where member_id = any(%s) order by recorded_at desc, consent_id"
    found: dict[str, list[Consent]] = defaultdict(list)
    for row in conn.execute(query, [list(member_ids)]):
        found[row["member_id"]].append(consent_from_row(row))
    return dict(found)


def live_for(conn: Connection, member_id: str, circumstances: Circumstances) -> tuple[Consent | None, Permission]:
    """The consent that allows most, and what it allows; a refusal is that of the newest consent.

    What is known of the member is looked up here; of `circumstances.standing` the birth date counts.
    """
    standing = replace(standings(conn, [member_id])[member_id], born_on=circumstances.standing.born_on)
    here = replace(circumstances, standing=standing)
    known = [c for c in consents_of(conn, [member_id]).get(member_id, []) if c.effect is Effect.PERMIT]
    options: list[tuple[Consent | None, Permission]] = [(c, evaluate(c, here)) for c in known]
    best = options or [(None, evaluate(None, here))]
    return min(best, key=lambda option: _RANK[option[1].verdict])


def revoke(conn: Connection, consent_id: str, *, at: datetime, by: str, reason: str) -> list[MatchGrant]:
    """Take a consent back; the grants that rested on it end, and are returned. Twice is once."""
    row = conn.execute(
        """
        update consent.consent set revoked_at = %s, revoked_by = %s, revoked_reason = %s
         where consent_id = %s and revoked_at is null returning member_id
        """,
        [at, by, reason, consent_id],
    ).fetchone()
    if row is None:
        if load(conn, consent_id) is None:
            raise Refusal("request.not_found")
        return []
    remember(conn, [(row["member_id"], consent_id, at, "revoked", by, reason)])
    return withdraw_grants(conn, at=at, consent_ids=[consent_id])


def withdraw_member(
    conn: Connection, member_id: str, *, at: datetime, by: str, proof: str | None = None
) -> list[MatchGrant]:
    """The member says no at this plan: it beats every consent, given before or later, until lifted."""
    return withdraw_members(conn, [Withdrawal(member_id, at, by, proof)])


def withdraw_members(conn: Connection, rows: Sequence[Withdrawal]) -> list[MatchGrant]:
    """Many members say no; returns the grants that end. An open withdrawal stays as it is."""
    if not rows:
        return []
    new = conn.execute(
        """
        insert into consent.withdrawal (member_id, at, by, proof)
        select * from unnest(%s::text[], %s::timestamptz[], %s::text[], %s::text[])
        on conflict (member_id) where lifted_at is null do nothing returning member_id
        """,
        [[r.member_id for r in rows], [r.at for r in rows], [r.by for r in rows], [r.proof for r in rows]],
    )
    fresh = {row["member_id"] for row in new}
    said = [r for r in {r.member_id: r for r in rows}.values() if r.member_id in fresh]
    remember(conn, [(r.member_id, None, r.at, "withdrawn", r.by, r.proof) for r in said])
    return withdraw_grants(conn, at=max(r.at for r in rows), member_ids=sorted(fresh)) if fresh else []


def lift_withdrawal(conn: Connection, member_id: str, *, at: datetime, by: str) -> bool:
    """The member opted in again at this plan; False when nothing was withdrawn. Ended grants stay ended."""
    row = conn.execute(
        "update consent.withdrawal set lifted_at = %s, lifted_by = %s "
        "where member_id = %s and lifted_at is null returning 1",
        [at, by, member_id],
    ).fetchone()
    if row is not None:
        remember(conn, [(member_id, None, at, "lifted", by, None)])
    return row is not None


def history(conn: Connection, member_id: str) -> list[dict[str, Any]]:
    """What happened to a member's consents, in order."""
    query = "select at, act, consent_id, by, detail from consent.history where member_id = %s order by history_id"
    return conn.execute(query, [member_id]).fetchall()


def revision(conn: Connection) -> int:
    """A number that changes with every revocation and withdrawal; a download asks for it between two pieces."""
    row = conn.execute("select value from consent.revision").fetchone()
    return int(row["value"]) if row else 0


def remember(conn: Connection, rows: Sequence[tuple[str | None, str | None, datetime, str, str, str | None]]) -> None:
    """Add lines to the history: member, consent, when, what, by whom, with which proof or why."""
    if not rows:
        return
    conn.execute(
        """
        insert into consent.history (member_id, consent_id, at, act, by, detail)
        select * from unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
        """,
        [list(column) for column in zip(*rows, strict=True)],
    )
