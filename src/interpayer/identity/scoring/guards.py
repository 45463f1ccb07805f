"""What no sum of weights may outvote: twins, father and son, siblings with one formal name, reused ids."""

from collections.abc import Mapping

from interpayer.identity.comparison import Grade
from interpayer.identity.scoring.weigh import Weighed

Grades = Mapping[str, Grade]

# With these a person says who they are; whoever lives with them does not have the same.
_OWN_IDS = ("unique_id", "member_id", "ssn4")
# A name and a birth date alone can be two people's, however rare the name; one of these has to join them.
_JOINING = (*_OWN_IDS, "subscriber_id", "address", "postal_code", "phone", "email")
_SAME_NAME = (Grade.EQUAL, Grade.KNOWN)
_OTHER_NAME = (Grade.DIFFERENT, Grade.NEAR)
_OTHER_DAY = (Grade.DIFFERENT, Grade.NEAR)
_OTHER_DIGITS = (Grade.DIFFERENT, Grade.TYPO)


def has_own_id(grades: Grades) -> bool:
    """True when an id agrees that no relative shares."""
    return any(grades[field] is Grade.EQUAL for field in _OWN_IDS)


def veto(grades: Grades) -> str | None:
    """Why this is another person, whatever else agrees: a relative or a namesake. None: may be the one."""
    given, born = grades["given"], grades["birth_date"]
    # An id that was given to somebody else, or written down from a relative's card, names nobody.
    if given in _OTHER_NAME and born in _OTHER_DAY:
        return "identity.household_only"
    if has_own_id(grades):
        return None
    if given is Grade.DIFFERENT or born is Grade.DIFFERENT or grades["suffix"] is Grade.DIFFERENT:
        return "identity.household_only"
    if grades["sex"] is Grade.DIFFERENT and given not in _SAME_NAME:
        return "identity.household_only"
    return None


def bar(weighed: Weighed, *, joining: float) -> str | None:
    """Why this may be the person and is yet no release: the reason of the review. None: nothing speaks against it."""
    grades = weighed.grades
    given, born = grades["given"], grades["birth_date"]
    if Grade.MISSING in (born, given):
        return "identity.weak"
    if born in _OTHER_DAY or (born is Grade.TYPO and not _name_is_clean(grades)):
        return "identity.conflict_birth_date"
    if given is Grade.DIFFERENT or grades["suffix"] is Grade.DIFFERENT:
        return "identity.conflict_name"
    if grades["ssn4"] in _OTHER_DIGITS and not _all_equal(grades):
        return "identity.weak"
    if grades["sex"] is Grade.DIFFERENT and given is not Grade.EQUAL:
        return "identity.weak"
    return None if joined(weighed) >= joining else "identity.weak"


def joined(weighed: Weighed) -> float:
    """The bits of what joins a name and a birth date to one person: ids, address, phone and mail."""
    return sum(max(0.0, weighed.weights.get(field, 0.0)) for field in _JOINING)


def fits_name_better(rival: Grades, chosen: Grades) -> bool:
    """True when the rival, born the same day, has the very name asked for and the chosen one only something like it."""
    born = rival["birth_date"] is Grade.EQUAL
    return born and rival["given"] is Grade.EQUAL and chosen["given"] is not Grade.EQUAL


def _name_is_clean(grades: Grades) -> bool:
    return grades["given"] in _SAME_NAME and grades["family"] is Grade.EQUAL and grades["middle"] is not Grade.DIFFERENT


def _all_equal(grades: Grades) -> bool:
    return all(grades[field] is Grade.EQUAL for field in ("given", "family", "birth_date"))
