"""Numbers that look drawn by lot and are still unique and reproducible."""

import hashlib

from interpayer.simulation.payers import Plan

_SPACE = 1_000_000_000
_AGAIN = 500_000_000  # second enrollments count from here; a world holds fewer people than that
_STRIDE = 618_033_989  # no common factor with the space, so the mapping loses nobody


def member_number(seed: int, plan: Plan, counter: int, *, again: bool = False) -> int:
    """A nine-digit number, unique per plan and counter below 500 million."""
    digest = hashlib.blake2b(f"{seed}/{plan.id}".encode(), digest_size=8).digest()
    offset = int.from_bytes(digest, "big") % _SPACE
    return (offset + (counter + _AGAIN * again) * _STRIDE) % _SPACE


def dependent_suffix(place: int) -> str:
    """The two digits after a subscriber id that name the person in the family."""
    return f"{place:02d}"


def npi(number: int) -> str:
    """A ten-digit NPI with a right check digit (Luhn over the prefix 80840, US Core us-core-17)."""
    stem = f"{number:09d}"
    total = 24  # what the constant prefix contributes
    for place, digit in enumerate(reversed(stem)):
        twice = int(digit) * (2 - place % 2)
        total += twice - 9 if twice > 9 else twice
    return f"{stem}{-total % 10}"
