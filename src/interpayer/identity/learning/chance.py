"""How alike two people are by chance (u): counted among pairs of members taken at random (no I/O)."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from interpayer.identity.comparison import Grade, Nicknames, compare
from interpayer.identity.scoring.model import Model
from interpayer.identity.standardize import Standard

# Below so many members the model's own u says more than a count.
FEWEST = 1_000
_SEEN = 5


def count_chance(
    sample: Sequence[Standard], nicknames: Nicknames, model: Model, *, pairs: int, seed: int = 1
) -> dict[str, dict[Grade, float]]:
    """u per field and level. A level too rare to be seen in so many pairs keeps the model's u; equal values are
    counted among all pairs of the sample, because most are rarer than any number of pairs could show.
    """
    if len(sample) < FEWEST:
        return {}
    graded, compared = _graded(sample, nicknames, pairs=pairs, seed=seed)
    equal = {name: _equal(sample, values) for name, values in _VALUES.items()}
    return {
        name: _levels(part.levels, graded[name], compared[name], equal.get(name))
        for name, part in model.fields.items()
        if compared[name] >= pairs / 100
    }


def _graded(
    sample: Sequence[Standard], nicknames: Nicknames, *, pairs: int, seed: int
) -> tuple[dict[str, Counter[Grade]], Counter[str]]:
    # The sample decides nothing but a count; a seed makes the same file of the same members.
    draw = random.Random(seed)  # noqa: S311
    graded: dict[str, Counter[Grade]] = {}
    compared: Counter[str] = Counter()
    for _ in range(pairs):
        one, two = draw.sample(sample, 2)
        for name, grade in compare(one, two, nicknames).items():
            counted = graded.setdefault(name, Counter())
            if grade is not Grade.MISSING:
                counted[grade] += 1
                compared[name] += 1
    return graded, compared


def _levels(
    levels: Mapping[Grade, object], counted: Counter[Grade], compared: int, equal: float | None
) -> dict[Grade, float]:
    found = {grade: counted[grade] / compared for grade in levels if counted[grade] >= _SEEN}
    if equal and Grade.EQUAL in levels:
        found[Grade.EQUAL] = equal
    return found


def _equal(sample: Sequence[Standard], values: Callable[[Standard], Iterable[object]]) -> float | None:
    """The share of all pairs of the sample that have a value in common; None when nobody shares one."""
    counted: Counter[object] = Counter()
    having = 0
    for standard in sample:
        own = set(values(standard))
        counted.update(own)
        having += bool(own)
    pairs = having * (having - 1)
    together = sum(number * (number - 1) for number in counted.values())
    return min(together / pairs, 1.0) if pairs and together else None


_VALUES: Mapping[str, Callable[[Standard], Iterable[object]]] = {
    "member_id": lambda s: s.member_ids,
    "subscriber_id": lambda s: s.subscriber_ids,
    "birth_date": lambda s: (s.birth_date,) if s.birth_date else (),
    "ssn4": lambda s: (s.ssn4,) if s.ssn4 else (),
    "address": lambda s: s.addresses,
    "postal_code": lambda s: s.postal_codes,
    "phone": lambda s: s.phones,
    "email": lambda s: s.emails,
}
