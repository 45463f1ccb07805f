"""What we hold of one member: demographics with their history and coverages; how a new enrollment row changes it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from interpayer.identity.comparison import Grade, compare_days, compare_given
from interpayer.identity.standardize import Standard, clean_line, clean_name, clean_phone, standardize
from interpayer.model.member import Address, Coverage, Demographics, Enrollment, Identifier, IdKind, Name

_T = TypeVar("_T")


class Change(StrEnum):
    """What a row did to the member."""

    NEW = "new"
    CHANGED = "changed"
    CORRECTED = "corrected"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Profile:
    """A member as held; newest name, address and phone first. `as_of` is the day of the newest row."""

    demographics: Demographics
    coverages: tuple[Coverage, ...]
    as_of: date

    def standard(self, payer: str) -> Standard:
        """The comparable form, ids inside the payer's namespace."""
        return standardize(self.demographics, [c for c in self.coverages if c.payer == payer], payer=payer)


@dataclass(frozen=True, slots=True)
class Merged:
    """The profile after a row, what changed, and the reason of a refusal or of a row left aside."""

    profile: Profile
    change: Change
    reason: str | None = None


def merge(known: Profile | None, row: Enrollment) -> Merged:
    """The member after one more row. A number given to another person is refused, an older row changes no facts."""
    if known is None:
        return Merged(Profile(row.demographics, (row.coverage,), row.as_of), Change.NEW)
    coverages = _merge_coverages(known.coverages, row.coverage, stale=row.as_of < known.as_of)
    if row.as_of < known.as_of:
        later = replace(known, coverages=coverages)
        return Merged(later, Change.UNCHANGED if later == known else Change.CHANGED, "source.stale")
    if reason := _other_person(known.demographics, row.demographics):
        return Merged(known, Change.REFUSED, reason)
    merged = Profile(_merge_facts(known.demographics, row.demographics, row.as_of), coverages, row.as_of)
    if replace(merged, as_of=known.as_of) == known:
        return Merged(merged, Change.UNCHANGED)
    corrected = _is_corrected(known.demographics, row.demographics)
    return Merged(merged, Change.CORRECTED if corrected else Change.CHANGED)


def as_document(profile: Profile) -> dict[str, Any]:
    """The profile as plain JSON (dates as text)."""
    return {name: _plain(value) for name, value in asdict(profile).items()}


def from_document(document: Mapping[str, Any]) -> Profile:
    """The profile out of its JSON form."""
    facts = document["demographics"]
    return Profile(
        demographics=Demographics(
            names=tuple(_name(n) for n in facts["names"]),
            birth_date=_day(facts["birth_date"]),
            sex=facts["sex"],
            addresses=tuple(Address(**a) for a in facts["addresses"]),
            phones=tuple(facts["phones"]),
            emails=tuple(facts["emails"]),
            identifiers=tuple(Identifier(IdKind(i["kind"]), i["value"], i["issuer"]) for i in facts["identifiers"]),
        ),
        coverages=tuple(coverage_from(c) for c in document["coverages"]),
        as_of=date.fromisoformat(document["as_of"]),
    )


def coverage_from(document: Mapping[str, Any]) -> Coverage:
    """A Coverage out of its JSON form."""
    return Coverage(**{**document, "starts_on": _day(document["starts_on"]), "ends_on": _day(document["ends_on"])})


def _other_person(known: Demographics, row: Demographics) -> str | None:
    one, two = standardize(row), standardize(known)
    if compare_days(one.birth_date, two.birth_date) is not Grade.DIFFERENT:
        return None
    return "identity.conflict_birth_date" if compare_given(one, two, {}) is Grade.DIFFERENT else None


def _is_corrected(known: Demographics, row: Demographics) -> bool:
    one, two = standardize(row), standardize(known)
    pairs = ((one.birth_date, two.birth_date), (one.sex, two.sex), (one.ssn4, two.ssn4))
    return any(new and old and new != old for new, old in pairs)


def _merge_facts(known: Demographics, row: Demographics, as_of: date) -> Demographics:
    kinds = {(i.kind, i.issuer) for i in row.identifiers}
    kept = tuple(i for i in known.identifiers if (i.kind, i.issuer) not in kinds or i.kind is IdKind.OTHER)
    return Demographics(
        names=_merge_names(known.names, row.names, as_of),
        birth_date=row.birth_date or known.birth_date,
        sex=row.sex or known.sex,
        addresses=_newest_first(row.addresses, known.addresses, lambda a: (clean_line(a.line), a.postal_code)),
        phones=_newest_first(row.phones, known.phones, clean_phone),
        emails=_newest_first(row.emails, known.emails, str.lower),
        identifiers=tuple(dict.fromkeys((*row.identifiers, *kept))),
    )


def _merge_names(known: tuple[Name, ...], row: tuple[Name, ...], as_of: date) -> tuple[Name, ...]:
    current = {clean_name(name) for name in row}
    if {clean_name(name) for name in known if not name.used_until} >= current:
        return known
    closed = [replace(n, used_until=n.used_until or as_of) for n in known if clean_name(n) not in current]
    return (*row, *closed)


def _merge_coverages(known: tuple[Coverage, ...], row: Coverage, *, stale: bool) -> tuple[Coverage, ...]:
    place = next((n for n, coverage in enumerate(known) if _same_coverage(coverage, row)), None)
    if place is None:
        return (*known, row)
    return known if stale else (*known[:place], row, *known[place + 1 :])


def _same_coverage(one: Coverage, two: Coverage) -> bool:
    # a void row beside a valid one differs by its group only
    def key(coverage: Coverage) -> tuple[object, ...]:
        return coverage.payer, coverage.member_id, coverage.plan, coverage.group, coverage.starts_on

    return key(one) == key(two)


def _newest_first(row: tuple[_T, ...], known: tuple[_T, ...], key: Callable[[_T], object]) -> tuple[_T, ...]:
    # What was spelled differently before keeps its first spelling, so that the same row twice changes nothing.
    held = {key(value): value for value in known}
    fresh = {key(value): held.get(key(value), value) for value in row}
    return (*fresh.values(), *(value for place, value in held.items() if place not in fresh))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, date) else value


def _name(document: Mapping[str, Any]) -> Name:
    days = {"used_from": _day(document["used_from"]), "used_until": _day(document["used_until"])}
    return Name(**{**document, "given": tuple(document["given"]), **days})


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
