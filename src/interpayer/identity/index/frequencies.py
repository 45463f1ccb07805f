"""How common names and birth dates are among the members held: what their agreement proves follows from it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock

from interpayer.identity.index.keys import IndexKeys
from interpayer.identity.index.store import EVERYBODY, read_counts
from interpayer.identity.standardize import Standard
from interpayer.system.database import Connection

FIELDS = ("given", "family", "birth_date")
# Below this a plan's own members say too little of how common a value is: the model's average holds.
FEWEST_MEMBERS = 5_000
# Who asks may mean somebody who is no member at all: the people among whom one is sought are never fewer.
FEWEST_PEOPLE = 10_000
# A value that nobody or one member has counts as one that two have: rare is not unique.
RAREST = 2
_REMEMBERED = 200_000


@dataclass(frozen=True, slots=True)
class IndexFrequencies:
    """Shares by keyed hash, as published; `revision` says which publication."""

    revision: int
    population: int
    counts: Mapping[str, Mapping[int, int]]
    hashers: Mapping[str, Callable[[str], int]]
    _known: dict[tuple[str, str], float] = field(default_factory=dict)

    def share(self, field: str, value: str) -> float | None:
        """The share of members with the value; None for other fields, and while the members are few."""
        known = self._known.get((field, value))
        if known is not None:
            return known
        counted = self.counts.get(field)
        if counted is None:
            return None
        share = max(counted.get(self.hashers[field](value), 0), RAREST) / self.population
        if len(self._known) < _REMEMBERED:
            self._known[field, value] = share
        return share


class PublishedFrequencies:
    """The frequencies in force, read again when another revision is published."""

    def __init__(self, keys: IndexKeys) -> None:
        self._keys = keys
        self._lock = Lock()
        self._kept: IndexFrequencies | None = None

    def at(self, conn: Connection, revision: int) -> IndexFrequencies:
        """The frequencies of this revision."""
        with self._lock:
            if self._kept is None or self._kept.revision != revision:
                self._kept = read_frequencies(conn, self._keys, revision)
            return self._kept


def read_frequencies(conn: Connection, keys: IndexKeys, revision: int) -> IndexFrequencies:
    """The counts of the database as shares."""
    counts: dict[str, dict[int, int]] = {name: {} for name in FIELDS}
    members = 0
    for name, hashed, number in read_counts(conn, at_least=RAREST + 1):
        if name == EVERYBODY:
            members = number
        elif name in counts:
            counts[name][hashed] = number
    hashers = {name: keys.hasher(f"value.{name}") for name in FIELDS}
    known = counts if members >= FEWEST_MEMBERS else {}
    return IndexFrequencies(revision, max(members, FEWEST_PEOPLE), known, hashers)


class ValueCounts:
    """Counts the values of members that come, change or go, for `store.add_counts`."""

    def __init__(self, keys: IndexKeys) -> None:
        self._hashers = {name: keys.hasher(f"value.{name}") for name in FIELDS}
        self._values: Counter[tuple[str, str]] = Counter()

    def add(self, standard: Standard, *, times: int = 1) -> None:
        """Count a member in, or with -1 out."""
        for value in _values(standard):
            self._values[value] += times

    def hashed(self) -> dict[tuple[str, int], int]:
        """What was counted, by field and keyed hash."""
        return {
            (name, self._hashers[name](value) if name in self._hashers else 0): number
            for (name, value), number in self._values.items()
        }


def _values(standard: Standard) -> Iterator[tuple[str, str]]:
    yield EVERYBODY, ""
    yield from {("given", words[0]) for words in standard.given}
    yield from {("family", family.replace(" ", "")) for family in standard.families}
    if standard.birth_date is not None:
        yield "birth_date", standard.birth_date.isoformat()
