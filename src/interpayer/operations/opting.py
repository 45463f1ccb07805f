"""What the newest rows of the enrollment feed say about a member's wish; decides, stores nothing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from interpayer.consent.authority import is_minor
from interpayer.model.consent import Consent, Scope
from interpayer.model.member import Enrollment
from interpayer.operations.feed import RowFault
from interpayer.system.ids import new_id

# An opt-in holds until it is taken back (42 CFR 422.121(b)), but HRex wants an end: as far as the payload reaches.
DEFAULT_YEARS = 5
# v3-RoleCode: a parent, whichever
PARENT = "PRN"
Told = tuple[Enrollment, str]


@dataclass(slots=True)
class Wishes:
    """By member: opt-ins with another payer to ask, opt-outs, plain noes, memberships that ended; and row faults."""

    opted_in: list[Told] = field(default_factory=list)
    withdrawn: dict[str, Enrollment] = field(default_factory=dict)
    declined: dict[str, Enrollment] = field(default_factory=dict)
    not_covered: list[str] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)


def wishes_of(told: Iterable[Told]) -> Wishes:
    """Sort rows with their member ids; of each member only the rows of the newest day count."""
    by_member: dict[str, list[Enrollment]] = defaultdict(list)
    for row, member_id in told:
        by_member[member_id].append(row)
    wishes = Wishes()
    for member_id, rows in by_member.items():
        newest = max(row.as_of for row in rows)
        _sort_in(wishes, member_id, [row for row in rows if row.as_of == newest])
    return wishes


def withdrawn_since(row: Enrollment, at: datetime) -> datetime:
    """Since when the member says no: the day given, never later than now."""
    return min(at, _midnight(row.opt_in_on or row.as_of))


def consent_from(row: Enrollment, member_id: str, *, entity: str, majority_years: int = 18) -> Consent:
    """The consent that an opt-in gives: from the payer named to us. Without a scope only what is not sensitive.

    For a minor whoever enrolled them opted in, as a parent: that ends at majority, and covers not what is the minor's.
    """
    given_on = row.opt_in_on or row.as_of
    by_parent = is_minor(row.demographics.birth_date, given_on, majority_years)
    last_day = row.opt_in_until or _years_later(given_on)
    return Consent(
        id=new_id("k"),
        member_id=member_id,
        scope=Scope(row.opt_in_scope or Scope.REGULAR),
        sources=(row.prior_payer or "",),
        recipients=(entity,),
        starts_at=_midnight(given_on),
        ends_at=_midnight(last_day + timedelta(days=1)),
        performer=f"representative:{PARENT}" if by_parent else "member",
        proof=row.opt_in_proof or "enrollment feed",
    )


def _sort_in(wishes: Wishes, member_id: str, rows: Sequence[Enrollment]) -> None:
    answers = {row.opt_in: row for row in rows}
    if not any(row.coverage.status == "active" for row in rows):
        wishes.not_covered.append(member_id)
    # rows of one day that contradict each other: the no counts
    if "withdrawn" in answers:
        wishes.withdrawn[member_id] = answers["withdrawn"]
    elif "no" in answers:
        wishes.declined[member_id] = answers["no"]
    elif member_id not in wishes.not_covered[-1:]:
        for row in rows:
            if row.opt_in == "yes" and row.prior_payer:
                _opt_in(wishes, row, member_id)


def _opt_in(wishes: Wishes, row: Enrollment, member_id: str) -> None:
    if row.opt_in_on is None:
        wishes.faults.append(RowFault(row.row, "opt_in_on", "is empty; an opt-in without its day is no consent"))
    elif row.opt_in_until and row.opt_in_until < row.opt_in_on:
        wishes.faults.append(RowFault(row.row, "opt_in_until", "is before opt_in_on"))
    else:
        wishes.opted_in.append((row, member_id))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _years_later(day: date) -> date:
    # 29 February has no anniversary
    return day.replace(year=day.year + DEFAULT_YEARS, day=min(day.day, 28) if day.month == 2 else day.day)
