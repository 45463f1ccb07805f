"""Patterns of agreement: millions of pairs come in some thousand of them; what follows from one is found out once."""

from collections.abc import Mapping
from typing import NamedTuple

from interpayer.identity.comparison import Grade
from interpayer.identity.scoring.model import HOUSEHOLD, FieldModel, LevelModel, Model
from interpayer.model.match import Comparison

# More would only take memory: what is common comes first.
REMEMBERED = 50_000


class Varying(NamedTuple):
    """A field of a pattern whose weight depends on how common the value is."""

    field: str
    model: FieldModel
    level: LevelModel
    is_shared: bool


class Pattern(NamedTuple):
    """What follows from the grades of a pair alone: the weights where no frequency counts, what those that do not vary
    make in either ledger, the fields that vary, and the evidence without frequencies.
    """

    weights: Mapping[str, float]
    personal: float
    household: tuple[float, ...]
    varying: tuple[Varying, ...]
    shown: tuple[Comparison, ...]


def pattern_of(grades: Mapping[str, Grade], model: Model) -> Pattern:
    """The pattern of these grades under the model; grades come in the order of the fields."""
    key = tuple(grades.values())
    known = model.patterns.get(key)
    if known is None:
        known = _pattern(grades, model)
        if len(model.patterns) < REMEMBERED:
            model.patterns[key] = known
    return known


def _pattern(grades: Mapping[str, Grade], model: Model) -> Pattern:
    told = {name: model.fields[name] for name, grade in grades.items() if grade is not Grade.MISSING}
    weights = {name: part.weights[grades[name]].bits for name, part in told.items()}
    varying = {
        name: Varying(name, part, part.weights[grades[name]].level, part.ledger == HOUSEHOLD)
        for name, part in told.items()
        if part.by_frequency and (grades[name] is Grade.EQUAL or part.weights[grades[name]].level.spread)
    }
    fixed = {name: part.ledger for name, part in told.items() if name not in varying}
    return Pattern(
        weights=weights,
        personal=sum(weights[name] for name, ledger in fixed.items() if ledger != HOUSEHOLD),
        household=tuple(weights[name] for name, ledger in fixed.items() if ledger == HOUSEHOLD),
        varying=tuple(varying.values()),
        shown=tuple(model.fields[name].weights[grade].shown for name, grade in grades.items()),
    )
