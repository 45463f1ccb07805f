"""What becomes of declared sources, as a golden case tells it: every record accounted for, and one record of several.

`in.sources.yaml` holds one or more declarations (separated by `---`) whose files lie beside it. Nothing is stored: the
grouping and uniting are those that the store uses, over everything that was kept.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from interpayer.adapters.declaration import Declaration
from interpayer.exchange.sources.refining import Kept, Refined
from interpayer.model.record import Marks
from interpayer.normalization.grouping import Seen, group
from interpayer.normalization.merge import read_instant
from interpayer.normalization.precedence import default_precedence
from interpayer.normalization.recognition import marks_of
from interpayer.normalization.uniting import Contribution, unite
from tests.support.sources import a_declaration, a_workshop

Json = dict[str, Any]
# Of nobody in particular, and said again by every record that names them.
SHARED = frozenset({"Organization", "Practitioner"})


@dataclass
class Outcome:
    """What is told of one or several sources."""

    accounts: dict[str, Json] = field(default_factory=dict)
    apart: list[Json] = field(default_factory=list)
    kept: dict[str, Kept] = field(default_factory=dict)

    def add(self, source: str, refined: Refined) -> None:
        """Take one record of a source in; the newer word of a source on a thing takes the place of its older one."""
        found = refined.found
        account = self.accounts[source]
        account["read"] += 1
        account[refined.state] += 1
        for told, words in (("no_translation", refined.unmapped), ("not_readable", refined.left_out)):
            account[told] = sorted({*account[told], *words})
        for one in refined.rejected:
            flaws = [f"{flaw.code} at {flaw.path}".removesuffix(" at ") + f": {flaw.text}" for flaw in one.flaws]
            self.apart.append({"entity": found.entity, "file": found.file, "reason": one.reason, "flaws": flaws})
        for one in refined.kept:
            name = f"{source}: {one.resource['resourceType']}/{one.resource['id']}"
            if one.resource["resourceType"] not in SHARED and _said_at(one) >= _said_at(self.kept.get(name)):
                self.kept[name] = one

    def as_json(self) -> Json:
        """Everything that is told, in one document."""
        told = {name: orjson.loads(one.raw) for name, one in self.kept.items()}
        marks = {name: marks_of(resource) for name, resource in told.items()}
        groups = group(_seen(name, self.kept[name], marks[name]) for name in told)
        united = [unite([_contribution(i, self.kept[i], told[i]) for i in ids], default_precedence()) for ids in groups]
        return {
            "accounts": self.accounts,
            "apart": self.apart,
            "records": [{"told_by": list(one.record_ids), "resource": one.resource} for one in united],
            "conflicts": [
                {
                    "element": c.element,
                    "values": {s.source: s.value for s in c.values},
                    "stands": c.chosen,
                    "why": c.rule,
                }
                for one in united
                for c in one.conflicts
            ],
            "takes_the_place_of": _replaced(marks),
        }


def outcome_of(declared: Path) -> Json:
    """What becomes of the sources that this file declares."""
    workshop, outcome = a_workshop(), Outcome()
    for text in declared.read_text("utf-8").split("\n---\n"):
        declaration: Declaration = a_declaration(declared.parent, text)
        zero = {"read": 0, "mapped": 0, "quarantined": 0, "out_of_scope": 0, "no_translation": [], "not_readable": []}
        outcome.accounts[declaration.name] = zero
        refinery = workshop.refinery(declaration)
        for found in workshop.source(declaration).read():
            outcome.add(declaration.name, refinery.refine(found))
    return outcome.as_json()


def _said_at(kept: Kept | None) -> str:
    return str(kept.resource.get("meta", {}).get("lastUpdated", "")) if kept else ""


def _seen(name: str, kept: Kept, marks: Marks) -> Seen:
    whose = _person(kept.resource)
    sets = (marks.unique, marks.identifiers, marks.likeness, marks.systems)
    return Seen(name, kept.stamp.source, *(frozenset(f"{whose}|{text}" for text in texts) for texts in sets))


def _person(resource: Json) -> str:
    """Type and person: only what is of one member is ever compared. Sources of one case know people by one number."""
    own = resource["id"] if resource["resourceType"] == "Patient" else ""
    named = resource.get("patient") or resource.get("beneficiary") or resource.get("subject") or {}
    return f"{resource['resourceType']}|{own or named.get('reference', '')}"


def _contribution(name: str, kept: Kept, resource: Json) -> Contribution:
    meta = resource.get("meta", {})
    return Contribution(name, kept.stamp.source, kept.stamp.role, read_instant(meta.get("lastUpdated")), resource)


def _replaced(marks: dict[str, Marks]) -> dict[str, list[str]]:
    """Who takes the place of whom, by the claim's number, or by another that names just one; as the store says it."""
    found: dict[str, list[str]] = {}
    for later, mark in marks.items():
        others = {name: other for name, other in marks.items() if name != later}
        for number in mark.replaces:
            own = [name for name, other in others.items() if number in other.unique]
            named = [name for name, other in others.items() if number in (*other.unique, *other.aliases)]
            found[later] = found.get(later, []) + (own or (named if len(named) == 1 else []))
    return {later: formers for later, formers in found.items() if formers}
