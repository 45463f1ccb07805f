"""How much evidence is enough: the lowest limit whose wrong releases stay within a budget, by the exact bound (no I/O).

The limit is found by going down from a start that is fixed by the number of releases alone, one step at a time, and
stopping at the first step that the labels do not prove: each step then holds at the full confidence, although many
were tried (fixed sequence testing).
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from interpayer.identity.learning.bounds import needed, upper_bound

STEP = 0.5
# What `released_up_to` is for a release that no limit holds back.
BY_RULE = float("inf")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One request with the truth: up to which limit it is released (None: never), and whether to the right person."""

    released_up_to: float | None
    is_right: bool
    has_answer: bool = True


@dataclass(frozen=True, slots=True)
class Budget:
    """Of how many releases one may be wrong, how sure we want to be, and below which limit nobody goes."""

    share: float
    confidence: float = 0.95
    lowest: float = 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """One limit: how many are released there, how many of them wrongly, and the bound of the share of wrong ones."""

    limit: float
    released: int
    wrong: int
    bound: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The limit that was proven with every step that was tried; no limit says in `why` what is lacking."""

    limit: float | None
    tried: tuple[Point, ...]
    why: str = ""

    @property
    def point(self) -> Point | None:
        """What was seen at the limit."""
        return next((point for point in self.tried if point.limit == self.limit), None)


def calibrate(labelled: Sequence[Labelled], budget: Budget) -> Calibration:
    """The limit that releases most and keeps the budget. Releases by a rule count at every limit."""
    counted = _Counted(labelled)
    limits = _limits(counted, budget)
    start = _start([counted.released(limit) for limit in limits], budget)
    if start is None:
        most = counted.released(limits[-1])
        enough = needed(0, budget.share, confidence=budget.confidence)
        return Calibration(None, (), f"{most:,} labelled releases; at least {enough:,} are needed, none of them wrong")
    tried: list[Point] = []
    for limit in limits[start:]:
        tried.append(_point(counted, limit, budget))
        if tried[-1].bound > budget.share:
            break
    proven = [point for point in tried if point.bound <= budget.share]
    if not proven:
        why = f"{tried[0].wrong} of {tried[0].released:,} releases were wrong at the start"
        return Calibration(None, tuple(tried), why)
    # A lower limit that releases nobody more would only be a risk.
    most = max(point.released for point in proven)
    return Calibration(max(point.limit for point in proven if point.released == most), tuple(tried))


class _Counted:
    """The labels in the order of their scores, so that counting at a limit is a look."""

    def __init__(self, labelled: Sequence[Labelled]) -> None:
        ends = [(one.released_up_to, one.is_right) for one in labelled if one.released_up_to is not None]
        self._all = sorted(end for end, _ in ends)
        self._wrong = sorted(end for end, is_right in ends if not is_right)

    def released(self, limit: float) -> int:
        """How many are released at this limit."""
        return len(self._all) - bisect_left(self._all, limit)

    def wrong(self, limit: float) -> int:
        """How many of them to somebody else."""
        return len(self._wrong) - bisect_left(self._wrong, limit)

    @property
    def highest(self) -> float | None:
        """The highest score of a release that is not by a rule."""
        return next((end for end in reversed(self._all) if end != BY_RULE), None)


def _point(counted: _Counted, limit: float, budget: Budget) -> Point:
    released, wrong = counted.released(limit), counted.wrong(limit)
    return Point(limit, released, wrong, upper_bound(wrong, released, confidence=budget.confidence))


def _limits(counted: _Counted, budget: Budget) -> list[float]:
    highest, lowest = counted.highest, round(budget.lowest / STEP)
    first = lowest if highest is None else max(floor(highest / STEP), lowest)
    return [step * STEP for step in range(first, lowest - 1, -1)]


def _start(released: Sequence[int], budget: Budget) -> int | None:
    # By the number of releases only, never by who was right: with room for one mistake where there are labels enough.
    for wrong in (1, 0):
        enough = needed(wrong, budget.share, confidence=budget.confidence)
        found = next((place for place, number in enumerate(released) if number >= enough), None)
        if found is not None:
            return found
    return None
