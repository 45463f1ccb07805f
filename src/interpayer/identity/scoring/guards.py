"""What no sum of weights may outvote: twins, father and son, siblings with one formal name, reused ids."""

from collections.abc import Mapping

from interpayer.identity.comparison import Grade
from interpayer.identity.scoring.thresholds import Limits
from interpayer.identity.scoring.weigh import Weighed

Grades = Mapping[str, Grade]

# With these a person says who they are; whoever lives with them does not have the same.
_OWN_IDS = ("unique_id", "member_id", "ssn4")
# First and last name and a birth date can be two people's, however rare the name; one of these has to join them.
_JOINING = (*_OWN_IDS, "middle", "subscriber_id", "address", "postal_code", "phone", "email")
_SAME_NAME = (Grade.EQUAL, Grade.SPELLED, Grade.KNOWN)
_ALTERED = (Grade.TYPO, Grade.NEAR, Grade.CUT)
_OTHER_NAME = (Grade.DIFFERENT, Grade.NEAR)
_OTHER_DAY = (Grade.DIFFERENT, Grade.NEAR)
_AGAINST = (Grade.DIFFERENT, Grade.TYPO, Grade.NEAR)
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


def bar(weighed: Weighed, limits: Limits, *, score: float) -> str | None:
    """Why this may be the person and is yet no release: the reason of the review. None: nothing speaks against it."""
    grades = weighed.grades
    if Grade.MISSING in (grades["birth_date"], grades["given"]):
        return "identity.weak"
    # Two ids of one's own outvote one field that differs; what a household shares never does.
    if not _has_two_ids(grades):
        if not _birth_date_holds(grades):
            return "identity.conflict_birth_date"
        if grades["given"] is Grade.DIFFERENT or grades["suffix"] is Grade.DIFFERENT:
            return "identity.conflict_name"
    if grades["ssn4"] in _OTHER_DIGITS and not _all_equal(grades):
        return "identity.weak"
    if grades["sex"] is Grade.DIFFERENT and grades["given"] is not Grade.EQUAL:
        return "identity.weak"
    if reason := name_in_doubt(weighed, limits):
        return reason
    # Without it the name has to be known to be rare, not taken for one of average.
    is_rare = score >= limits.alone and "given" in weighed.shares and "family" in weighed.shares
    return None if joined(weighed) >= limits.joining or is_rare else "identity.weak"


def name_in_doubt(weighed: Weighed, limits: Limits) -> str | None:
    """The reason when a short or altered first name may as well be a relative's own."""
    given, weight = weighed.grades["given"], weighed.weights.get("given", 0.0)
    if given is Grade.EQUAL:
        return None
    if has_own_id(weighed.grades):
        # A slip that makes another common name of it may be a twin with the other's card.
        is_other = given in _ALTERED and weight < 0 and not _has_two_ids(weighed.grades)
        return "identity.conflict_name" if is_other else None
    if given is Grade.MIDDLE or weighed.grades["middle"] is Grade.DIFFERENT:
        return "identity.weak"
    # A twin of the same spelling is nobody, and one of the same initial that is enrolled is seen in the margin.
    if given in (Grade.SPELLED, Grade.INITIAL):
        return None
    return None if weight >= limits.altered else "identity.weak"


def joined(weighed: Weighed) -> float:
    """The bits of what joins a name and a birth date to one person: ids, address, phone and mail, for and against."""
    return sum(weighed.weights.get(field, 0.0) for field in _JOINING)


def same_person_twice(one: Grades) -> bool:
    """True when two members held are so alike that they are one person enrolled twice, under whichever numbers."""
    whole = all(one[field] is Grade.EQUAL for field in ("given", "family", "birth_date"))
    against = any(one[field] in _AGAINST for field in ("sex", "suffix", "middle", "ssn4"))
    return whole and not against and any(one[field] is Grade.EQUAL for field in ("ssn4", "address", "phone", "email"))


def fits_name_better(rival: Grades, chosen: Grades) -> bool:
    """True when the rival, born the same day, has the very name asked for and the chosen one only something like it."""
    born = rival["birth_date"] is Grade.EQUAL
    return born and rival["given"] is Grade.EQUAL and chosen["given"] is not Grade.EQUAL


def _has_two_ids(grades: Grades) -> bool:
    agreeing = sum(grades[field] is Grade.EQUAL for field in _OWN_IDS)
    one_field = (grades["birth_date"] is Grade.EQUAL) + (grades["given"] in _SAME_NAME) >= 1
    return agreeing >= 2 and one_field and grades["family"] is Grade.EQUAL and grades["suffix"] is not Grade.DIFFERENT


def _birth_date_holds(grades: Grades) -> bool:
    born = grades["birth_date"]
    if born is Grade.TYPO:
        is_exact = grades["given"] in (Grade.EQUAL, Grade.SPELLED) or has_own_id(grades)
        return is_exact and _name_is_clean(grades)
    if born is Grade.NEAR:
        # An id alone may have gone to a namesake.
        elsewhere = any(grades[field] is Grade.EQUAL for field in ("address", "phone", "email"))
        return has_own_id(grades) and elsewhere and _name_is_clean(grades)
    return born is Grade.EQUAL


def _name_is_clean(grades: Grades) -> bool:
    return grades["given"] in _SAME_NAME and grades["family"] is Grade.EQUAL and grades["middle"] is not Grade.DIFFERENT


def _all_equal(grades: Grades) -> bool:
    return all(grades[field] is Grade.EQUAL for field in ("given", "family", "birth_date"))
