"""An exchange as the plan's own people and systems see it (exchange.md, section 8): ids, codes, counts; no names.

State, answer and clock are three fields; the HTTP status of the call is a fourth and is put in by the route.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from interpayer.audit import ledger
from interpayer.exchange import source_store, store
from interpayer.exchange.completeness import OWN, SourceAsked, rendered
from interpayer.identity import review
from interpayer.model.exchange import FINAL, Role, State
from interpayer.model.reason import REASONS
from interpayer.operations.retention import rule_of
from interpayer.policy.bundle import Bundle
from interpayer.policy.retention import RetentionRule
from interpayer.records import store as records_store
from interpayer.records.codec import Codec
from interpayer.records.joining import contradictions
from interpayer.system.clock import now
from interpayer.system.database import Connection

_INVALID = {"record.unmapped": "unmapped", "record.withheld": "withheld"}
_ASKED = ("request.sent",)
MASKED = "masked"
# Elements whose values an operator may see: when something holds and in which state it is.
_SHOWN = frozenset({"status", "start", "end"})
_ANSWERED = ("partner.answered", "answer.received", "answer.assembled")


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of one exchange: its row, its events, what it brought and what of that was put aside."""

    row: Mapping[str, Any]
    at: datetime
    events: Sequence[Mapping[str, Any]] = ()
    received: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    quarantined: Mapping[str, int] = field(default_factory=dict)
    reviewed: Mapping[str, Any] | None = None
    contradictions: Sequence[Mapping[str, Any]] = ()
    sources: Sequence[SourceAsked] = ()
    retention: RetentionRule | None = None


def load(conn: Connection, exchange_id: str, *, codec: Codec, bundle: Bundle | None = None) -> Found | None:
    """What is known of one exchange now; None when there is none of this id."""
    row = store.row_of(conn, exchange_id)
    if row is None:
        return None
    return Found(
        row=row,
        at=now(),
        events=ledger.events_of(conn, exchange_id),
        received=records_store.received_counts(conn, exchange_id),
        quarantined=records_store.quarantined_counts(conn, exchange_id),
        reviewed=_reviewed(conn, row),
        contradictions=_contradictions(conn, codec, row),
        sources=source_store.of_exchanges(conn, [exchange_id]).get(exchange_id, ()),
        retention=rule_of(bundle, row) if bundle else None,
    )


def is_finished(row: Mapping[str, Any]) -> bool:
    """Whether the result is known and will not change by itself."""
    return State(row["state"]) in FINAL


