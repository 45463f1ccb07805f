"""The evidence of a match as a person would say it, and as steps of a waterfall; no value, no I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interpayer.identity.held_back import held_back
from interpayer.identity.rules import RuleTable
from interpayer.identity.scoring.thresholds import Limits
from interpayer.model.reason import REASONS

Document = Mapping[str, Any]

FIELD_WORDS: Mapping[str, str] = {
    "unique_id": "our own member identifier",
    "member_id": "member id",
    "subscriber_id": "subscriber id",
    "birth_date": "birth date",
    "given": "first name",
    "given_name": "first name",
    "middle": "middle name",
    "family": "family name",
    "family_name": "family name",
    "suffix": "name suffix",
    "sex": "sex",
    "ssn4": "last four of the social security number",
    "address": "street address",
    "postal_code": "ZIP code",
    "phone": "phone",
    "email": "e-mail",
}
_GRADE_WORDS: Mapping[str, str] = {
    "equal": "agrees",
    "spelled": "agrees in another spelling",
    "known": "is a short form of the same name",
    "middle": "is the middle name of the other",
    "cut": "is the beginning of the same name",
    "initial": "agrees in the initial",
    "part": "agrees in one part",
    "typo": "differs by a slip",
    "near": "is close and not the same",
    "swapped": "stands in the other name's place",
    "different": "differs",
}
_PEOPLE, _TOGETHER = "people", "household"


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of the waterfall: what it stands for, its weight in bits, and the sum with it."""

    name: str
    words: str
    ledger: str
    weight: float
    total: float


def best_of(document: Document) -> Document | None:
    """The candidate that the decision is about: the member named, else the one whose lead is the margin."""
    candidates: Sequence[Document] = document["candidates"]
    if not candidates:
        return None
    if document["member_id"]:
        return next((c for c in candidates if c["member_id"] == document["member_id"]), candidates[0])
    others = [c for c in candidates if c["member_id"] != document["runner_up"]]
    return max(others or candidates, key=lambda c: -1e9 if c["weight"] is None else c["weight"])


def waterfall(document: Document, candidate: Document) -> list[Step]:
    """The way from nothing known to the candidate's score: the number of people against, then each field.

    Empty for a decision that weighed nothing (a verification, or one of an earlier release).
    """
    best = best_of(document)
    if candidate["weight"] is None or document["score"] is None or best is None:
        return []
    total = document["score"] - (best["weight"] or 0.0)
    steps = [Step(_PEOPLE, "one among all people", "", round(total, 2), round(total, 2))]
    personal = [c for c in candidate["comparisons"] if c["ledger"] == "personal" and c["weight"] is not None]
    household = [c for c in candidate["comparisons"] if c["ledger"] == "household" and c["weight"] is not None]
    for one in [*personal, *household]:
        total += one["weight"]
        steps.append(Step(one["field"], _named(one), one["ledger"], one["weight"], round(total, 2)))
    together = candidate["household"] - sum(one["weight"] for one in household)
    if household and abs(together) >= 0.01:
        words = "what a household shares counts together, up to its cap"
        steps.append(Step(_TOGETHER, words, "household", round(together, 2), round(total + together, 2)))
    return steps


def sentences(document: Document, *, rules: RuleTable, limits: Limits | None = None) -> list[str]:
    """The decision in sentences: what was decided, what speaks for it and against, who else, what was not there."""
    best = best_of(document)
    told = [_decided(document, rules)]
    if best is not None:
        told += [
            _list(f"For {best['member_id']}:", best, wanted=lambda w: w is not None and w > 0),
            _list("Against:", best, wanted=lambda w: w is not None and w < 0),
            _unweighed(best),
            _absent(best),
        ]
    told += [
        _gaps("Sent, and nothing usable in it:", document["masked"]),
        _gaps("Would help and was not sent:", document["missing"]),
        _scored(document, limits),
        _second(document, limits),
        _not_released(document, best, limits),
        f"{_number(len(document['candidates']), 'candidate')} kept as evidence.",
        _versions(document),
    ]
    return [sentence for sentence in told if sentence]


