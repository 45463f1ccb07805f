"""The two sides of a case for a person's eyes: enough to see what differs, masked until more is needed."""

from typing import Any

from interpayer.identity.holding import Profile
from interpayer.model.member import Address, Coverage, Identifier, Name

DOTS = "\u2022\u2022\u2022"


def masked_document(profile: Profile) -> dict[str, Any]:
    """A side with initials, years and last digits only."""
    facts = profile.demographics
    return {
        "names": [_masked_name(n) for n in facts.names],
        "birth_date": f"{facts.birth_date.year}-{DOTS}" if facts.birth_date else None,
        "sex": facts.sex,
        "addresses": [_masked_address(a) for a in facts.addresses],
        "phones": [_end(p) for p in facts.phones],
        "emails": [_start(e) for e in facts.emails],
        "identifiers": [_identifier(i, _end(i.value)) for i in facts.identifiers],
        "coverages": [_coverage(c, masked=True) for c in profile.coverages],
    }


def clear_document(profile: Profile) -> dict[str, Any]:
    """A side with its values; looking at it is an event of its own."""
    facts = profile.demographics
    return {
        "names": [{"family": n.family, "given": list(n.given), "suffix": n.suffix} for n in facts.names],
        "birth_date": facts.birth_date.isoformat() if facts.birth_date else None,
        "sex": facts.sex,
        "addresses": [
            {"line": a.line, "city": a.city, "state": a.state, "postal_code": a.postal_code} for a in facts.addresses
        ],
        "phones": list(facts.phones),
        "emails": list(facts.emails),
        "identifiers": [_identifier(i, i.value) for i in facts.identifiers],
        "coverages": [_coverage(c, masked=False) for c in profile.coverages],
    }


def masked_id(value: str) -> str:
    """An id with its last characters only."""
    return _end(value) or DOTS


def _masked_name(name: Name) -> dict[str, Any]:
    return {"family": _start(name.family), "given": [_start(g) for g in name.given], "suffix": name.suffix}


def _masked_address(address: Address) -> dict[str, Any]:
    code = f"{address.postal_code[:3]}{DOTS}" if address.postal_code else None
    return {"line": _start(address.line), "city": _start(address.city), "state": address.state, "postal_code": code}


def _identifier(identifier: Identifier, value: str | None) -> dict[str, Any]:
    return {"kind": identifier.kind.value, "value": value}


def _coverage(coverage: Coverage, *, masked: bool) -> dict[str, Any]:
    numbers = {"member_id": coverage.member_id, "subscriber_id": coverage.subscriber_id}
    return {
        **{name: _end(value) if masked else value for name, value in numbers.items()},
        "relationship": coverage.relationship,
        "starts_on": coverage.starts_on.isoformat() if coverage.starts_on else None,
        "ends_on": coverage.ends_on.isoformat() if coverage.ends_on else None,
    }


def _start(value: str | None) -> str | None:
    return f"{value[:1]}{DOTS}" if value else None


def _end(value: str | None) -> str | None:
    # Four digits of a social security number are all there is of it here; never show most of a short value.
    return f"{DOTS}{value[-2:]}" if value else None
