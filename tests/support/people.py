"""Builders of people as payers know them; a test names only what it is about."""

from datetime import date
from typing import Any

from interpayer.identity.resolve import Query
from interpayer.model.member import Address, Coverage, Demographics, Enrollment, Identifier, IdKind, Name

PAYER = "http://example.org/payers|old-plan"


def a_person(
    *given: str,
    family: str = "Horton",
    suffix: str | None = None,
    born: str | None = "1953-02-17",
    sex: str | None = "female",
    ssn4: str | None = None,
    phone: str | None = None,
    address: tuple[str, str] | None = ("456 Washington Avenue", "53259"),
    identifiers: tuple[Identifier, ...] = (),
) -> Demographics:
    """Susan Horton, unless a test says otherwise."""
    return Demographics(
        names=(Name(family, given or ("Susan",), suffix),),
        birth_date=date.fromisoformat(born) if born else None,
        sex=sex,
        addresses=(Address(line=address[0], postal_code=address[1]),) if address else (),
        phones=(phone,) if phone else (),
        identifiers=((Identifier(IdKind.SSN_LAST4, ssn4),) if ssn4 else ()) + identifiers,
    )


def a_coverage(member_id: str | None = "W255048371-00", **fields: Any) -> Coverage:
    """A card of the old plan."""
    starts, ends = fields.pop("starts", None), fields.pop("ends", None)
    days = {"starts_on": date.fromisoformat(starts) if starts else None}
    days["ends_on"] = date.fromisoformat(ends) if ends else None
    return Coverage(**{"payer": PAYER, "member_id": member_id, "subscriber_id": "W255048371", **days, **fields})


def a_row(
    demographics: Demographics | None = None,
    coverage: Coverage | None = None,
    *,
    row: int = 1,
    as_of: str = "2026-11-01",
) -> Enrollment:
    """A row of the enrollment feed, without opt-in and prior payer."""
    return Enrollment(
        *(row, demographics or a_person(), coverage or a_coverage()),
        **dict.fromkeys(("opt_in", "opt_in_on", "opt_in_until", "opt_in_scope", "opt_in_proof")),
        **dict.fromkeys(("prior_payer", "prior_member_id", "prior_subscriber_id", "prior_relation")),
        as_of=date.fromisoformat(as_of),
    )


def a_query(demographics: Demographics | None = None, coverage: Coverage | None = None, payer: str = PAYER) -> Query:
    """A partner asks for Susan Horton with her card; `coverage` None means that no card came."""
    return Query(demographics or a_person(), coverage, payer)