def _decided(document: Document, rules: RuleTable) -> str:
    reason = REASONS.get(document["reason"])
    meaning = reason.meaning.rstrip(".") if reason else document["reason"]
    match document["disposition"]:
        case "certain":
            return f"Certain: this is {document['member_id']}, {_by(document['rule'], rules)}."
        case "review":
            return f"A person has to decide: {_small(meaning)} ({document['reason']})."
        case _:
            return f"Nobody: {_small(meaning)} ({document['reason']})."


def _by(rule: str | None, rules: RuleTable) -> str:
    if rule == "review":
        return "because a named person decided so for this request"
    found = next((r for r in (*rules.rules, *rules.verification) if r.id == rule), None)
    return f"by rule {rule} ({found.title})" if found else "by the weight of the evidence"


def _list(lead: str, candidate: Document, *, wanted: Callable[[float | None], bool]) -> str:
    rows = sorted(
        (c for c in candidate["comparisons"] if wanted(c["weight"])), key=lambda c: abs(c["weight"]), reverse=True
    )
    parts = [f"{_named(c)} ({c['weight']:+.1f} bits{_rare(c)})" for c in rows]
    return f"{lead} {'; '.join(parts)}." if parts else ""


def _unweighed(candidate: Document) -> str:
    if any(c["weight"] is not None for c in candidate["comparisons"]):
        return ""
    parts = [_named(c) for c in candidate["comparisons"] if c["level"] != "missing"]
    return f"Compared: {'; '.join(parts)}." if parts else ""


def _absent(candidate: Document) -> str:
    absent = [c["field"] for c in candidate["comparisons"] if c["level"] == "missing"]
    return _gaps("One side or both do not have:", absent)


def _gaps(lead: str, fields: Sequence[str]) -> str:
    return f"{lead} {', '.join(FIELD_WORDS.get(f, f) for f in fields)}." if fields else ""


def _scored(document: Document, limits: Limits | None) -> str:
    if document["score"] is None:
        return ""
    score = document["score"]
    odds = f"odds of {_round_number(2 ** min(abs(score), 60))} to 1 {'for' if score >= 0 else 'against'} this person"
    told = f"Score {score:.1f} bits, {odds}"
    if limits is None:
        return f"{told}."
    return f"{told}; certain from {limits.certain:g}, a case for a person from {limits.review:g}."


def _second(document: Document, limits: Limits | None) -> str:
    if document["margin"] is None:
        return "No second person came near." if document["score"] is not None else ""
    lead = f"The next person, {document['runner_up']}, lies {document['margin']:.1f} bits behind"
    return f"{lead}; {limits.margin:g} are asked for." if limits else f"{lead}."


def _not_released(document: Document, best: Document | None, limits: Limits | None) -> str:
    if document["disposition"] != "review" or best is None or limits is None:
        return ""
    why = held_back(document, best, limits)
    return f"Not released by itself, because {'; and because '.join(why)}." if why else ""


def _versions(document: Document) -> str:
    named = {
        "rules": document["rule_version"],
        "model": document["model_version"],
        "thresholds": document["threshold_version"],
        "purpose": document["purpose"],
    }
    return "Decided with " + ", ".join(f"{name} {value}" for name, value in named.items() if value) + "."


def _named(comparison: Document) -> str:
    grade = comparison["grade"] or comparison["level"]
    field = FIELD_WORDS.get(comparison["field"], comparison["field"])
    return f"{field} {_GRADE_WORDS.get(grade, grade)}"


def _rare(comparison: Document) -> str:
    share = comparison["frequency"]
    return f", 1 of {_round_number(1 / share)} has it" if share else ""


def _round_number(value: float) -> str:
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:,.3g} {word}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]
