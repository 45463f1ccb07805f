"""The enrollment feed (CSV) as rows of our own words: one column table, every fault named by row and column."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from interpayer.model.member import Address, Coverage, Demographics, Enrollment, Identifier, IdKind, Name

COLUMNS: tuple[str, ...] = (
    "member_id",
    "subscriber_id",
    "relationship",
    "family",
    "given",
    "middle",
    "suffix",
    "previous_family",
    "birth_date",
    "sex",
    "ssn_last4",
    "phone",
    "email",
    "address_line",
    "address_city",
    "address_state",
    "address_postal_code",
    "plan",
    "group",
    "line_of_business",
    "coverage_start",
    "coverage_end",
    "status",
    "opt_in",
    "opt_in_on",
    "opt_in_until",
    "opt_in_scope",
    "opt_in_proof",
    "prior_payer",
    "prior_member_id",
    "prior_subscriber_id",
    "prior_relation",
    "as_of",
)
REQUIRED = ("member_id", "family", "given", "birth_date", "coverage_start", "as_of")
_CHOICES = {
    "opt_in": ("", "yes", "no", "withdrawn"),
    "opt_in_scope": ("", "sensitive", "regular"),
    "status": ("active", "terminated", "void"),
    "prior_relation": ("", "previous", "concurrent"),
    "sex": ("", "female", "male", "other", "unknown"),
}


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that was not taken: its number and which column to correct; no values."""

    row: int
    column: str
    detail: str


class FeedFault(Exception):
    """The file as a whole is not an enrollment feed; says what to correct."""


def read_feed(path: Path, payer: str) -> Iterator[Enrollment | RowFault]:
    """The rows of the file in order; `payer` is the organization identifier that gives member ids their meaning."""
    with path.open(newline="", encoding="utf-8-sig") as handle:
        reader = csv.DictReader(handle)
        absent = [column for column in REQUIRED if column not in (reader.fieldnames or ())]
        if absent:
            raise FeedFault(f"columns are missing: {', '.join(absent)}")
        unknown = [column for column in reader.fieldnames or () if column not in COLUMNS]
        if unknown:
            raise FeedFault(f"columns are not known: {', '.join(unknown)}; known: {', '.join(COLUMNS)}")
        for number, raw in enumerate(reader, start=2):
            yield _row(number, {k: (v or "").strip() for k, v in raw.items() if k}, payer)


def _row(number: int, cells: dict[str, str], payer: str) -> Enrollment | RowFault:
    for column in REQUIRED:
        if not cells.get(column):
            return RowFault(number, column, "is empty")
    for column, choices in _CHOICES.items():
        # the first choice is what an empty cell means
        if (cells.get(column) or choices[0]) not in choices:
            return RowFault(number, column, f"must be one of: {', '.join(c for c in choices if c)}")
    dates: dict[str, date | None] = {}
    for column in ("birth_date", "coverage_start", "coverage_end", "opt_in_on", "opt_in_until", "as_of"):
        try:
            dates[column] = date.fromisoformat(cells[column]) if cells.get(column) else None
        except ValueError:
            return RowFault(number, column, "must be a date, YYYY-MM-DD")
    return _enrollment(number, cells, dates, payer)


def _enrollment(number: int, cells: dict[str, str], dates: dict[str, date | None], payer: str) -> Enrollment:
    def cell(column: str) -> str | None:
        return cells.get(column) or None

    as_of = dates["as_of"]
    if as_of is None:
        raise FeedFault(f"row {number}: as_of is empty")
    return Enrollment(
        row=number,
        demographics=_demographics(cells, dates["birth_date"], as_of, payer),
        coverage=Coverage(
            payer=payer,
            member_id=cell("member_id"),
            subscriber_id=cell("subscriber_id"),
            relationship=cell("relationship"),
            starts_on=dates["coverage_start"],
            ends_on=dates["coverage_end"],
            plan=cell("plan"),
            group=cell("group"),
            line_of_business=cell("line_of_business"),
            status=cell("status") or "active",
        ),
        opt_in=cell("opt_in"),
        opt_in_on=dates["opt_in_on"],
        opt_in_until=dates["opt_in_until"],
        opt_in_scope=cell("opt_in_scope"),
        opt_in_proof=cell("opt_in_proof"),
        prior_payer=cell("prior_payer"),
        prior_member_id=cell("prior_member_id"),
        prior_subscriber_id=cell("prior_subscriber_id"),
        prior_relation=cell("prior_relation"),
        as_of=as_of,
    )


def _demographics(cells: dict[str, str], birth_date: date | None, as_of: date, payer: str) -> Demographics:
    given = tuple(g for g in (cells.get("given"), cells.get("middle")) if g)
    names = [Name(cells["family"], given, cells.get("suffix") or None)]
    if cells.get("previous_family"):
        names.append(Name(cells["previous_family"], given, cells.get("suffix") or None, used_until=as_of))
    ids = [Identifier(IdKind.MEMBER, cells["member_id"], payer)]
    if cells.get("subscriber_id"):
        ids.append(Identifier(IdKind.SUBSCRIBER, cells["subscriber_id"], payer))
    if cells.get("ssn_last4"):
        ids.append(Identifier(IdKind.SSN_LAST4, cells["ssn_last4"]))
    address = Address(
        line=cells.get("address_line") or None,
        city=cells.get("address_city") or None,
        state=cells.get("address_state") or None,
        postal_code=cells.get("address_postal_code") or None,
    )
    return Demographics(
        names=tuple(names),
        birth_date=birth_date,
        sex=cells.get("sex") or None,
        addresses=(address,) if any((address.line, address.city, address.postal_code)) else (),
        phones=tuple(p for p in (cells.get("phone"),) if p),
        emails=tuple(e for e in (cells.get("email"),) if e),
        identifiers=tuple(ids),
    )