def summary(row: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """One line of a list."""
    return {
        "exchange": row["id"],
        "role": row["role"],
        "state": row["state"],
        "reason": row["reason"],
        "answer": row["answer"],
        "clock": _clock(row, at),
        "correlation_id": row["correlation_id"],
        "partner": row["partner_id"],
        "organization": row["organization"],
        "member": {"id": row["member_id"]},
        "purpose": row["purpose"],
        "priority": row["priority"],
    }


def render(found: Found) -> dict[str, Any]:
    """The internal rendering of one exchange; pure."""
    row, details = found.row, found.row["details"]
    return {
        **summary(row, found.at),
        "remedy": REASONS[row["reason"]].remedy if row["reason"] in REASONS else None,
        "supply": details.get("supply", []) if row["state"] == State.INCOMPLETE else [],
        "as_of": details.get("as_of"),
        "basis": row["basis"],
        "window": {"from": _iso(row["window_from"]), "to": _iso(row["window_to"])},
        "follows": row["follows"],
        "supersedes": row["supersedes"],
        "standing": row["standing_id"],
        "batch": row["batch_id"],
        "case": row["case_id"],
        "member": _member(found, details.get("match", {})),
        "permission": _permission(row, details),
        "route": details.get("route"),
        "sources": _sources(found),
        "gaps": _gaps(found),
        "conflicts": found.quarantined.get("record.conflict", 0) + len(found.contradictions),
        "stale": details.get("stale", 0),
        "conflicting": [_conflicting(one) for one in found.contradictions],
        "records": _records(found),
        "arrivals": dict(sum((Counter(outcomes) for outcomes in found.received.values()), Counter())),
        "receipt": _receipt(details),
        "retention": _retention(found),
    }


def _retention(found: Found) -> dict[str, Any] | None:
    """The rule under which the request is kept, and until when at the earliest where the exchange is over."""
    rule, row = found.retention, found.row
    if rule is None:
        return None
    until = row["state_at"] + timedelta(days=rule.keep_days) if is_finished(row) else None
    return {"rule": rule.name, "keep_days": rule.keep_days, "until": _iso(until)}


def _clock(row: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The law's time and ours; passing `due_at` is flagged and stops nothing."""
    under_way = State(row["state"]) not in FINAL and row["state"] != State.RELEASED
    return {
        "received_at": _iso(row["received_at"]),
        "state_at": _iso(row["state_at"]),
        "due_at": _iso(row["due_at"]),
        "give_up_at": _iso(row["give_up_at"]),
        "is_overdue": row["overdue_at"] is not None or (under_way and row["due_at"] < at),
    }


def _reviewed(conn: Connection, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Who judged, where a person's word decided who is meant: in the exchange's case, or before it came."""
    match = row["details"].get("match", {})
    if row["member_id"] is None or (row["case_id"] is None and match.get("rule") != "review"):
        return None
    is_theirs = row["role"] == Role.RESPONDER.value
    return review.reviewed_by(conn, row["id"], row["member_id"], row["partner_id"] if is_theirs else None)


def _member(found: Found, match: Mapping[str, Any]) -> dict[str, Any]:
    reviewed = found.reviewed or {}
    return {
        "id": found.row["member_id"],
        "match": {
            "disposition": match.get("disposition"),
            "confidence": match.get("confidence"),
            "basis": f"rule {match['rule']}" if match.get("rule") else None,
            "evidence": match.get("evidence"),
            "candidates": match.get("candidates"),
            "missing": match.get("missing", []),
            "policy_version": match.get("rule_version"),
            "reviewer": reviewed.get("reviewer"),
            "reviewed_at": _iso(reviewed.get("reviewed_at")),
            "review_reason": reviewed.get("why"),
        },
    }


def _permission(row: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Any]:
    decided = details.get("permission", {})
    withheld = details.get("withheld", {})
    return {
        "decision": decided.get("verdict"),
        "reason": decided.get("reason"),
        "consent": decided.get("consent") or row["consent_id"],
        "policy_version": decided.get("policy_version"),
        "withheld": [{"reason": reason, "count": count} for reason, count in sorted(withheld.items())],
    }


def _sources(found: Found) -> list[dict[str, Any]]:
    """The partner when we ask; when we are asked, our sources as they stood when the answer was given, or stand now."""
    row = found.row
    asked, answered = _first(found.events, _ASKED), _first(found.events, _ANSWERED)
    if row["role"] == Role.RESPONDER:
        told = row["details"].get("sources") or rendered(found.sources)
        since = {one["source"]: one for one in rendered(found.sources)}
        return [_since_then(one, since.get(one["source"])) for one in told] or [_not_asked(row, answered)]
    if asked is None:
        return []
    return [
        {
            "source": row["partner_id"],
            "state": "answered" if answered else "asked",
            "asked_at": asked,
            "answered_at": answered,
            "data_as_of": row["details"].get("as_of"),
            "types": _records(found),
        }
    ]


def _not_asked(row: Mapping[str, Any], answered: str | None) -> dict[str, Any]:
    """Answers that were given before sources were noted, and exchanges that did not come so far."""
    state = "answered" if row["answer"] else "not_asked"
    return {"source": OWN, "state": state, "answered_at": answered}


def _since_then(told: Mapping[str, Any], now_: Mapping[str, Any] | None) -> dict[str, Any]:
    """A source that spoke only after the answer: what it said goes with the next increment."""
    if now_ is None or now_["state"] == told["state"]:
        return dict(told)
    return {**told, "since_then": {name: now_[name] for name in ("state", "answered_at", "types") if name in now_}}


def _contradictions(conn: Connection, codec: Codec, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What contradicts in what we answer with."""
    is_answered = row["role"] == Role.RESPONDER and row["member_id"] and row["answer"]
    return contradictions(conn, codec, row["member_id"]) if is_answered else []


def _conflicting(one: Mapping[str, Any]) -> dict[str, Any]:
    """A contradiction; what would tell of the person or of their health is masked, who says it is not."""
    is_shown = one["type"] != "Patient" and one["element"].rpartition(".")[2] in _SHOWN
    told = one["told"]
    values = [{"value": v["value"] if is_shown else MASKED, "source": v["source"]} for v in told["values"]]
    chosen = told["chosen"] if is_shown else MASKED
    return {
        **{"type": one["type"], "element": one["element"], "values": values, "chosen": chosen},
        **{"rule": one["rule"], "rules_version": one["rules_version"], "record": one["record_id"]},
    }


def _gaps(found: Found) -> list[dict[str, Any]]:
    """What is not there, and why; a null never says so."""
    if found.row["role"] == Role.RESPONDER:
        return list(found.row["details"].get("gaps", []))
    gaps: list[dict[str, Any]] = [
        {"kind": _INVALID.get(reason, "invalid"), "source": found.row["partner_id"], "reason": reason, "count": count}
        for reason, count in sorted(found.quarantined.items())
        if reason != "record.conflict"
    ]
    if found.row["answer"] == "partial" and not gaps:
        gaps = [{"kind": "unknown", "source": found.row["partner_id"], "reason": "partner.partial_ack", "count": None}]
    return gaps


def _records(found: Found) -> dict[str, int]:
    """Records by type; those of before come from what was noted when they were delivered."""
    by_type: Mapping[str, Any] = found.received or found.row["details"].get("records", {})
    return {kind: sum(n.values()) if isinstance(n, Mapping) else int(n) for kind, n in by_type.items()}


def _receipt(details: Mapping[str, Any]) -> dict[str, Any] | None:
    released, kept = details.get("released"), details.get("receipt")
    if released:
        member = {"count": released.get("records"), "digest": released.get("digest")}
        return {"job": released.get("job"), "member": member}
    return dict(kept) if kept else None


def _first(events: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str | None:
    return next((str(event["at"]) for event in events if event["name"] in names), None)


def _iso(value: datetime | date | None) -> str | None:
    return value.isoformat().replace("+00:00", "Z") if value is not None else None
