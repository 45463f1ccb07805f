"""Which records of our sources tell of one thing. Pure, and the same whatever the order in which they came.

1. What means one thing (a claim number, the member) joins whoever uses it.
2. Any other number joins records of different sources, unless one source uses it for two things.
3. What the thing itself says joins in the same way, unless both sides have numbers of one system and none in common:
   then nothing is certain, and nothing is joined.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

# Whatever stands for a mark; the store knows it as a keyed hash.
Key: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Seen:
    """One record with its marks."""

    record_id: str
    source: str
    unique: frozenset[Key] = frozenset()
    identifiers: frozenset[Key] = frozenset()
    likeness: frozenset[Key] = frozenset()
    systems: frozenset[Key] = frozenset()


def group(seen: Iterable[Seen]) -> list[tuple[str, ...]]:
    """The record ids that tell of one thing, each group and the list in order; who stands alone is a group too."""
    known = {one.record_id: one for one in seen}
    groups = _Groups(known)
    for ids in _sharing({i: one.unique for i, one in known.items()}):
        groups.join(ids)
    for ids in _sharing({i: one.identifiers for i, one in known.items()}):
        if groups.is_one_a_source(ids):
            groups.join(ids)
    for ids in _sharing({i: one.likeness for i, one in known.items()}):
        if groups.is_one_a_source(ids) and groups.may_be_one(ids):
            groups.join(ids)
    return groups.listed()


class _Groups:
    """Records joined so far."""

    def __init__(self, known: Mapping[str, Seen]) -> None:
        self._known = known
        self._members: dict[str, list[str]] = {record_id: [record_id] for record_id in sorted(known)}
        self._root = {record_id: record_id for record_id in known}

    def join(self, ids: Collection[str]) -> None:
        first, *others = sorted({self._root[i] for i in ids})
        for other in others:
            for record_id in self._members.pop(other):
                self._root[record_id] = first
                self._members[first].append(record_id)

    def is_one_a_source(self, ids: Collection[str]) -> bool:
        """Whether no source has two of these."""
        sources = [{self._known[i].source for i in part} for part in self._parts(ids)]
        return len(set().union(*sources)) == sum(map(len, sources))

    def may_be_one(self, ids: Collection[str]) -> bool:
        """Whether no two of these have different numbers of one system."""
        parts = self._parts(ids)
        numbers = [
            frozenset().union(*(self._known[i].unique | self._known[i].identifiers for i in part)) for part in parts
        ]
        systems = [frozenset().union(*(self._known[i].systems for i in part)) for part in parts]
        places = range(len(parts))
        return not any(systems[a] & systems[b] and not numbers[a] & numbers[b] for a in places for b in places if a < b)

    def _parts(self, ids: Collection[str]) -> list[list[str]]:
        return [self._members[root] for root in sorted({self._root[i] for i in ids})]

    def listed(self) -> list[tuple[str, ...]]:
        return sorted(tuple(sorted(part)) for part in self._members.values())


def _sharing(keys: Mapping[str, frozenset[Key]]) -> list[list[str]]:
    """For each key that several records have, in the order of the keys, those records."""
    found: dict[Key, list[str]] = {}
    for record_id in sorted(keys):
        for key in keys[record_id]:
            found.setdefault(key, []).append(record_id)
    return [found[key] for key in sorted(found) if len(found[key]) > 1]
