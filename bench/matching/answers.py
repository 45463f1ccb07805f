"""Populations as rows, and what a matcher says about each query."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """certain, review or none; whom; and how sure (higher is surer, matchers differ in scale)."""

    state: str
    member_key: str = ""
    score: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Population:
    """A folder with members.csv, queries.csv and truth.csv."""

    name: str
    folder: Path

    @property
    def members(self) -> Path:
        return self.folder / "members.csv"

    @property
    def queries(self) -> Path:
        return self.folder / "queries.csv"

    def truths(self) -> list[Row]:
        return rows(self.folder / "truth.csv")


@dataclass(slots=True)
class Race:
    """One matcher on one population: its answers, the seconds of each part, single queries, its memory at most."""

    matcher: str
    answers: dict[str, Answer]
    seconds: dict[str, float] = field(default_factory=dict)
    peak_mib: float = 0.0
    one_ms: list[float] = field(default_factory=list)


def rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
