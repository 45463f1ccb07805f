"""The model of the probabilistic tier: per field and level how often one person and two people look like that."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from math import log2
from typing import Any, NamedTuple

import yaml

from interpayer.identity.comparison import FIELDS, LEVELS, Grade
from interpayer.model.match import Comparison, Level

# The share of people whose own name is one that hardly anybody held has: most such names are slips of the pen.
_UNHEARD = 2.0e-6
# A grade without a level of its own counts as this one, and else as different.
_STANDS_FOR = {Grade.SPELLED: Grade.KNOWN, Grade.CUT: Grade.KNOWN}
PERSONAL, HOUSEHOLD = "personal", "household"


@dataclass(frozen=True, slots=True)
class LevelModel:
    """How often this level comes up for one person (m) and for two people taken at random (u).

    `spread` is for a value that was altered: in how many ways it could have come out. With it, an altered name that
    is itself a common name counts for little, and one that nobody has counts for much. `either`: the record held may
    be the altered one as well as the request.
    """

    m: float
    u: float
    spread: float | None = None
    either: bool = False

    @property
    def weight(self) -> float:
        """The weight in bits when no frequency is known."""
        return log2(self.m / self.u)


class Weight(NamedTuple):
    """What a grade weighs where no frequency is known, its level, and the evidence of it."""

    bits: float
    level: LevelModel
    shown: Comparison


@dataclass(frozen=True, slots=True)
class FieldModel:
    """One field: its ledger, its levels, the most it may be worth, and whether rare values are worth more.
    `weights` has every grade, those without a level of their own as different.
    """

    field: str
    ledger: str
    levels: Mapping[Grade, LevelModel]
    highest: float
    by_frequency: bool
    weights: Mapping[Grade, Weight]


@dataclass(frozen=True, slots=True)
class Model:
    """All fields, and what the household ledger may add at most: its best field and a share of the others."""

    version: str
    fields: Mapping[str, FieldModel]
    household_cap: float
    household_share: float
    household_floor: float
    unheard: float
    source: str = ""
    # What `scoring.patterns` found out under this model; no part of what it says.
    patterns: dict[tuple[Grade, ...], Any] = field(init=False, default_factory=dict, compare=False, repr=False)


def read_model(text: str) -> Model:
    """A model file (YAML, or JSON as the trainer writes it); ValueError when a part is unknown or no probability."""
    table = yaml.safe_load(text)
    if not isinstance(table, dict) or table.get("format") != 1:
        raise ValueError("model: unknown format")
    fields = {name: _read_field(name, row) for name, row in table["fields"].items()}
    if missing := set(FIELDS) - set(fields):
        raise ValueError(f"model: no fields {sorted(missing)}")
    return Model(
        version="m-" + hashlib.sha256(text.encode()).hexdigest()[:16],
        fields=fields,
        household_cap=float(table["household"]["cap"]),
        household_share=float(table["household"]["share"]),
        household_floor=float(table["household"]["floor"]),
        unheard=float(table.get("unheard", _UNHEARD)),
        source=str(table.get("source", "")),
    )


@cache
def default_model() -> Model:
    """The model that ships: public knowledge about names and dates, no training on anybody's members."""
    return read_model(resources.files("interpayer.identity.scoring").joinpath("model_default.yaml").read_text("utf-8"))


def _read_field(name: str, row: Mapping[str, Any]) -> FieldModel:
    if name not in FIELDS or row["ledger"] not in (PERSONAL, HOUSEHOLD):
        raise ValueError(f"model: unknown field or ledger {name}")
    levels = {Grade(grade): _read_level(name, level) for grade, level in row["levels"].items()}
    if Grade.EQUAL not in levels or Grade.DIFFERENT not in levels:
        raise ValueError(f"model: {name} needs the levels equal and different")
    if levels[Grade.DIFFERENT].weight > levels[Grade.EQUAL].weight:
        raise ValueError(f"model: {name} weighs more when it differs")
    # What is only alike never weighs more than what is equal, however few pairs a training saw of it.
    highest = float(row["highest"])
    most = min(highest, levels[Grade.EQUAL].weight)
    weights = {grade: _weight(name, row["ledger"], grade, levels=levels, most=most) for grade in Grade}
    return FieldModel(name, row["ledger"], levels, highest, bool(row.get("by_frequency", False)), weights)


def _weight(name: str, ledger: str, grade: Grade, *, levels: Mapping[Grade, LevelModel], most: float) -> Weight:
    level = levels.get(grade) or levels.get(_STANDS_FOR.get(grade, grade), levels[Grade.DIFFERENT])
    bits = 0.0 if grade is Grade.MISSING else min(level.weight, most)
    shown = None if grade is Grade.MISSING else round(bits, 2)
    return Weight(bits, level, Comparison(name, LEVELS.get(grade, Level.CLOSE), ledger, shown, None, grade.value))


def _read_level(name: str, row: Mapping[str, Any]) -> LevelModel:
    level = LevelModel(
        float(row["m"]),
        float(row["u"]),
        float(row["spread"]) if "spread" in row else None,
        bool(row.get("either", False)),
    )
    if not (0 < level.m <= 1 and 0 < level.u <= 1) or (level.spread is not None and level.spread < 1):
        raise ValueError(f"model: {name} has a value that is no probability")
    return level
