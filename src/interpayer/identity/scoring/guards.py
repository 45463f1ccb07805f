"""What no sum of weights may outvote: twins, father and son, siblings with one formal name, reused ids."""

from collections.abc import Mapping

from interpayer.identity.comparison import Grade
from interpayer.identity.scoring.weigh import Weighed

Grades = Mapping[str, Grade]

# With these a person says who they are; whoever lives with them does not have the same.
_OWN_IDS = ("unique_id", "member_id", "ssn4")
# A name and a birth date alone can be two people's, however rare the name; one of these has to join them.
_JOINING = (*_OWN_IDS, "subscriber_id", "address", "postal_code", "phone", "email")
_SAME_NAME = frozenset({Grade.EQUAL, Grade.KNOWN})
_NO_BAR = frozenset({Grade.EQUAL, Grade.MISSING})


def has_own_id(grades: Grades) -> bool:
    """True when an id agrees that no relative shares."""
    return any(grades[field] is Grade.EQUAL for field in _OWN_IDS)


def veto(grades: Grades) -> str | None:
    """Why this is another person, whatever else agrees: a relative or a namesake. None: may be the one."""
    if has_own_id(grades):
        return None
    if grades["given"] is Grade.DIFFERENT:
        return "identity.household_only"
    if grades["birth_date"] is Grade.DIFFERENT or grades["suffix"] is Grade.DIFFERENT:
        return "identity.household_only"
    if grades["sex"] is Grade.DIFFERENT and grades["given"] is not Grade.EQUAL:
        return "identity.household_only"
    return None


def bar(weighed: Weighed, *, joining: float) -> str | None:
    """Why this may be the person and is yet no release: the reason of the review. None: nothing speaks against it."""
    grades = weighed.grades
    if grades["birth_date"] is Grade.MISSING or grades["given"] is Grade.MISSING:
        return "identity.weak"
    if grades["birth_date"] is Grade.DIFFERENT:
        return "identity.conflict_birth_date"
    if grades["given"] is Grade.DIFFERENT or grades["suffix"] is Grade.DIFFERENT:
        return "identity.conflict_name"
    if grades["birth_date"] is Grade.TYPO and not _name_is_clean(grades):
        return "identity.conflict_birth_date"
    if grades["ssn4"] is Grade.DIFFERENT and not _all_equal(grades):
        return "identity.weak"
    if grades["sex"] is Grade.DIFFERENT and grades["given"] is not Grade.EQUAL:
        return "identity.weak"
    if sum(max(0.0, weighed.weights.get(field, 0.0)) for field in _JOINING) < joining:
        return "identity.weak"
    return None


def fits_name_better(rival: Grades, chosen: Grades) -> bool:
    """True when the rival, born the same day, has the very name asked for and the chosen one only something like it."""
    born = rival["birth_date"] is Grade.EQUAL
    return born and rival["given"] is Grade.EQUAL and chosen["given"] is not Grade.EQUAL


def _name_is_clean(grades: Grades) -> bool:
    return grades["given"] in _SAME_NAME and grades["family"] is Grade.EQUAL and grades["middle"] is not Grade.DIFFERENT


def _all_equal(grades: Grades) -> bool:
    return all(grades[field] is Grade.EQUAL for field in ("given", "family", "birth_date"))
