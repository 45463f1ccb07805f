"""The columns of members.csv and queries.csv, read into our own words; what cannot be read is missing, not guessed."""

from collections.abc import Mapping, Sequence
from datetime import date

from interpayer.identity.resolve import Query
from interpayer.model.member import Address, Coverage, Demographics, Enrollment, Identifier, IdKind, Name

PERSON = (
    "first_name", "middle_name", "last_name", "suffix", "birth_date", "sex", "ssn4", "address", "city", "state", "zip",
    "phone", "email",
)  # fmt: skip
MEMBER = (
    "member_key", "member_id", "subscriber_id", "relationship", "previous_last_name", *PERSON, "coverage_start",
    "coverage_end", "merged_into",
)  # fmt: skip
QUERY = ("query_id", "coverage_member_id", "coverage_subscriber_id", *PERSON)
REQUIRED_OF_MEMBER = ("member_key", "first_name", "last_name", "birth_date")
REQUIRED_OF_QUERY = ("query_id", "first_name", "last_name", "birth_date")
# Nobody's name or street is longer; what is, was put there by mistake or on purpose.
LONGEST_CELL = 500

Row = Mapping[str, str]
_UNASKED = dict.fromkeys(
    ("opt_in", "opt_in_on", "opt_in_until", "opt_in_scope", "opt_in_proof", "prior_payer", "prior_member_id",
     "prior_subscriber_id", "prior_relation")
)  # fmt: skip


def missing_columns(header: Sequence[str], required: Sequence[str]) -> list[str]:
    """The required columns that the header does not have."""
    return [column for column in required if column not in header]


def read_member(row: Row, number: int, *, payer: str, as_of: date) -> Enrollment:
    """One row of members.csv as an enrollment row."""
    starts_on = read_day(row.get("coverage_start"))
    demographics = _demographics(row, former_until=starts_on or as_of)
    own = Identifier(IdKind.OWN, row["member_key"], payer)
    coverage = Coverage(
        payer=payer,
        member_id=row.get("member_id") or None,
        subscriber_id=row.get("subscriber_id") or None,
        relationship=row.get("relationship") or None,
        starts_on=starts_on,
        ends_on=read_day(row.get("coverage_end")),
    )
    held = Demographics(
        demographics.names,
        demographics.birth_date,
        demographics.sex,
        demographics.addresses,
        demographics.phones,
        demographics.emails,
        (*demographics.identifiers, own),
    )
    return Enrollment(number, held, coverage, **_UNASKED, as_of=as_of)


def read_query(row: Row, *, payer: str) -> Query:
    """One row of queries.csv."""
    member_id, subscriber_id = row.get("coverage_member_id") or None, row.get("coverage_subscriber_id") or None
    return Query(_demographics(row, former_until=None), Coverage(payer, member_id, subscriber_id), payer)


def read_day(text: str | None) -> date | None:
    """A full date, YYYY-MM-DD; anything else is missing."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _demographics(row: Row, *, former_until: date | None) -> Demographics:
    cell = row.get
    given = tuple([part for part in (cell("first_name"), cell("middle_name")) if part])
    family, suffix, former = cell("last_name") or "", cell("suffix") or None, cell("previous_last_name")
    names = [Name(family, given, suffix)] if family or given else []
    if former:
        names.append(Name(former, given, suffix, used_until=former_until))
    line, city, state, code = (cell(part) or None for part in ("address", "city", "state", "zip"))
    phone, email, ssn4 = cell("phone"), cell("email"), cell("ssn4")
    return Demographics(
        names=tuple(names),
        birth_date=read_day(cell("birth_date")),
        sex=cell("sex") or None,
        addresses=(Address(line, city, state, code),) if line or code else (),
        phones=(phone,) if phone else (),
        emails=(email,) if email else (),
        identifiers=(Identifier(IdKind.SSN_LAST4, ssn4),) if ssn4 else (),
    )
