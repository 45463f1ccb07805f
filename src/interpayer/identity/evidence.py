"""Why a match came out as it did, as it is kept and as it goes to the ledger: levels and weights, never a value."""

from collections.abc import Mapping
from math import log2
from typing import Any

import orjson

from interpayer.identity.standardize import Standard
from interpayer.model.event import JSON
from interpayer.model.match import Candidate, Match
from interpayer.model.member import Coverage, Demographics, IdKind

FORMAT = 1
_PARTS = (
    ("evidence_id", "disposition", "reason", "member_id"),
    ("rule", "rule_version", "model_version", "threshold_version", "purpose"),
    ("score", "margin", "runner_up"),
    ("missing", "masked"),
)
_SUMS = ("member_id", "rule", "weight", "personal", "household")
_COLUMNS = ("field", "grade", "level", "ledger", "weight", "frequency")


def pack(match: Match) -> bytes:
    """The whole evidence of a match as compact bytes; `unpack` gives the document back."""
    return orjson.dumps(
        [
            FORMAT,
            [match.evidence_id, match.disposition, match.reason, match.member_id],
            [match.rule, match.rule_version, match.model_version, match.threshold_version, match.purpose],
            [match.score, match.margin, match.runner_up],
            [match.missing, match.masked],
            [_packed(candidate) for candidate in match.candidates],
        ]
    )


def unpack(packed: bytes) -> dict[str, Any]:
    """The evidence as a document with names, as `as_document` makes it."""
    number, *parts, candidates = orjson.loads(packed)
    if number != FORMAT:
        raise ValueError("this evidence was written by another release")
    document: dict[str, Any] = {}
    for names, part in zip(_PARTS, parts, strict=True):
        document.update(zip(names, part, strict=True))
    return document | {"candidates": [_unpacked(candidate) for candidate in candidates]}


def as_document(match: Match) -> dict[str, Any]:
    """The whole evidence of a match with names."""
    return unpack(pack(match))


def ledger_facts(match: Match) -> dict[str, JSON]:
    """What the header of the event says: the outcome, its numbers and versions; no member, no value."""
    told: dict[str, JSON] = {
        "disposition": match.disposition.value,
        "rule": match.rule,
        "evidence": match.evidence_id,
        "rule_version": match.rule_version,
        "candidates": len(match.candidates),
        "missing": list(match.missing),
    }
    more: dict[str, JSON] = {
        "masked": list(match.masked),
        "model_version": match.model_version,
        "threshold_version": match.threshold_version,
        "purpose": match.purpose,
        "score": match.score,
        "margin": match.margin,
        "confidence": match.confidence,
    }
    return told | {name: value for name, value in more.items() if value not in (None, [])}


def ledger_body(match: Match) -> dict[str, JSON]:
    """What the sealed half of the event says: every candidate with level, weight, frequency and ledger per field.

    As text, in the very bytes that the zone keeps: the ledger knows no fractions.
    """
    return {"evidence": pack(match).decode()}


def kept_body(kept: Mapping[str, Any]) -> dict[str, JSON]:
    """As `ledger_body`, from evidence that was kept before (a document as `unpack` makes it)."""
    told: list[JSON] = [FORMAT, *([kept[name] for name in names] for names in _PARTS)]
    return {"evidence": orjson.dumps([*told, [_repacked(candidate) for candidate in kept["candidates"]]]).decode()}


def from_body(body: Mapping[str, JSON]) -> dict[str, Any]:
    """The evidence document out of the sealed half of an event."""
    return unpack(str(body["evidence"]).encode())


def confidence(score: float | None) -> float | None:
    """The probability that a score in bits stands for, as the model sees it; None without a score."""
    if score is None:
        return None
    return round(1 / (1 + 2 ** -min(max(score, -60.0), 60.0)), 6)


def bits(probability: float) -> float:
    """The score in bits of a probability."""
    return log2(probability / (1 - probability))


def masked(demographics: Demographics, coverage: Coverage | None, standard: Standard) -> tuple[str, ...]:
    """The fields that were sent with nothing usable in them: placeholders, and values somebody masked."""
    sent = _sent(demographics, coverage)
    usable: Mapping[str, object] = {
        "given_name": standard.given,
        "family_name": standard.families,
        "birth_date": standard.birth_date,
        "sex": standard.sex,
        "ssn4": standard.ssn4,
        "address": standard.addresses or standard.postal_codes,
        "phone": standard.phones,
        "email": standard.emails,
        "member_id": standard.member_ids,
        "subscriber_id": standard.subscriber_ids,
    }
    return tuple(field for field, value in usable.items() if sent[field] and not value)


def _sent(demographics: Demographics, coverage: Coverage | None) -> Mapping[str, object]:
    kinds = {i.kind for i in demographics.identifiers if i.value.strip()}
    return {
        "given_name": any(part.strip() for name in demographics.names for part in name.given),
        "family_name": any((name.family or "").strip() for name in demographics.names),
        "birth_date": demographics.birth_date,
        "sex": (demographics.sex or "").strip().lower() not in ("", "unknown", "other"),
        "ssn4": IdKind.SSN_LAST4 in kinds,
        "address": any((a.line or a.postal_code or "").strip() for a in demographics.addresses),
        "phone": any(p.strip() for p in demographics.phones),
        "email": any(e.strip() for e in demographics.emails),
        "member_id": coverage and (coverage.member_id or "").strip(),
        "subscriber_id": coverage and (coverage.subscriber_id or "").strip(),
    }


def _packed(candidate: Candidate) -> list[Any]:
    fields = [[c.field, c.grade, c.level, c.ledger, c.weight, c.frequency] for c in candidate.comparisons]
    return [
        candidate.member_id,
        candidate.rule,
        candidate.weight,
        candidate.personal,
        candidate.household,
        fields,
    ]


def _unpacked(packed: list[Any]) -> dict[str, Any]:
    *sums, fields = packed
    comparisons = [dict(zip(_COLUMNS, field, strict=True)) for field in fields]
    return {**dict(zip(_SUMS, sums, strict=True)), "comparisons": comparisons}


def _repacked(candidate: Mapping[str, Any]) -> list[JSON]:
    fields: list[JSON] = [[one[column] for column in _COLUMNS] for one in candidate["comparisons"]]
    return [*(candidate[name] for name in _SUMS), fields]
