"""Contracts and laws that let data go without an opt-in, and what rests on them (tables of the consent store).

A state's Medicaid agency and its contracted plans exchange without the member's opt-in (CMS-0057-F; standards 5, 12).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from interpayer.consent.combining import names_one_of
from interpayer.consent.grants import withdraw_grants
from interpayer.consent.rows import basis_from_row, limits_column
from interpayer.model.consent import Basis, Consent, LegalBasis, MatchGrant, Scope
from interpayer.system.database import Connection


def save_basis(conn: Connection, basis: LegalBasis, *, by: str) -> None:
    """Keep a contract or law."""
    conn.execute(
        """
        insert into consent.legal_basis (basis_id, basis, contract, sources, recipients, starts_at, ends_at, proof,
                                         limits, recorded_by)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [basis.id, basis.basis, basis.contract, list(basis.sources), list(basis.recipients), basis.starts_at,
         basis.ends_at, basis.proof, limits_column(basis.limits), by],
    )  # fmt: skip


def bases(conn: Connection) -> list[LegalBasis]:
    """Every contract and law on record, ended ones included, the newest first."""
    return [
        basis_from_row(row) for row in conn.execute("select * from consent.legal_basis order by recorded_at desc, 1")
    ]


def basis_between(
    conn: Connection,
    sources: Sequence[str],
    recipients: Sequence[str],
    *,
    at: datetime,
    kind: Basis | None = None,
    contract: str | None = None,
) -> LegalBasis | None:
    """What lets data go from one of these to one of those now; of this kind and contract, where one is named."""
    rows = conn.execute(
        "select * from consent.legal_basis where starts_at <= %(at)s and ends_at > %(at)s and ended_at is null "
        "and (%(kind)s::text is null or basis = %(kind)s) and (%(contract)s::text is null or contract = %(contract)s) "
        "order by recorded_at desc, basis_id",
        {"at": at, "kind": kind, "contract": contract},
    )
    known = (basis_from_row(row) for row in rows)
    fitting = (
        one
        for one in known
        if names_one_of(one.sources, tuple(sources)) and names_one_of(one.recipients, tuple(recipients))
    )
    return next(fitting, None)


def consent_by(basis: LegalBasis, member_id: str) -> Consent:
    """What a contract or law lets go of one member, in the words of a consent."""
    return Consent(
        id=basis.id,
        member_id=member_id,
        scope=Scope.SENSITIVE,
        sources=basis.sources,
        recipients=basis.recipients,
        starts_at=basis.starts_at,
        ends_at=basis.ends_at,
        performer="organization",
        proof=basis.contract,
        basis=basis.basis,
        limits=basis.limits,
        contract=basis.contract,
    )


def resting_on(said: Consent, basis: LegalBasis) -> Consent:
    """A partner's Consent without a member's word, as far as the contract or law on record reaches and no further."""
    return replace(
        said,
        basis=basis.basis,
        contract=basis.contract,
        limits=said.limits.narrowed_by(basis.limits),
        starts_at=max(said.starts_at, basis.starts_at),
        ends_at=min(said.ends_at, basis.ends_at),
    )


def end_basis(conn: Connection, basis_id: str, *, at: datetime, by: str) -> list[MatchGrant] | None:
    """End it, with every consent and grant that rests on it; those grants. None when it is unknown or ended before."""
    ended = conn.execute(
        "update consent.legal_basis set ended_at = %s, ended_by = %s where basis_id = %s and ended_at is null "
        "returning contract",
        [at, by, basis_id],
    ).fetchone()
    if ended is None:
        return None
    rows = conn.execute(
        "update consent.consent set revoked_at = %s, revoked_by = %s, revoked_reason = %s "
        "where basis_id = %s and revoked_at is null returning consent_id",
        [at, by, f"contract {ended['contract']} ended", basis_id],
    )
    return withdraw_grants(conn, at=at, consent_ids=[row["consent_id"] for row in rows])
