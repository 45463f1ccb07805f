"""The console's sentences: where an exchange stands, how much time is left, what a comparison said (pure)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from interpayer.model.exchange import Role

_STATES = {
    "received": "kept, waits for its turn",
    "incomplete": "lacks something",
    "validated": "complete, waits for identity",
    "identified": "member is certain, waits for consent",
    "in_review": "a person must decide",
    "unresolved": "no such member, or several",
    "permitted": "permitted",
    "blocked": "consent or policy say no",
    "routed": "route chosen",
    "queued": "waits for capacity or for the partner",
    "sent": "request delivered",
    "acknowledged": "the partner works on it",
    "receiving": "the answer is coming in",
    "gathering": "the answer is being gathered",
    "reconciling": "the answer is being taken in",
    "assembling": "the answer is being put together",
    "released": "the partner can fetch the answer",
    "completed": "done",
    "escalated": "automation gave up, an owner has it",
    "failed": "a fault ended it",
    "cancelled": "cancelled",
    "expired": "our time limit ended it",
    "revoked": "the member withdrew",
    "recalled": "recalled",
    "archived": "archived",
}
_LEVELS = {"equal": "= same", "close": "≈ partly", "different": "≠ different", "missing": "– missing"}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def state(name: str) -> str:
    """A state in words."""
    return _STATES.get(name, name.replace("_", " "))


def level(name: str) -> str:
    """What a comparison said, as symbol and word; color never stands alone."""
    return _LEVELS.get(name, name)


def time_left(due_at: datetime, at: datetime) -> str:
    """How long until something is due, or since when it is overdue."""
    seconds = int((due_at - at).total_seconds())
    return f"{_span(seconds)} left" if seconds >= 0 else f"overdue by {_span(-seconds)}"


def outcome(exchange: Mapping[str, Any], partner_name: str | None) -> str:
    """The first sentence of an exchange: between whom, since when, how it ended or stands."""
    other = partner_name or exchange["organization"] or "a payer that is not named yet"
    day = str(exchange["clock"]["received_at"])[:10]
    if exchange["role"] == Role.RESPONDER:
        begin = f"{other} asked us on {day} for one member's history"
    else:
        begin = f"We were told on {day} to ask {other} for one member's history"
    return f"{begin}. {_result(exchange)}"


def shown(value: Any) -> str:
    """A value of a side of a case in one line."""
    match value:
        case None | "" | []:
            return "–"
        case list():
            return "; ".join(shown(item) for item in value)
        case dict():
            parts = (f"{name.replace('_', ' ')} {shown(part)}" for name, part in value.items() if part)
            return ", ".join(parts) or "–"
    return str(value)


def _result(exchange: Mapping[str, Any]) -> str:
    answer, count = exchange["answer"], sum(exchange["records"].values())
    receipt = exchange["receipt"] or {}
    if answer is None:
        return f"It stands at: {state(exchange['state'])}."
    went = receipt.get("member", {}).get("count")
    amount = f"{count} records came"
    if went is not None:
        amount = f"{went} records can be fetched" if exchange["state"] == "released" else f"{went} records went out"
    parts = [f"The answer is {answer}: {amount}"]
    withheld = sum(entry["count"] for entry in exchange["permission"]["withheld"])
    if withheld:
        parts.append(f"{withheld} were withheld by rule")
    aside = sum(gap.get("count") or 0 for gap in exchange["gaps"])
    if aside:
        parts.append(f"{aside} could not be taken in")
    silent = {gap["source"] for gap in exchange["gaps"] if "count" not in gap}
    if silent:
        parts.append(f"not everything came from {', '.join(sorted(map(str, silent)))}")
    return "; ".join(parts) + f". It stands at: {state(exchange['state'])}."


def _span(seconds: int) -> str:
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S} min"
    return f"{seconds // _HOUR_S} h" if seconds < 2 * _DAY_S else f"{seconds // _DAY_S} days"
