"""Why a request was decided as it was: the evidence in words; the people behind it only to who may see them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from interpayer.audit.ledger import events_of
from interpayer.exchange import store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import review
from interpayer.identity import store as identity_store
from interpayer.identity.evidence import from_body
from interpayer.identity.explaining import best_of, sentences, waterfall
from interpayer.identity.learning import store as learning_store
from interpayer.identity.masking import clear_document, masked_document
from interpayer.identity.scoring.thresholds import Limits, Thresholds, default_thresholds, read_thresholds
from interpayer.model.event import JSON, Event
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection

CHAIN = "identity"
_DOCUMENT = (
    "evidence_id", "disposition", "reason", "member_id", "rule", "rule_version", "model_version", "threshold_version",
    "purpose", "score", "margin", "runner_up", "missing", "masked", "candidates",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sight:
    """How much of the people may be shown: nothing, masked, or values; for values somebody says why."""

    sides: bool = False
    unmasked: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The evidence, its words and steps by member, where it stands on the ledger, and the sides as far as allowed."""

    evidence: dict[str, Any]
    at: str
    words: list[str]
    steps: dict[str, list[dict[str, Any]]]
    exchange_id: str | None
    case_id: str | None
    ledger: dict[str, Any] | None
    limits: dict[str, Any] | None
    sides: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class _About:
    """What a subject leads to."""

    evidence_id: str
    exchange_id: str | None = None
    case: review.CaseRow | None = None
    partner_id: str | None = None


def explain(tools: Tools, conn: Connection, subject: str, *, actor: Actor, sight: Sight) -> Explanation:
    """Explain the decision behind evidence (e-…), an exchange (x-…) or a case (c-…). A look at values is an event.

    `Refusal` when nothing is known of the subject, when its evidence was forgotten, or when nobody says why they look.
    """
    about = _about(conn, subject)
    kept = identity_store.evidence(conn, about.evidence_id)
    if kept is None:
        raise Refusal("request.not_found", "its evidence is not kept any more")
    document = {name: kept.get(name) for name in _DOCUMENT} | {
        name: kept.get(name) or [] for name in ("missing", "masked", "candidates")
    }
    limits = _limits(conn, document, about.partner_id)
    candidates: Sequence[Mapping[str, Any]] = document["candidates"]
    told = sentences(document, rules=tools.resolver.rules, limits=limits)
    steps = {c["member_id"]: [asdict(step) for step in waterfall(document, c)] for c in _first(document, candidates)}
    return Explanation(
        evidence=document,
        at=kept["at"].isoformat(),
        words=told,
        steps=steps,
        exchange_id=about.exchange_id,
        case_id=about.case.id if about.case else None,
        ledger=_on_ledger(tools, conn, about, document),
        limits=asdict(limits) if limits else None,
        sides=_sides(tools, conn, about, document, sight=sight, actor=actor) if sight.sides else None,
    )


def _about(conn: Connection, subject: str) -> _About:
    match subject[:2]:
        case "e-":
            return _About(subject)
        case "c-":
            case = review.case(conn, subject)
            if case is not None and case.evidence_id:
                return _About(case.evidence_id, next(iter(case.exchange_ids), None), case, case.partner_id)
        case "x-":
            row = store.row_of(conn, subject)
            evidence_id = ((row or {}).get("details") or {}).get("match", {}).get("evidence")
            if row is not None and evidence_id:
                case = review.case(conn, row["case_id"]) if row.get("case_id") else None
                return _About(evidence_id, subject, case, row["partner_id"])
    raise Refusal("request.not_found", "give evidence (e-…), an exchange (x-…) or a case (c-…) about who is meant")


def _first(document: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    best = best_of(document)
    return [best, *(c for c in candidates if c is not best)] if best is not None else []


def _limits(conn: Connection, document: Mapping[str, Any], partner: str | None) -> Limits | None:
    """The limits of that day, by their version; None when nothing was weighed or that file was never adopted here."""
    version = document["threshold_version"]
    if version is None:
        return None
    found: Thresholds = default_thresholds()
    if found.version != version:
        text = learning_store.content_of(conn, version)
        if text is None:
            return None
        found = read_thresholds(text)
    return replace(found.for_(partner, document["purpose"] or ""), version=version)


def _on_ledger(tools: Tools, conn: Connection, about: _About, document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event that carries this evidence, and whether its sealed half says the same."""
    if about.exchange_id is None:
        return None
    events = [
        event for event in events_of(conn, about.exchange_id) if event["facts"].get("evidence") == about.evidence_id
    ]
    if not events:
        return None
    first = events[0]
    body = tools.ledger.bodies(conn, [first["id"]]).get(first["id"], {})
    same = from_body(body) == document if "evidence" in body else None
    return {"event": first["id"], "name": first["name"], "at": first["at"], "says_the_same": same}


def _sides(
    tools: Tools, conn: Connection, about: _About, document: Mapping[str, Any], *, sight: Sight, actor: Actor
) -> dict[str, Any]:
    if sight.unmasked:
        _look(tools, conn, about, document, why=sight.why, actor=actor)
    if about.case is not None:
        return review.sides(conn, tools.vault, about.case.id, masked=not sight.unmasked)
    show = clear_document if sight.unmasked else masked_document
    ids = [c["member_id"] for c in document["candidates"]]
    held = identity_store.held_members(conn, tools.vault, ids)
    return {"asked": None, "candidates": [{"member_id": m, **show(held[m].profile)} for m in ids if m in held]}


def _look(
    tools: Tools, conn: Connection, about: _About, document: Mapping[str, Any], *, why: str, actor: Actor
) -> None:
    if not why.strip():
        raise Refusal("request.malformed", "say why the values are needed")
    facts: dict[str, JSON] = {
        "what": "unmasked sides of a match",
        "evidence": about.evidence_id,
        "why": why.strip(),
        "people": len(document["candidates"]),
    }
    event = Event(
        *("access.looked", about.exchange_id or CHAIN, actor.type, actor.id),
        exchange_id=about.exchange_id,
        partner_id=about.partner_id,
        member_id=document["member_id"],
        facts=facts,
    )
    tools.ledger.append(conn, event)
