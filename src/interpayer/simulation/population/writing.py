"""Writes a population into a folder: members.csv, queries.csv, truth.csv; memory does not grow with it."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from interpayer.simulation.names import dice
from interpayer.simulation.population import asking, roster
from interpayer.simulation.population.asking import Query, query
from interpayer.simulation.population.roster import Plan, rows

MEMBERS, QUERIES, TRUTH = "members.csv", "queries.csv", "truth.csv"
_SHUFFLED = 4000  # queries about one household must not stand side by side


def write_population(folder: Path, plan: Plan, queries: int) -> None:
    """Writes all three files; the same plan and count give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / MEMBERS, roster.COLUMNS, rows(plan))
    with (folder / TRUTH).open("w", encoding="utf-8", newline="") as file:
        truth = csv.writer(file, lineterminator="\n")
        truth.writerow(asking.TRUTH)
        _write(folder / QUERIES, asking.COLUMNS, _asked(plan, queries, truth.writerow))


def _asked(plan: Plan, count: int, tell: Callable[[Iterable[str]], object]) -> Iterator[tuple[str, ...]]:
    for start in range(0, count, _SHUFFLED):
        for one in shuffled(plan, start, min(start + _SHUFFLED, count)):
            tell(one.truth)
            yield one.row


def shuffled(plan: Plan, start: int, end: int) -> list[Query]:
    """The queries of a range, out of order."""
    made = [query(plan, number) for number in range(start, end)]
    dice(plan.seed, "order", start).shuffle(made)
    return made


def _write(path: Path, columns: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(lines)
