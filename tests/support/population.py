"""The made population of the shared test data: members as enrollment rows, queries as a partner would ask."""

import csv
from datetime import date
from pathlib import Path

from interpayer.identity.resolve import Query
from interpayer.model.member import Address, Coverage, Demographics, Enrollment, Identifier, IdKind, Name

PAYER = "http://example.org/payers|old-plan"


def read_members(folder: Path) -> tuple[list[Enrollment], dict[str, dict[str, str]]]:
    """Enrollment rows, and the raw rows by member key (row number = place in the file)."""
    raw = _rows(folder / "members.csv")
    rows = [
        Enrollment(
            *(n, _demographics(row), _coverage(row["member_id"], row["subscriber_id"], row)),
            **dict.fromkeys(("opt_in", "opt_in_on", "opt_in_until", "opt_in_scope", "opt_in_proof")),
            **dict.fromkeys(("prior_payer", "prior_member_id", "prior_subscriber_id", "prior_relation")),
            as_of=date(2026, 11, 1),
        )
        for n, row in enumerate(raw)
    ]
    return rows, {row["member_key"]: row for row in raw}


def read_queries(folder: Path) -> dict[str, Query]:
    """Queries by id."""
    return {
        row["query_id"]: Query(
            _demographics(row), _coverage(row["coverage_member_id"], row["coverage_subscriber_id"], {}), PAYER
        )
        for row in _rows(folder / "queries.csv")
    }


def read_truth(folder: Path) -> dict[str, dict[str, str]]:
    """The right answers by query id."""
    return {row["query_id"]: row for row in _rows(folder / "truth.csv")}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _demographics(row: dict[str, str]) -> Demographics:
    given = tuple(part for part in (row["first_name"], row["middle_name"]) if part)
    names = [Name(row["last_name"], given, row["suffix"] or None)]
    if row.get("previous_last_name"):
        names.append(Name(row["previous_last_name"], given, used_until=date(2020, 1, 1)))
    place = Address(row["address"] or None, row["city"] or None, row["state"] or None, row["zip"] or None)
    return Demographics(
        names=tuple(names),
        birth_date=_day(row["birth_date"]),
        sex={"M": "male", "F": "female"}.get(row["sex"]),
        addresses=(place,),
        phones=tuple(filter(None, [row["phone"]])),
        emails=tuple(filter(None, [row["email"]])),
        identifiers=(Identifier(IdKind.SSN_LAST4, row["ssn4"]),) if row["ssn4"] else (),
    )


def _coverage(member_id: str, subscriber_id: str, row: dict[str, str]) -> Coverage:
    return Coverage(
        payer=PAYER,
        member_id=member_id or None,
        subscriber_id=subscriber_id or None,
        starts_on=_day(row.get("coverage_start")),
        ends_on=_day(row.get("coverage_end")),
    )


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
