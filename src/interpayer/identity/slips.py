"""Slips of the pen: how few of them part two words, and when two spellings sound like one name."""

from functools import lru_cache

from rapidfuzz.distance import OSA

_SOUNDS = (("CK", "K"), ("X", "KS"), ("PH", "F"), ("C", "K"), ("Z", "S"))
_SILENT = str.maketrans("", "", "AEIOUYHW")


def is_typo(left: str, right: str) -> bool:
    """One slip of the pen (Damerau-Levenshtein 1) in a word of five letters or more."""
    return left != right and min(len(left), len(right)) >= 5 and slips_within(left, right, 1)


def slips_within(left: str, right: str, limit: int) -> bool:
    """True when at most `limit` slips (a letter wrong, missing, added, or two exchanged) part the two."""
    return OSA.distance(left, right, score_cutoff=limit) <= limit


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
