"""For each thing that can fail: does everything stop, wait, go on without it? Written down once, and read by code."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Then(StrEnum):
    """What follows while something has failed."""

    CLOSED = "closed"
    WAITS = "waits"
    STALE = "stale"
    GAP = "gap"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Failure:
    """What can fail, what follows, and what else a plan may choose instead (nothing: it is fixed)."""

    what: str
    then: Then
    because: str
    may_be: frozenset[Then]


def read_failures(raw: Any) -> dict[str, Failure]:
    """The table by what fails; ValueError when a row does not hold or was changed to what it may not be."""
    if not isinstance(raw, Mapping):
        raise ValueError("policy: failures hold names and rows")
    return {str(what): _failure(str(what), row) for what, row in raw.items()}


def _failure(what: str, row: Any) -> Failure:
    is_row = isinstance(row, Mapping) and {"then", "because"} <= set(row) <= {"then", "because", "may_be"}
    if not is_row:
        raise ValueError(f"policy: failures.{what}: then and because are needed")
    try:
        then, others = Then(row["then"]), frozenset(map(Then, row.get("may_be", ())))
    except ValueError:
        raise ValueError(f"policy: failures.{what}: {', '.join(Then)} are known") from None
    return Failure(what, then, str(row["because"]), others)


def changed(shipped: Mapping[str, Failure], choices: Mapping[str, Any]) -> dict[str, Failure]:
    """The table with a plan's own choices; ValueError for one that the table does not leave to it."""
    table = dict(shipped)
    for what, choice in choices.items():
        known = shipped.get(what)
        if known is None or choice not in {known.then, *known.may_be}:
            allowed = ", ".join(sorted({known.then, *known.may_be})) if known else "unknown"
            raise ValueError(f"policy: failures.{what} cannot be {choice} ({allowed})")
        table[what] = Failure(what, Then(choice), known.because, known.may_be)
    return table
