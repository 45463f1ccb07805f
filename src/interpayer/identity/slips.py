"""Slips of the pen: how few of them part two words, and when two spellings sound like one name."""

from functools import lru_cache

_SOUNDS = (("CK", "K"), ("X", "KS"), ("PH", "F"), ("C", "K"), ("Z", "S"))
_SILENT = str.maketrans("", "", "AEIOUYHW")


def is_typo(left: str, right: str) -> bool:
    """One slip of the pen (Damerau-Levenshtein 1) in a word of five letters or more."""
    return left != right and min(len(left), len(right)) >= 5 and slips_within(left, right, 1)


def slips_within(left: str, right: str, limit: int) -> bool:
    """True when at most `limit` slips (a letter wrong, missing, added, or two exchanged) part the two."""
    if abs(len(left) - len(right)) > limit:
        return False
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    head = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    left, right = left[head:], right[head:]
    if not left or not right:
        return len(left) + len(right) <= limit
    if limit == 0:
        return False
    crossed = left[:2] == right[1::-1] and slips_within(left[2:], right[2:], limit - 1)
    return (
        crossed
        or slips_within(left[1:], right[1:], limit - 1)
        or slips_within(left[1:], right, limit - 1)
        or slips_within(left, right[1:], limit - 1)
    )


@lru_cache(maxsize=4096)
def skeleton(word: str) -> str:
    """The consonants as they sound, none twice in a row, and the vowel at the end where it makes another name of it:
    Brian and Bryan, Sara and Sarah have one skeleton, Eric and Erica, Diane and Diana two.
    """
    for letters, sound in _SOUNDS:
        word = word.replace(letters, sound)
    bare = word.translate(_SILENT)
    end = word.rstrip("H")[-1:]
    return "".join(c for n, c in enumerate(bare) if n == 0 or c != bare[n - 1]) + (end if end in ("A", "O") else "")
