"""How many wrong releases there may be when so many were seen: the exact bound of Clopper and Pearson (1934)."""

from math import exp, lgamma, log, log1p

_HALVINGS = 60


def upper_bound(wrong: int, released: int, *, confidence: float) -> float:
    """The highest share of wrong releases that still agrees with what was seen, one-sided; 1 when nothing was."""
    if released <= 0 or wrong >= released:
        return 1.0
    low, high = wrong / released, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, released, middle) > 1 - confidence else (low, middle)
    return high


def needed(wrong: int, budget: float, *, confidence: float) -> int:
    """How many releases it takes until so few wrong ones prove the budget."""
    low, high = wrong + 1, wrong + 2
    while upper_bound(wrong, high, confidence=confidence) > budget:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if upper_bound(wrong, middle, confidence=confidence) <= budget else (middle, high)
    return high


def _at_most(wrong: int, released: int, share: float) -> float:
    """The chance of at most so many wrong ones, if this share of all releases is wrong."""
    if share <= 0.0:
        return 1.0
    if share >= 1.0:
        return 0.0
    total = 0.0
    for seen in range(wrong + 1):
        ways = lgamma(released + 1) - lgamma(seen + 1) - lgamma(released - seen + 1)
        total += exp(ways + seen * log(share) + (released - seen) * log1p(-share))
    return min(total, 1.0)
