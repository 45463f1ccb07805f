"""One record out of what several of our sources say of one thing; what contradicts is kept beside it, with the rule.

The order in which the sources came makes no difference: they are ranked first, by kind of knowledge (``precedence``),
then by how new their word is, then by name.

1. An element that only some have is taken from the best of those.
2. Values that mean the same are one value; of two times that mean the same the more exact one stands.
3. Lists of names, identifiers, telecoms and the like are put together. The parts of a claim point at each other by
   number, so they are taken whole from one source.
4. Of values that contradict, the best source's stands, and all are kept as a conflict.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson

from interpayer.normalization.precedence import BY_NAME, NEWER, Precedence
from interpayer.normalization.recognition import number_of
from interpayer.normalization.times import is_time, more_exact, says_the_same_time

Resource: TypeAlias = dict[str, Any]
_EVER = datetime(1, 1, 1, tzinfo=UTC)
_NOT_MERGED = frozenset({"resourceType", "id", "meta"})
# Linked by numbers inside one resource.
NUMBERED = frozenset({
    "item", "addItem", "careTeam", "supportingInfo", "diagnosis", "procedure", "insurance", "processNote", "related",
})  # fmt: skip
# Of value[x] one kind only may stand.
_CHOICES = (
    "effective", "onset", "abatement", "value", "performed", "occurrence", "deceased", "multipleBirth", "medication",
    "reported", "serviced",
)  # fmt: skip
# Two sources name one place or practitioner by two records of theirs: no contradiction.
_REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one source says: who it is, what it knows (``role``), when it said so, and the canonical resource."""

    record_id: str
    source: str
    role: str
    said_at: datetime | None
    resource: Resource


@dataclass(frozen=True, slots=True)
class Said:
    """One of the values that contradict each other, and who says it."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An element of which sources say different things; ``chosen`` is the value that stands, ``rule`` why."""

    element: str
    values: tuple[Said, ...]
    chosen: Any
    rule: str


@dataclass(frozen=True, slots=True)
class United:
    """The one record, what contradicts in it, and the record ids that it is made of, best first."""

    resource: Resource
    conflicts: tuple[Conflict, ...]
    record_ids: tuple[str, ...]


def unite(contributions: Iterable[Contribution], precedence: Precedence) -> United:
    """The one record of these contributions (of one type); id and meta.source are those of the best one."""
    best, *others = ranked = sorted(contributions, key=lambda c: _rank(c, precedence))
    if not others:
        return United(best.resource, (), (best.record_id,))
    merging = _Merging(str(best.resource.get("resourceType")), precedence)
    united: Resource = {name: value for name, value in best.resource.items() if name in _NOT_MERGED} | {
        "meta": _meta([c.resource for c in ranked])
    }
    for name in dict.fromkeys(name for c in ranked for name in c.resource if name not in _NOT_MERGED):
        if name not in united and not merging.is_taken(name, united):
            united |= merging.element(name, ranked)
    return United(united, tuple(merging.conflicts), tuple(c.record_id for c in ranked))


class _Merging:
    """The elements of one record, one after the other."""

    def __init__(self, resource_type: str, precedence: Precedence) -> None:
        self._type = resource_type
        self._precedence = precedence
        self.conflicts: list[Conflict] = []

    def is_taken(self, name: str, united: Mapping[str, Any]) -> bool:
        """Whether another kind of the same choice stands already."""
        choice = _choice(name)
        return bool(choice) and any(other != name and _choice(other) == choice for other in united)

    def element(self, name: str, ranked: Sequence[Contribution]) -> Resource:
        """The element as it stands in the one record; nothing when its block belongs to another source."""
        holders = [c for c in ranked if name in c.resource]
        if self._type == "ExplanationOfBenefit" and name in NUMBERED:
            return self._block(name, ranked, holders)
        holders.sort(key=lambda c: _rank(c, self._precedence, name))
        values = [c.resource[name] for c in holders]
        if isinstance(values[0], list):
            # two sources name one payer or place by two records of theirs: putting them together would make it two
            return {name: values[0] if _refers(values[0]) else _together(values)}
        return {name: self._one(name, holders, values)}

    def _one(self, path: str, holders: Sequence[Contribution], values: Sequence[Any]) -> Any:
        """One value out of these, best first."""
        if all(isinstance(value, dict) for value in values) and not _is_whole(values):
            names = dict.fromkeys(name for value in values for name in value)
            parts = {n: [(h, v[n]) for h, v in zip(holders, values, strict=True) if n in v] for n in names}
            return {
                n: self._one(f"{path}.{n}", [h for h, _ in held], [v for _, v in held]) for n, held in parts.items()
            }
        stands = values[0]
        for value in values[1:]:
            if _same(stands, value):
                stands = _fuller(stands, value)
        if not all(_same(stands, value) for value in values):
            self._contradicts(path, holders, values)
        return stands

    def _block(self, name: str, ranked: Sequence[Contribution], holders: Sequence[Contribution]) -> Resource:
        """A numbered part of a claim, from the one source that has the services; differing codes contradict."""
        owner = next((c for c in ranked if "item" in c.resource), holders[0])
        told = [(c, _codes_in(c.resource[name])) for c in holders]
        if len({codes for _, codes in told if codes}) > 1:
            self._contradicts(name, [c for c, codes in told if codes], [list(codes) for _, codes in told if codes])
        if name in owner.resource:
            return {name: owner.resource[name]}
        return {} if name in {"item", "addItem"} or _points(owner, name) else {name: holders[0].resource[name]}

    def _contradicts(self, path: str, holders: Sequence[Contribution], values: Sequence[Any]) -> None:
        said = tuple(Said(value, c.source) for c, value in zip(holders, values, strict=True))
        self.conflicts.append(Conflict(path, said, values[0], self._rule(path, holders)))

    def _rule(self, path: str, holders: Sequence[Contribution]) -> str:
        first, second = holders[0], holders[1]
        element = path.partition(".")[0]
        ranks = [self._precedence.rank(c.role, self._type, element) for c in (first, second)]
        if ranks[0] < ranks[1]:
            return f"{first.role or 'any other'} outranks {second.role or 'any other'}"
        return NEWER if (first.said_at or _EVER) > (second.said_at or _EVER) else BY_NAME


