"""What one pair of people weighs: a weight per field in bits, in two ledgers (Fellegi-Sunter; identity.md, 6.3)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log2
from typing import NamedTuple, Protocol

from interpayer.identity.comparison import Grade
from interpayer.identity.scoring.model import FieldModel, LevelModel, Model
from interpayer.identity.scoring.patterns import pattern_of
from interpayer.identity.standardize import Standard
from interpayer.model.match import Comparison

_EQUAL = Grade.EQUAL
# Fewer people than this have a name that hardly any member has.
_HEARD = 3
_UNKNOWN_POPULATION = 1_000_000


class Frequencies(Protocol):
    """How common values are among the members held.

    `share(field, value)` is the share of people who have the value: field is `given` (first word), `family` (without
    spaces) or `birth_date` (ISO). A value nobody has gets a floor above zero; None means that nothing is known of
    the field. `population` is the number of people.
    """

    @property
    def population(self) -> int:
        """How many people the members are."""
        ...

    def share(self, field: str, value: str) -> float | None:
        """The share of people with the value, or None where nothing is known of the field."""
        ...


@dataclass(frozen=True, slots=True)
class FrequencyTable:
    """Shares held in memory; a value of a known field that is not listed has the share of its floor."""

    shares: Mapping[tuple[str, str], float] = field(default_factory=dict)
    floors: Mapping[str, float] = field(default_factory=dict)
    population: int = _UNKNOWN_POPULATION

    def share(self, field: str, value: str) -> float | None:
        """The share of people with the value, or None where nothing is known of the field."""
        return self.shares.get((field, value)) or self.floors.get(field)


NO_FREQUENCIES = FrequencyTable()


class Weighed(NamedTuple):
    """One pair weighed. `weights` has each field that both sides have; `total` is personal plus household, capped."""

    grades: Mapping[str, Grade]
    weights: Mapping[str, float]
    shares: Mapping[str, float]
    personal: float
    household: float
    total: float
    model: Model

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The evidence: per field its level, weight, frequency and ledger, no values."""
        told = pattern_of(self.grades, self.model).shown
        if not self.shares:
            return told
        return tuple([self._shown(one) if one.field in self.shares else one for one in told])

    def _shown(self, one: Comparison) -> Comparison:
        weight, share = round(self.weights[one.field], 2), round(self.shares[one.field], 7)
        return Comparison(one.field, one.level, one.ledger, weight, share, one.grade)


def weigh(
    asked: Standard, known: Standard, grades: Mapping[str, Grade], *, model: Model, frequencies: Frequencies
) -> Weighed:
    """What the grades of a pair weigh under the model; a field that either side lacks weighs nothing."""
    pattern = pattern_of(grades, model)
    weights, shares = dict(pattern.weights), {}
    personal, shared = pattern.personal, pattern.household
    for name, part, level, is_shared in pattern.varying:
        share = _commonest(frequencies, name, asked)
        if share is not None:
            shares[name] = share
            weights[name] = _by_frequency(part, level, share, known, model, frequencies)
        if is_shared:
            shared = (*shared, weights[name])
        else:
            personal += weights[name]
    household = _together(shared, model, population=frequencies.population)
    return Weighed(grades, weights, shares, personal, household, personal + household, model)


def _by_frequency(
    part: FieldModel, level: LevelModel, share: float, known: Standard, model: Model, frequencies: Frequencies
) -> float:
    # How often this very value comes from this very person, against how often it comes from anybody.
    if level.spread is None:
        return min(log2(level.m / share), part.highest)
    other = _commonest(frequencies, part.field, known) or share
    people, altered = frequencies.population, level.m / level.spread
    # As an altered name, one that hardly any member has is nobody's own.
    one, two = (min(s, model.unheard) if s * people < _HEARD else s for s in (share, other))
    odds = altered / (one + altered * other)
    if level.either:
        odds = max(odds, altered / (two + altered * share))
    # The very name would be worth so much; what is only like it is never worth more.
    return min(log2(min(odds, part.levels[_EQUAL].m / other)), part.highest)


def _together(shared: Sequence[float], model: Model, *, population: int) -> float:
    # What a household shares comes together: the best counts whole, the others in part. All of it can find the
    # household among all people, and hardly tell one of its members from another: that is where its cap lies.
    best, speaking, against = 0.0, 0.0, 0.0
    for weight in shared:
        if weight > 0:
            speaking += weight
            best = max(best, weight)
        else:
            against += weight
    together = best + model.household_share * (speaking - best)
    return min(together, model.household_cap + log2(max(population, 1))) + max(against, model.household_floor)


def _commonest(frequencies: Frequencies, name: str, person: Standard) -> float | None:
    # Of several names the commonest: never more weight than the least telling one gives.
    values = _VALUES[name](person)
    if len(values) == 1:
        return frequencies.share(name, values[0])
    found = [share for value in values if (share := frequencies.share(name, value)) is not None]
    return max(found, default=None)


def _given_values(person: Standard) -> tuple[str, ...]:
    return tuple(words[0] for words in person.given)


def _family_values(person: Standard) -> tuple[str, ...]:
    return tuple(family.replace(" ", "") for family in person.families)


def _birth_values(person: Standard) -> tuple[str, ...]:
    return (person.birth_date.isoformat(),) if person.birth_date else ()


_VALUES: Mapping[str, Callable[[Standard], tuple[str, ...]]] = {
    "given": _given_values,
    "family": _family_values,
    "birth_date": _birth_values,
}
