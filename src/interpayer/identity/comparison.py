"""Two people side by side: one grade per field, and for which of two ledgers the field speaks (identity.md, 6.3)."""

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum

from interpayer.identity.standardize import Standard
from interpayer.model.match import Comparison, Level


class Grade(StrEnum):
    """How two values compare; finer than Level, because a rule cares why they are close."""

    EQUAL = "equal"
    KNOWN = "known"  # a short form of the same name
    MIDDLE = "middle"  # the middle name used as first name
    CUT = "cut"  # the beginning of the same name, three letters or more
    INITIAL = "initial"
    PART = "part"  # one part of a compound family name
    TYPO = "typo"
    SWAPPED = "swapped"  # given and family name exchanged
    DIFFERENT = "different"
    MISSING = "missing"


PERSONAL = ("unique_id", "member_id", "birth_date", "given", "middle", "suffix", "sex", "ssn4")
HOUSEHOLD = ("subscriber_id", "family", "address", "postal_code", "phone", "email")
FIELDS = (*PERSONAL, *HOUSEHOLD)
LEVELS = {Grade.EQUAL: Level.EQUAL, Grade.DIFFERENT: Level.DIFFERENT, Grade.MISSING: Level.MISSING}
_STRENGTH = {grade: place for place, grade in enumerate(Grade)}

# A name, and the formal names it may stand for (itself among them).
Nicknames = Mapping[str, frozenset[str]]


def compare(asked: Standard, known: Standard, nicknames: Nicknames) -> dict[str, Grade]:
    """One grade per field; a value that either side lacks is missing, never different."""
    given, family = compare_given(asked, known, nicknames), compare_family(asked, known)
    if Grade.DIFFERENT in (given, family) and _is_swapped(asked, known):
        given = family = Grade.SWAPPED
    return {
        "unique_id": _any(asked.unique_ids, known.unique_ids),
        "member_id": _member_id(asked, known),
        "subscriber_id": _any(asked.subscriber_ids | (asked.member_ids & known.subscriber_ids), known.subscriber_ids),
        "birth_date": compare_days(asked.birth_date, known.birth_date),
        "given": given,
        "middle": compare_middle(asked, known),
        "family": family,
        "suffix": _any(asked.suffixes, known.suffixes),
        "sex": _one(asked.sex, known.sex),
        "ssn4": _one(asked.ssn4, known.ssn4),
        "address": _any(asked.addresses, known.addresses),
        "postal_code": _any(asked.postal_codes, known.postal_codes),
        "phone": _any(asked.phones, known.phones),
        "email": _any(asked.emails, known.emails),
    }


def comparisons(grades: Mapping[str, Grade]) -> tuple[Comparison, ...]:
    """The grades as evidence: field, level and ledger, no values."""
    return tuple(
        Comparison(field, LEVELS.get(grade, Level.CLOSE), "household" if field in HOUSEHOLD else "personal")
        for field, grade in grades.items()
    )


def compare_days(left: date | None, right: date | None) -> Grade:
    """Equal, or a slip: day and month exchanged, one digit wrong, one day off."""
    if left is None or right is None:
        return Grade.MISSING
    if left == right:
        return Grade.EQUAL
    slipped = (left.year, left.month, left.day) == (right.year, right.day, right.month)
    if slipped or abs(left - right) <= timedelta(days=1):
        return Grade.TYPO
    digits = sum(a != b for a, b in zip(left.isoformat(), right.isoformat(), strict=True))
    return Grade.TYPO if digits == 1 else Grade.DIFFERENT


def compare_given(asked: Standard, known: Standard, nicknames: Nicknames) -> Grade:
    """The best agreement of any first name asked with any first (or middle) name known."""
    pairs = [(a, k) for a in asked.given for k in known.given]
    return _best([_given(a, k, nicknames) for a, k in pairs])


def compare_middle(asked: Standard, known: Standard) -> Grade:
    """The best agreement of any second name with any other; an initial that fits is an initial."""
    return _best([_middle(a[1:], k[1:]) for a in asked.given for k in known.given])


def compare_family(asked: Standard, known: Standard) -> Grade:
    """The best agreement of any family name asked with any known, former ones included."""
    return _best([_family(a, k) for a in asked.families for k in known.families])


def is_typo(left: str, right: str) -> bool:
    """One slip of the pen (Damerau-Levenshtein 1) in a word of five letters or more."""
    if min(len(left), len(right)) < 5 or abs(len(left) - len(right)) > 1 or left == right:
        return False
    head = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    one, two = left[head:], right[head:]
    return one[1:] == two[1:] or one[1:] == two or one == two[1:] or (one[:2] == two[1::-1] and one[2:] == two[2:])


def _given(asked: tuple[str, ...], known: tuple[str, ...], nicknames: Nicknames) -> Grade:
    one, two = asked[0], known[0]
    if one == two or "".join(asked[:2]) == two or one == "".join(known[:2]):
        return Grade.EQUAL
    if nicknames.get(one, frozenset((one,))) & nicknames.get(two, frozenset((two,))):
        return Grade.KNOWN
    if one in known[1:] or two in asked[1:]:
        return Grade.MIDDLE
    if min(len(one), len(two)) >= 3 and (one.startswith(two) or two.startswith(one)):
        return Grade.CUT
    if 1 in (len(one), len(two)) and one[0] == two[0]:
        return Grade.INITIAL
    return Grade.TYPO if is_typo(one, two) else Grade.DIFFERENT


def _middle(asked: tuple[str, ...], known: tuple[str, ...]) -> Grade:
    if not asked or not known:
        return Grade.MISSING
    one, two = "".join(asked), "".join(known)
    if one == two or asked[0] == known[0]:
        return Grade.EQUAL
    if 1 in (len(one), len(two)) and one[0] == two[0]:
        return Grade.INITIAL
    return Grade.TYPO if is_typo(one, two) else Grade.DIFFERENT


def _family(asked: str, known: str) -> Grade:
    if asked.replace(" ", "") == known.replace(" ", ""):
        return Grade.EQUAL
    if set(asked.split()) & {part for part in known.split() if len(part) > 2}:
        return Grade.PART
    return Grade.TYPO if is_typo(asked, known) else Grade.DIFFERENT


def _is_swapped(asked: Standard, known: Standard) -> bool:
    firsts = {given[0] for given in known.given}
    return any(family in firsts for family in asked.families) and any(g[0] in known.families for g in asked.given)


def _member_id(asked: Standard, known: Standard) -> Grade:
    # A card often shows the subscriber's id where the member's belongs: that is a household fact, not another person.
    return _any(asked.member_ids - known.subscriber_ids | (asked.member_ids & known.member_ids), known.member_ids)


def _any(
    left: frozenset[str] | frozenset[tuple[str, str]], right: frozenset[str] | frozenset[tuple[str, str]]
) -> Grade:
    if not left or not right:
        return Grade.MISSING
    return Grade.EQUAL if set(left) & set(right) else Grade.DIFFERENT


def _one(left: str | None, right: str | None) -> Grade:
    if left is None or right is None:
        return Grade.MISSING
    return Grade.EQUAL if left == right else Grade.DIFFERENT


def _best(grades: list[Grade]) -> Grade:
    return min(grades, key=_STRENGTH.__getitem__) if grades else Grade.MISSING
