"""A consent as a row of its table and back: nothing is lost on the way, and the same content has the same digest."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from interpayer.model.consent import (
    NOTHING_WITHHELD,
    PAYER_TO_PAYER,
    Authority,
    Basis,
    Consent,
    Effect,
    LegalBasis,
    Limits,
    Scope,
    Signature,
    limits_as_json,
    limits_from_json,
)


def consent_from_row(row: Mapping[str, Any]) -> Consent:
    """The consent behind a row of `consent.known`."""
    return Consent(
        id=row["consent_id"],
        member_id=row["member_id"],
        scope=Scope(row["scope"]),
        sources=tuple(row["sources"]),
        recipients=tuple(row["recipients"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        performer=row["performer"],
        proof=row["proof"],
        proof_sha256=row["proof_sha256"],
        basis=Basis(row["basis"]),
        revoked_at=row["revoked_at"],
        received_from=row["received_from"],
        effect=Effect(row["effect"]),
        purpose=row["purpose"],
        limits=limits_from_json(row["limits"]),
        authority=_authority(row["authority"]),
        issuer=row["issuer"],
        given_at=row["given_at"],
        attested_by=row["attested_by"],
        attested_at=row["attested_at"],
        document_sha256=row["document_sha256"],
        signature=_signature(row["signature"]),
        contract=row["contract"],
    )


def basis_from_row(row: Mapping[str, Any]) -> LegalBasis:
    """The contract or law behind a row of `consent.legal_basis`."""
    return LegalBasis(
        id=row["basis_id"],
        basis=Basis(row["basis"]),
        contract=row["contract"],
        sources=tuple(row["sources"]),
        recipients=tuple(row["recipients"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        proof=row["proof"],
        limits=limits_from_json(row["limits"]),
        ended_at=row["ended_at"],
    )


def digest_of(consent: Consent) -> str:
    """What makes two statements the same one, whatever their ids and moments: sent again, it stays as it was kept."""
    facts: list[Any] = [
        consent.member_id, consent.scope, sorted(consent.sources), sorted(consent.recipients), consent.starts_at,
        consent.ends_at, consent.performer, consent.proof, consent.basis, consent.received_from,
    ]  # fmt: skip
    # What earlier versions did not know is told only where it is there, so that what they kept is found again.
    more = {
        "effect": consent.effect if consent.effect is not Effect.PERMIT else None,
        "purpose": consent.purpose if consent.purpose != PAYER_TO_PAYER else None,
        "limits": limits_as_json(consent.limits),
        "authority": authority_as_json(consent.authority),
        "contract": consent.contract,
    }
    if told := {name: value for name, value in more.items() if value}:
        facts.append(told)
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def limits_column(limits: Limits) -> str:
    """Limits as a JSON column takes them."""
    return orjson.dumps(limits_as_json(limits)).decode()


def authority_as_json(authority: Authority | None) -> dict[str, Any] | None:
    """An authority as plain JSON, only what is known of it."""
    if authority is None:
        return None
    told = {
        "role": authority.role,
        "proof": authority.proof,
        "starts_at": _told(authority.starts_at),
        "ends_at": _told(authority.ends_at),
        "limits": limits_as_json(authority.limits),
    }
    return {name: value for name, value in told.items() if value}


def json_column(value: Mapping[str, Any] | None) -> str | None:
    """An object as a JSON column takes it."""
    return None if value is None else orjson.dumps(value).decode()


def signature_as_json(signature: Signature | None) -> dict[str, str] | None:
    """A verified signature as plain JSON."""
    if signature is None:
        return None
    return {
        "algorithm": signature.algorithm,
        "key_thumbprint": signature.key_thumbprint,
        "verified_at": signature.verified_at.isoformat(),
    }


def _authority(told: Mapping[str, Any] | None) -> Authority | None:
    if told is None:
        return None
    return Authority(
        role=told["role"],
        proof=told.get("proof"),
        starts_at=_moment(told.get("starts_at")),
        ends_at=_moment(told.get("ends_at")),
        limits=limits_from_json(told["limits"]) if "limits" in told else NOTHING_WITHHELD,
    )


def _signature(told: Mapping[str, Any] | None) -> Signature | None:
    if told is None:
        return None
    return Signature(told["algorithm"], told["key_thumbprint"], datetime.fromisoformat(told["verified_at"]))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _told(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
