"""Two people side by side: one grade per field, and for which of two ledgers the field speaks (identity.md, 6.3)."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from interpayer.identity.slips import is_typo, skeleton, slips_within
from interpayer.identity.standardize import Standard
from interpayer.model.match import Comparison, Level


class Grade(StrEnum):
    """How two values compare; finer than Level, because a rule cares why they are close."""

    EQUAL = "equal"
    SPELLED = "spelled"  # another spelling of the same name
    KNOWN = "known"  # a short form of the same name
    MIDDLE = "middle"  # the middle name used as first name
    CUT = "cut"  # the beginning of the same name, three letters or more
    INITIAL = "initial"
    PART = "part"  # one part of a compound family name; an address without its unit
    TYPO = "typo"
    NEAR = "near"  # two slips, or one in a short word; a birth date that may be the same or a relative's
    SWAPPED = "swapped"  # given and family name exchanged
    DIFFERENT = "different"
    MISSING = "missing"

    # Grades are looked up for every field of every candidate; the hash that Enum brings is slow.
    __hash__ = str.__hash__


PERSONAL = ("unique_id", "member_id", "birth_date", "given", "middle", "suffix", "sex", "ssn4")
HOUSEHOLD = ("subscriber_id", "family", "address", "postal_code", "phone", "email")
FIELDS = (*PERSONAL, *HOUSEHOLD)
LEVELS = {Grade.EQUAL: Level.EQUAL, Grade.DIFFERENT: Level.DIFFERENT, Grade.MISSING: Level.MISSING}
# Looked up a dozen times for every candidate: names of the module are faster than members of an enumeration.
(
    _EQUAL, _SPELLED, _KNOWN, _MIDDLE, _CUT, _INITIAL, _PART, _TYPO, _NEAR, _SWAPPED, _DIFFERENT, _MISSING,
) = Grade  # fmt: skip
# Parent and child are further apart than this many years.
_GENERATION = 12
_FILLED_IN = (1, 1)
# The places of a member id that tell dependents of one card apart.
_SUFFIX = 2
_NO_NAME = (_DIFFERENT, _NEAR)
_TURNED = (_EQUAL, _SPELLED, _KNOWN, _CUT, _TYPO, _PART)
_STRENGTH = {grade: place for place, grade in enumerate(Grade)}

# A name, and the formal names it may stand for (itself among them).
Nicknames = Mapping[str, frozenset[str]]


def compare(asked: Standard, known: Standard, nicknames: Nicknames) -> dict[str, Grade]:
    """One grade per field; a value that either side lacks is missing, never different."""
    given, family = compare_given(asked, known, nicknames), compare_family(asked, known)
    if given in _NO_NAME and family in _NO_NAME and asked.given and asked.families:
        given, family = _exchanged(asked, known, nicknames, (given, family))
    return {
        "unique_id": _any(asked.unique_ids, known.unique_ids),
        "member_id": _member_id(asked, known),
        "subscriber_id": _subscriber_id(asked, known),
        "birth_date": compare_births(asked.birth_date, known.birth_date),
        "given": given,
        "middle": compare_middle(asked, known),
        "family": family,
        "suffix": _any(asked.suffixes, known.suffixes),
        "sex": _one(asked.sex, known.sex),
        "ssn4": _digits(asked.ssn4, known.ssn4),
        "address": compare_addresses(asked, known),
        "postal_code": _any(asked.postal_codes, known.postal_codes),
        "phone": _any_slip(asked.phones, known.phones, 0),
        "email": _any_slip(asked.emails, known.emails, 0),
    }


def comparisons(grades: Mapping[str, Grade]) -> tuple[Comparison, ...]:
    """The grades as evidence: field, level and ledger, no values."""
    return tuple(
        Comparison(field, LEVELS.get(grade, Level.CLOSE), "household" if field in HOUSEHOLD else "personal")
        for field, grade in grades.items()
    )


def compare_births(left: date | None, right: date | None) -> Grade:
    """As `compare_days`, with parent and child in mind: a date that differs is near when the two are too close for
    that, and so is a slip that puts a generation between them. The first of January often stands for a year alone.
    """
    if left is None or right is None:
        return _MISSING
    if left == right:
        return _EQUAL
    if left.year == right.year and _FILLED_IN in ((left.month, left.day), (right.month, right.day)):
        return _TYPO
    grade = compare_days(left, right)
    is_generation = abs(left.year - right.year) >= _GENERATION
    return _NEAR if (grade is _TYPO) is is_generation else grade


def compare_days(left: date | None, right: date | None) -> Grade:
    """Equal, or a slip: day and month exchanged, one digit wrong, one day off."""
    if left is None or right is None:
        return _MISSING
    if left == right:
        return _EQUAL
    slipped = (left.year, left.month, left.day) == (right.year, right.day, right.month)
    if slipped or abs(left.toordinal() - right.toordinal()) <= 1:
        return _TYPO
    same = (left.year == right.year) + (left.month == right.month) + (left.day == right.day)
    if same < 2:
        return _DIFFERENT
    digits = sum(a != b for a, b in zip(left.isoformat(), right.isoformat(), strict=True))
    return _TYPO if digits == 1 else _DIFFERENT


def compare_given(asked: Standard, known: Standard, nicknames: Nicknames) -> Grade:
    """The best agreement of any first name asked with any first (or middle) name known."""
    best = _MISSING
    for one in asked.given:
        for two in known.given:
            best = _better(best, _given(one, two, nicknames))
    return best


def compare_middle(asked: Standard, known: Standard) -> Grade:
    """The best agreement of any second name with any other; an initial that fits is an initial."""
    best = _MISSING
    for one in asked.given:
        for two in known.given:
            best = _better(best, _middle(one, two))
    return best


def compare_family(asked: Standard, known: Standard) -> Grade:
    """The best agreement of any family name asked with any known, former ones included."""
    best = _MISSING
    for one in asked.families:
        for two in known.families:
            best = _better(best, _family(one, two))
    return best


def compare_addresses(asked: Standard, known: Standard) -> Grade:
    """Equal; the same house with the unit missing on one side; the same house with a slip; different."""
    if not asked.addresses or not known.addresses:
        return _MISSING
    if not asked.addresses.isdisjoint(known.addresses):
        return _EQUAL
    best = _DIFFERENT
    for one in asked.addresses:
        for two in known.addresses:
            best = _better(best, _address(one, two))
    return best


def _given(asked: tuple[str, ...], known: tuple[str, ...], nicknames: Nicknames) -> Grade:
    one, two = asked[0], known[0]
    if one == two or "".join(asked[:2]) == two or one == "".join(known[:2]):
        return _EQUAL
    if not nicknames.get(one, frozenset((one,))).isdisjoint(nicknames.get(two, (two,))):
        return _SPELLED if skeleton(one) == skeleton(two) else _KNOWN
    if one in known[1:] or two in asked[1:]:
        return _MIDDLE
    if one[0] == two[0]:
        short = min(len(one), len(two))
        if short == 1:
            return _INITIAL
        if short >= 3 and (one.startswith(two) or two.startswith(one)):
            return _CUT
    return _slip(one, two)


def _middle(asked: tuple[str, ...], known: tuple[str, ...]) -> Grade:
    if len(asked) < 2 or len(known) < 2:
        return _MISSING
    if asked[1] == known[1]:
        return _EQUAL
    one, two = "".join(asked[1:]), "".join(known[1:])
    if one == two:
        return _EQUAL
    if 1 in (len(one), len(two)) and one[0] == two[0]:
        return _INITIAL
    return _TYPO if is_typo(one, two) else _DIFFERENT


def _family(asked: str, known: str) -> Grade:
    if asked == known or asked.replace(" ", "") == known.replace(" ", ""):
        return _EQUAL
    if " " in asked or " " in known:
        parts = {part for part in known.split() if len(part) > 2}
        if not parts.isdisjoint(asked.split()):
            return _PART
    return _slip(asked, known)


def _slip(one: str, two: str) -> Grade:
    # One slip in a word of five letters is a typo; shorter words are soon another name, and so is a second slip.
    short, apart = min(len(one), len(two)), abs(len(one) - len(two))
    if apart > 2 or short < 3:
        return _DIFFERENT
    if short >= 5 and slips_within(one, two, 1):
        return _TYPO
    near = slips_within(one, two, 1) if short < 5 else one[0] == two[0] and slips_within(one, two, 2)
    return _NEAR if near else _DIFFERENT


def _address(asked: tuple[str, str], known: tuple[str, str]) -> Grade:
    (one, place), (two, code) = asked, known
    if one == two:
        return _TYPO if slips_within(place, code, 1) else _DIFFERENT
    if place != code:
        return _DIFFERENT
    (house, _, unit), (other, _, second) = one.partition(" APT "), two.partition(" APT ")
    if unit and second and unit != second:
        return _DIFFERENT
    if house == other:
        return _PART
    return _TYPO if min(len(house), len(other)) >= 8 and slips_within(house, other, 2) else _DIFFERENT


def _exchanged(
    asked: Standard, known: Standard, nicknames: Nicknames, straight: tuple[Grade, Grade]
) -> tuple[Grade, Grade]:
    """The grades when given and family name are read the other way round, if that fits; else as they were."""
    if any(f in {k[0] for k in known.given} for f in asked.families) and any(
        a[0] in known.families for a in asked.given
    ):
        return _SWAPPED, _SWAPPED
    turned = Standard(given=tuple((f,) for f in asked.families), families=tuple(a[0] for a in asked.given))
    given, family = compare_given(turned, known, nicknames), compare_family(turned, known)
    return (_NEAR, _NEAR) if given in _TURNED and family in _TURNED else straight


def _member_id(asked: Standard, known: Standard) -> Grade:
    # A card often shows the subscriber's id where the member's belongs: that is a household fact, not another person.
    if not asked.member_ids or not known.member_ids:
        return _MISSING
    if not asked.member_ids.isdisjoint(known.member_ids):
        return _EQUAL
    return _any_slip(asked.member_ids - known.subscriber_ids, known.member_ids, _SUFFIX)


def _subscriber_id(asked: Standard, known: Standard) -> Grade:
    if not known.subscriber_ids or not (asked.subscriber_ids or asked.member_ids):
        return _MISSING
    if not known.subscriber_ids.isdisjoint(asked.subscriber_ids | asked.member_ids):
        return _EQUAL
    return _any_slip(asked.subscriber_ids, known.subscriber_ids, 0)


def _any_slip(left: frozenset[str], right: frozenset[str], fixed: int) -> Grade:
    # One slip in a long number or address is a typo, except in its last `fixed` places: those tell dependents apart.
    if not left or not right:
        return _MISSING
    if not left.isdisjoint(right):
        return _EQUAL
    for one in left:
        for two in right:
            if fixed and one[-fixed:] != two[-fixed:]:
                continue
            # One slip leaves the one end or the other as it was.
            end_alike = one[:4] == two[:4] or one[-4:] == two[-4:]
            if end_alike and min(len(one), len(two)) >= 8 and slips_within(one, two, 1):
                return _TYPO
    return _DIFFERENT


def _any(left: frozenset[str], right: frozenset[str]) -> Grade:
    if not left or not right:
        return _MISSING
    return _DIFFERENT if left.isdisjoint(right) else _EQUAL


def _one(left: str | None, right: str | None) -> Grade:
    if left is None or right is None:
        return _MISSING
    return _EQUAL if left == right else _DIFFERENT


def _digits(left: str | None, right: str | None) -> Grade:
    if left is None or right is None:
        return _MISSING
    if left == right:
        return _EQUAL
    end_alike = left[:1] == right[:1] or left[-1:] == right[-1:]
    return _TYPO if end_alike and slips_within(left, right, 1) else _DIFFERENT


def _better(one: Grade, two: Grade) -> Grade:
    return one if _STRENGTH[one] <= _STRENGTH[two] else two
