"""The mixes: which troubles come how often, what each side knows, and how it writes. Shares are guesses from what is
published about record linkage in US health care, set before any matcher was tried on them."""

from dataclasses import dataclass, field

# kinds with somebody to find, kinds with nobody, and kinds that nobody could tell apart
POSITIVE = (
    "clean", "typo", "birth_date", "nickname", "name_change", "moved", "missing", "swap", "twin", "namesake", "double",
    "wrong_id", "merged", "enrolled_twice", "heavy",
)  # fmt: skip
NEGATIVE = (
    "not_enrolled", "household_absent", "twin_absent", "namesake_absent", "near_namesake", "same_name_birth_date",
    "wrong_id_absent", "reused_id",
)  # fmt: skip
AMBIGUOUS = ("ambiguous_twin", "ambiguous_namesake")


@dataclass(frozen=True, slots=True)
class Mix:
    """One kind of traffic and record keeping."""

    name: str
    kinds: dict[str, float]  # relative shares of the queries
    held: dict[str, float]  # share of members of whom the plan knows a field
    asked: dict[str, float]  # share of queries that bring it
    ids: float  # share of queries about a member that bring the member id
    subscriber_ids: float  # ... or only the family's
    slips: dict[str, float]  # typed, scanned, heard
    also: float  # chance of another, small trouble beside the one that the kind is named for
    held_slips: float  # share of members written down with a slip of the plan's own
    placeholders: float  # share of fields that a form fills with something when nothing is known
    id_form: str = "suffix"  # suffix: family id and two digits; own: each member another number
    upper: float = 0.35  # share of queries in capitals
    notes: tuple[str, ...] = field(default=())


_HELD = {"middle_name": 0.5, "ssn4": 0.66, "address": 0.985, "phone": 0.86, "email": 0.55, "sex": 0.998, "suffix": 0.6}
_ASKED = {"middle_name": 0.5, "ssn4": 0.35, "address": 0.96, "phone": 0.75, "email": 0.45, "sex": 0.97, "suffix": 0.5}

ORDINARY = Mix(
    name="ordinary",
    kinds={
        "clean": 70, "typo": 2.6, "birth_date": 0.8, "nickname": 3, "name_change": 1.6, "moved": 9,
        "missing": 2.5,
        "swap": 0.2, "twin": 1.6, "namesake": 0.9, "wrong_id": 0.6, "merged": 0.7, "enrolled_twice": 0.05,
        "heavy": 0.05, "not_enrolled": 5, "household_absent": 0.5, "twin_absent": 0.02, "namesake_absent": 0.02,
        "near_namesake": 0.1,
        "same_name_birth_date": 0.02, "wrong_id_absent": 0.08, "reused_id": 0.05,
    },
    held=_HELD,
    asked=_ASKED,
    ids=0.82,
    subscriber_ids=0.08,
    slips={"typed": 0.7, "scanned": 0.1, "heard": 0.2},
    also=0.04,
    held_slips=0.008,
    placeholders=0.002,
)  # fmt: skip

HOSTILE = Mix(
    name="hostile",
    kinds={
        "clean": 28, "typo": 6, "birth_date": 3.5, "nickname": 5, "name_change": 4, "moved": 6,
        "missing": 4, "swap": 1.5,
        "twin": 8, "namesake": 6, "double": 0.8, "wrong_id": 2, "merged": 2, "heavy": 1.2,
        "not_enrolled": 8, "household_absent": 4, "twin_absent": 2.5, "namesake_absent": 1.5, "near_namesake": 3,
        "same_name_birth_date": 0.7, "wrong_id_absent": 1, "reused_id": 1.5, "ambiguous_twin": 0.4,
        "ambiguous_namesake": 0.5,
    },
    held=_HELD,
    asked=_ASKED,
    ids=0.4,
    subscriber_ids=0.12,
    slips={"typed": 0.5, "scanned": 0.2, "heard": 0.3},
    also=0.06,
    held_slips=0.015,
    placeholders=0.004,
)  # fmt: skip

# a program with few contact data, shelters and shared houses, forms that want every field filled, no family ids
POOR = Mix(
    name="poor",
    kinds={
        "clean": 34, "typo": 5, "birth_date": 2.5, "nickname": 3.5, "name_change": 2, "moved": 14,
        "missing": 12, "swap": 0.8,
        "twin": 3, "namesake": 1.5, "wrong_id": 1.5, "merged": 3, "enrolled_twice": 0.2, "heavy": 0.4,
        "not_enrolled": 12, "household_absent": 2, "twin_absent": 0.4, "namesake_absent": 0.3, "near_namesake": 0.8,
        "same_name_birth_date": 0.1, "wrong_id_absent": 0.3, "reused_id": 0.4, "ambiguous_twin": 0.1,
        "ambiguous_namesake": 0.1,
    },
    held={**_HELD, "middle_name": 0.3, "ssn4": 0.4, "address": 0.93, "phone": 0.62, "email": 0.15},
    asked={**_ASKED, "middle_name": 0.3, "ssn4": 0.2, "address": 0.85, "phone": 0.5, "email": 0.1, "sex": 0.9},
    ids=0.5,
    subscriber_ids=0.0,
    slips={"typed": 0.6, "scanned": 0.15, "heard": 0.25},
    also=0.05,
    held_slips=0.02,
    placeholders=0.02,
    id_form="own",
)  # fmt: skip

# paper and telephone: scanned forms, names written by ear, days and months exchanged, two family names
PAPER = Mix(
    name="paper",
    kinds={
        "clean": 38, "typo": 16, "birth_date": 5, "nickname": 5, "name_change": 3.5, "moved": 5,
        "missing": 4, "swap": 2.5,
        "twin": 2, "namesake": 1.5, "wrong_id": 2.5, "merged": 1.5, "enrolled_twice": 0.1, "heavy": 1.5,
        "not_enrolled": 8, "household_absent": 1.5, "twin_absent": 0.4, "namesake_absent": 0.3, "near_namesake": 0.8,
        "same_name_birth_date": 0.1, "wrong_id_absent": 0.5, "reused_id": 0.4, "ambiguous_twin": 0.1,
        "ambiguous_namesake": 0.1,
    },
    held={**_HELD, "email": 0.3},
    asked={**_ASKED, "email": 0.2, "ssn4": 0.45},
    ids=0.6,
    subscriber_ids=0.1,
    slips={"typed": 0.25, "scanned": 0.4, "heard": 0.35},
    also=0.12,
    held_slips=0.03,
    placeholders=0.006,
    upper=0.6,
)  # fmt: skip

MIXES = {mix.name: mix for mix in (ORDINARY, HOSTILE, POOR, PAPER)}
