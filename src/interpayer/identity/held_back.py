"""Why weighty evidence was yet no release: the limits and guards that held it back, one sentence each (no I/O)."""

from collections.abc import Iterator, Mapping
from typing import Any

from interpayer.identity.comparison import FIELDS, Grade
from interpayer.identity.scoring.guards import bar, joined, name_in_doubt
from interpayer.identity.scoring.model import default_model
from interpayer.identity.scoring.thresholds import Limits
from interpayer.identity.scoring.weigh import Weighed

Document = Mapping[str, Any]
_CONFLICTS: Mapping[str, str] = {
    "identity.conflict_birth_date": "the birth date speaks against it, and no two ids of the person's own outvote it",
    "identity.conflict_name": "the name speaks against it, and no two ids of the person's own outvote it",
}


def held_back(document: Document, candidate: Document, limits: Limits) -> list[str]:
    """What kept this candidate from being released; nothing for a decision that weighed nothing."""
    if candidate["weight"] is None or document["score"] is None:
        return []
    return [*_by_guards(_weighed(candidate), limits, score=document["score"]), *_by_limits(document, candidate, limits)]


def _by_guards(weighed: Weighed, limits: Limits, *, score: float) -> Iterator[str]:
    grades = weighed.grades
    if Grade.MISSING in (grades["birth_date"], grades["given"]):
        yield "without a birth date and a first name on both sides nobody is released"
        return
    reason = bar(weighed, limits, score=score)
    if reason is None:
        return
    if reason in _CONFLICTS:
        yield _CONFLICTS[reason]
    if grades["ssn4"] in (Grade.DIFFERENT, Grade.TYPO):
        yield "the last four of the social security number differ, and something else is not equal"
    if grades["sex"] is Grade.DIFFERENT and grades["given"] is not Grade.EQUAL:
        yield "the sex differs, and the first name is not quite the same"
    if name_in_doubt(weighed, limits):
        yield "a first name that is not the very same may be a relative's own, and no id of the person's own agrees"
    if joined(weighed) < limits.joining:
        yield (
            f"ids, address, phone and e-mail together speak with {joined(weighed):.1f} bits; {limits.joining:g} are "
            "asked for, because name and birth date may be two people's, or a rare name and a score of "
            f"{limits.alone:g}"
        )


def _by_limits(document: Document, candidate: Document, limits: Limits) -> Iterator[str]:
    if document["score"] < limits.certain:
        yield f"the score of {document['score']:.1f} bits is below the limit for certain, {limits.certain:g}"
    if candidate["personal"] < limits.personal:
        yield f"personal evidence is {candidate['personal']:.1f} bits; {limits.personal:g} are asked for"
    if document["margin"] is not None and document["margin"] < limits.margin:
        yield f"another person is only {document['margin']:.1f} bits behind; {limits.margin:g} are asked for"
    if limits.needs_id and {"member_id", "subscriber_id"} <= set(document["missing"]):
        yield "no insurance id was sent, and this purpose asks for one"


def _weighed(candidate: Document) -> Weighed:
    """The comparison as the guards read it."""
    kept = {one["field"]: one for one in candidate["comparisons"]}
    grades = {name: Grade(kept[name]["grade"]) if name in kept else Grade.MISSING for name in FIELDS}
    weights = {name: one["weight"] for name, one in kept.items() if one["weight"] is not None}
    personal, household = candidate["personal"], candidate["household"]
    shares = {name: one["frequency"] for name, one in kept.items() if one["frequency"] is not None}
    return Weighed(grades, weights, shares, personal, household, personal + household, default_model())
