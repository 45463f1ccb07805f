"""`source report`: how good a source's data are: complete, valid, unique, known codes, fresh; and its worst records."""

import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson

from interpayer.exchange.sources.account import Account
from interpayer.exchange.sources.refining import Kept, Refined, unnumbered
from interpayer.normalization.times import times_of
from interpayer.operations.sourcing.collecting import seldom_collected
from interpayer.operations.sourcing.reading import TELL_EVERY, Reading

# What a reader of this plan's answers looks for, beyond what FHIR requires; others are told when they were seen.
EXPECTED = {
    "Patient": ("identifier", "name", "birthDate", "gender", "address", "telecom"),
    "Coverage": ("identifier", "subscriberId", "beneficiary", "relationship", "period", "payor", "type"),
    "ExplanationOfBenefit": ("identifier", "billablePeriod", "provider", "careTeam", "diagnosis", "item", "insurance"),
    "Encounter": ("identifier", "type", "period", "participant", "location", "serviceProvider"),
    "Observation": ("category", "code", "effective[x]", "value[x]", "performer", "interpretation"),
    "Condition": ("clinicalStatus", "verificationStatus", "category", "code", "onset[x]", "recordedDate"),
    "Immunization": ("vaccineCode", "occurrence[x]", "lotNumber", "performer", "primarySource"),
    "DiagnosticReport": ("category", "code", "effective[x]", "issued", "result", "performer"),
    "MedicationRequest": ("medication[x]", "authoredOn", "requester", "dosageInstruction"),
    "Procedure": ("code", "performed[x]", "performer"),
    "DocumentReference": ("type", "date", "author", "content", "context"),
}
_HEAD = {"resourceType", "id", "meta"}
WORST = 20
# So many resources are held in mind to find what comes twice (32 bytes each); beyond, the report says so.
MOST_REMEMBERED = 1_000_000


