"""What the plan's own system asked for: the body of `POST /api/v1/exchanges` and what is missing in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.identity.reading import read_date
from interpayer.model.consent import Basis
from interpayer.model.member import Address, Coverage, Demographics, Identifier, IdKind, Name

_KINDS = {
    "member_id": IdKind.MEMBER,
    "MB": IdKind.MEMBER,
    "subscriber_id": IdKind.SUBSCRIBER,
    "UMB": IdKind.UNIQUE_MEMBER,
    "ssn_last4": IdKind.SSN_LAST4,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for one member's history, read out of its envelope and what was supplied later."""

    partner: str | None
    member_id: str | None
    demographics: Demographics | None
    consent_reference: str | None
    basis: Basis | None
    is_attested: bool
    purpose: str
    capability_profile: str | None
    requires_mtls: bool
    since: datetime | None

    def ids_issued_by(self, organizations: Sequence[str]) -> tuple[Identifier, ...]:
        """The external identifiers whose issuer is one of these organizations."""
        known = self.demographics.identifiers if self.demographics else ()
        return tuple(i for i in known if i.issuer in organizations)


def read_asked(envelope: Mapping[str, Any], supplements: Sequence[Mapping[str, Any]] = ()) -> Asked:
    """The request as it stands now: the envelope with every supplement laid over it, member field by field."""
    merged: dict[str, Any] = dict(envelope)
    for supplement in supplements:
        member = {**_object(merged.get("member")), **_object(supplement.get("member"))}
        merged = {**merged, **supplement, "member": member}
    member = _object(merged.get("member"))
    routing = _object(merged.get("routing"))
    attestation = _object(merged.get("attestation"))
    basis = merged.get("basis")
    return Asked(
        partner=_text(routing.get("destination_payer")) or _text(merged.get("partner")),
        member_id=_text(member.get("id")),
        demographics=_demographics(member)
        if _text(member.get("id")) is None or "external_identifiers" in member
        else None,
        consent_reference=_text(merged.get("consent_reference")),
        basis=Basis(basis) if basis in set(Basis) else None,
        is_attested=bool(attestation.get("enrolled") and attestation.get("opted_in")),
        purpose=_text(merged.get("exchange_purpose")) or "payer_to_payer",
        capability_profile=_text(routing.get("capability_profile")),
        requires_mtls=bool(routing.get("requires_mtls", True)),
        since=_instant(merged.get("since")),
    )


def missing(asked: Asked) -> tuple[tuple[str, str], ...]:
    """(reason, element) for everything that must be supplied before anybody can be asked."""
    found: list[tuple[str, str]] = []
    if asked.partner is None:
        found.append(("request.missing_payer", "partner"))
    if asked.member_id is None and not _is_identifying(asked.demographics):
        found.append(("request.missing_member", "member.names, member.birth_date"))
    if asked.basis is None:
        found.append(("request.missing_consent", "basis"))
    if asked.basis is Basis.OPT_IN and not asked.is_attested:
        found.append(("request.missing_attestation", "attestation.enrolled, attestation.opted_in"))
    return tuple(found)


def coverage_to_match(asked: Asked, organizations: Sequence[str]) -> Coverage:
    """The old card: the ids that the asked payer gave the member."""
    ids = asked.ids_issued_by(organizations)
    return Coverage(
        payer=organizations[0] if organizations else asked.partner or "",
        member_id=next((i.value for i in ids if i.kind is IdKind.MEMBER), None),
        subscriber_id=next((i.value for i in ids if i.kind is IdKind.SUBSCRIBER), None),
    )


def _is_identifying(demographics: Demographics | None) -> bool:
    return demographics is not None and bool(demographics.names) and demographics.birth_date is not None


def _demographics(member: Mapping[str, Any]) -> Demographics:
    names = [_object(n) for n in member.get("names") or []]
    address = _object(member.get("address"))
    ids = [_object(i) for i in member.get("external_identifiers") or []]
    return Demographics(
        names=tuple(
            Name(
                family=_text(n.get("family")) or "",
                given=tuple(g for g in n.get("given") or () if isinstance(g, str)),
                suffix=_text(n.get("suffix")),
                used_until=read_date(n.get("used_until")),
            )
            for n in names
        ),
        birth_date=read_date(member.get("birth_date")),
        sex=_text(member.get("sex")),
        addresses=(_address(address),) if address else (),
        phones=tuple(v for v in member.get("phones") or () if isinstance(v, str)),
        emails=tuple(v for v in member.get("emails") or () if isinstance(v, str)),
        identifiers=tuple(
            Identifier(_KINDS.get(str(i.get("type")), IdKind.OTHER), value, _text(i.get("issuer")))
            for i in ids
            if (value := _text(i.get("value")))
        ),
    )


def _address(raw: Mapping[str, Any]) -> Address:
    return Address(
        line=_text(raw.get("line")),
        city=_text(raw.get("city")),
        state=_text(raw.get("state")),
        postal_code=_text(raw.get("postal_code")),
    )


def _instant(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