def _rank(one: Contribution, precedence: Precedence, element: str = "") -> tuple[int, float, str, str]:
    said_at = one.said_at or _EVER
    kind = str(one.resource.get("resourceType"))
    return precedence.rank(one.role, kind, element), -said_at.timestamp(), one.source, one.record_id


def _meta(resources: Sequence[Resource]) -> Resource:
    """The best one's, with every label that any source set: a restriction is never lost by merging."""
    metas = [meta for r in resources if isinstance(meta := r.get("meta"), dict)]
    best = dict(metas[0]) if metas else {}
    for name in ("security", "tag"):
        if labels := _together([meta[name] for meta in metas if isinstance(meta.get(name), list)]):
            best[name] = labels
    return best


def _choice(name: str) -> str:
    return next((c for c in _CHOICES if name.startswith(c) and name[len(c) : len(c) + 1].isupper()), "")


def _is_whole(values: Sequence[Mapping[str, Any]]) -> bool:
    """Concepts, quantities and references are one value, not a bag of parts."""
    return any(name in value for value in values for name in ("coding", "text", "value", "code", _REFERENCE))


def _refers(entries: Sequence[Any]) -> bool:
    """Whether a list holds references only."""
    names = {"reference", "display", "type", "identifier", "extension"}
    return all(isinstance(e, dict) and set(e) <= names and {"reference", "display"} & set(e) for e in entries)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        if is_time(one) and is_time(other):
            return says_the_same_time(one, other)
        return one.strip().casefold() == other.strip().casefold()
    if isinstance(one, dict) and isinstance(other, dict):
        return _same_object(one, other)
    return _text(one) == _text(other)


def _same_object(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if _REFERENCE in one or _REFERENCE in other:
        return True
    if "coding" in one and "coding" in other:
        return bool(_codings(one) & _codings(other))
    if "value" in one and "value" in other:
        units = [value.get("code") or value.get("unit") for value in (one, other)]
        return number_of(one["value"]) == number_of(other["value"]) and units[0] == units[1]
    return _text(one) == _text(other)


def _fuller(one: Any, other: Any) -> Any:
    """Of two values that mean the same, what says more."""
    if isinstance(one, str) and isinstance(other, str) and is_time(one) and is_time(other):
        return more_exact(one, other)
    if isinstance(one, dict) and isinstance(other, dict) and "coding" in one and "coding" in other:
        return {**other, **one, "coding": _together([one["coding"], other["coding"]])}
    return one


def _together(lists: Sequence[Sequence[Any]]) -> list[Any]:
    """Everything once, best first; identifiers and telecoms are one by system and value."""
    found: dict[str, Any] = {}
    for entry in (entry for entries in lists for entry in entries):
        found.setdefault(_key(entry), entry)
    return list(found.values())


def _key(entry: Any) -> str:
    if isinstance(entry, dict) and isinstance(entry.get("value"), str) and "system" in entry:
        return f"{entry['system']}|{entry['value'].strip().casefold()}"
    return _text(entry).casefold()


def _codings(concept: Mapping[str, Any]) -> set[str]:
    coded = {str(coding.get("code")) for coding in concept["coding"] if isinstance(coding, dict) and "code" in coding}
    return {code.replace(".", "") for code in coded}


def _codes_in(entries: Any) -> tuple[str, ...]:
    """The codes of services or diagnoses in a block, for comparing two sources' blocks."""
    found: set[str] = set()
    for entry in entries if isinstance(entries, list) else ():
        for name in ("productOrService", "diagnosisCodeableConcept", "procedureCodeableConcept"):
            concept = entry.get(name) if isinstance(entry, dict) else None
            if isinstance(concept, dict) and isinstance(concept.get("coding"), list):
                found |= _codings(concept)
    return tuple(sorted(found))


def _points(owner: Contribution, name: str) -> bool:
    """Whether the services of this source point by number at such a part, which another source numbers otherwise."""
    pointer = {"careTeam": "careTeamSequence", "supportingInfo": "informationSequence"}.get(name, f"{name}Sequence")
    items = owner.resource.get("item")
    return any(pointer in item for item in items if isinstance(item, dict)) if isinstance(items, list) else False


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