@dataclass(slots=True)
class Quality:
    """What was counted; holds no value of a record."""

    account: Account
    resources: Counter[str] = field(default_factory=Counter)
    filled: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    no_system: Counter[str] = field(default_factory=Counter)
    twins: Counter[str] = field(default_factory=Counter)
    contradicting: Counter[str] = field(default_factory=Counter)
    in_future: Counter[str] = field(default_factory=Counter)
    undated: Counter[str] = field(default_factory=Counter)
    newest: date | None = None
    oldest: date | None = None
    is_cut: bool = False
    worst: list[tuple[int, int, str, int, str, tuple[str, ...]]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        numbers = self.account.numbers()
        return {
            "records": numbers,
            "valid_share": _share(numbers["mapped"], numbers["mapped"] + numbers["quarantined"]),
            "resources": dict(sorted(self.resources.items())),
            "completeness": self._completeness(),
            "broken_rules": dict(self.rules.most_common(50)),
            "unknown_codes": dict(self.account.unmapped.most_common(50)),
            "codes_without_system": dict(+self.no_system),
            "not_readable": dict(self.account.left_out.most_common(50)),
            "duplicates": {"same_content": dict(+self.twins), "same_id_other_content": dict(+self.contradicting)},
            "duplicates_are_cut": self.is_cut,
            "dates": {
                "oldest": self.oldest.isoformat() if self.oldest else None,
                "newest": self.newest.isoformat() if self.newest else None,
                "in_future": dict(+self.in_future),
                "undated": dict(+self.undated),
            },
            "not_evaluated": dict(self.account.not_evaluated.most_common(20)),
            "worst": [
                {"file": file, "position": position, "entity": entity, "flaws": flaws, "rules": list(rules)}
                for flaws, _, file, position, entity, rules in sorted(self.worst, reverse=True)
            ],
        }

    def _completeness(self) -> dict[str, dict[str, float]]:
        told: dict[str, dict[str, float]] = {}
        for kind, count in sorted(self.resources.items()):
            seen = {element for of, element in self.filled if of == kind}
            names = [*EXPECTED.get(kind, ()), *sorted(seen - set(EXPECTED.get(kind, ())))]
            told[kind] = {name: _share(self.filled[kind, name], count) for name in names}
        return told


class _Measuring:
    """Takes one record after the other; remembers hashes only."""

    def __init__(self, quality: Quality, today: date) -> None:
        self._quality, self._today = quality, today
        self._contents: dict[bytes, bytes] = {}
        self._ids: dict[bytes, bytes] = {}
        self._count = 0

    def add(self, refined: Refined) -> None:
        """Count one record in."""
        quality = self._quality
        quality.account.add(refined)
        self._count += 1
        flaws = [flaw for one in refined.rejected for flaw in one.flaws]
        rules = [f"{flaw.code} at {unnumbered(flaw.path)}" if flaw.path else flaw.text for flaw in flaws]
        quality.rules.update(rules)
        if flaws:
            place = refined.found.file, refined.found.position, refined.found.entity
            row = (len(flaws), -self._count, *place, tuple(dict.fromkeys(rules))[:5])
            (heapq.heappush if len(quality.worst) < WORST else heapq.heappushpop)(quality.worst, row)
        for kept in refined.kept:
            self._resource(kept)

    def _resource(self, kept: Kept) -> None:
        quality, resource = self._quality, kept.resource
        kind = str(resource["resourceType"])
        if self._is_again(kind, kept):
            return
        quality.resources[kind] += 1
        quality.filled.update((kind, name) for name in {_element(kind, n) for n, v in resource.items() if v} - _HEAD)
        quality.no_system[kind] += sum(_codes_without_system(resource))
        newest = times_of(resource).newest
        if newest is None:
            quality.undated[kind] += 1
            return
        quality.in_future[kind] += newest > self._today
        quality.newest = max(newest, quality.newest or newest)
        quality.oldest = min(newest, quality.oldest or newest)

    def _is_again(self, kind: str, kept: Kept) -> bool:
        """Whether the resource was there before, word by word; notes what only looks the same, or contradicts."""
        quality = self._quality
        told = {name: value for name, value in kept.resource.items() if name not in ("id", "meta", "text")}
        content = _digest(orjson.dumps(told, option=orjson.OPT_SORT_KEYS))
        named = _digest(f"{kind}/{kept.resource.get('id')}".encode())
        known = self._ids.get(named)
        if known == content:
            return True
        quality.contradicting[kind] += known is not None
        quality.twins[kind] += content in self._contents and self._contents[content] != named
        if len(self._ids) >= MOST_REMEMBERED:
            quality.is_cut = True
            return False
        self._ids[named] = content
        self._contents.setdefault(content, named)
        return False


def measure(reading: Reading, *, progress: Callable[[int], None] | None = None) -> Quality:
    """Read the whole source and say how good it is."""
    declaration = reading.refinery.declaration
    quality = Quality(Account(declaration.name, declaration.kind, declaration.version))
    measuring = _Measuring(quality, reading.at.date())
    with seldom_collected():
        for refined in reading.refinery.refine_all(reading.found):
            measuring.add(refined)
            if progress is not None and quality.account.read % TELL_EVERY == 0:
                progress(quality.account.read)
    return quality


def _element(kind: str, name: str) -> str:
    """The element of a property: `value[x]` for valueQuantity; a primitive's `_name` counts for the primitive."""
    plain = name.removeprefix("_")
    choices = (one for one in EXPECTED.get(kind, ()) if one.endswith("[x]"))
    return next((one for one in choices if re.match(rf"{one[:-3]}[A-Z]", plain)), plain)


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()


def _codes_without_system(node: Any) -> list[bool]:
    """For every coding with a code: whether it lacks its system."""
    if isinstance(node, list):
        return [found for one in node for found in _codes_without_system(one)]
    if not isinstance(node, dict):
        return []
    coding = node.get("coding")
    own = [isinstance(one, dict) and "code" in one and "system" not in one for one in coding or []] if coding else []
    return own + [found for value in node.values() for found in _codes_without_system(value)]


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
