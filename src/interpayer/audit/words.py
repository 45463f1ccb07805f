"""An event as a sentence for people: when, who, what, why, under which policy. Never protected data (no I/O)."""

from collections.abc import Mapping, Sequence
from typing import Any

from interpayer.model.event import EVENTS

_ACTORS = {"partner": "partner", "person": "person", "system": "own system", "process": "process"}
_OUTCOMES = {"refused": "refused", "failed": "failed", "review": "waits for a person", "partial": "partial"}


def sentence(event: Mapping[str, Any]) -> str:
    """One line about an event as `ledger.events_of` gives it."""
    what = EVENTS.get(event["name"], event["name"]).rstrip(".")
    parts = [f"{event['at'][:19].replace('T', ' ')} UTC", _who(event), what]
    text = " · ".join(parts)
    details = [detail for detail in (_outcome(event), _why(event), _counts(event["facts"]), _attempt(event)) if detail]
    return f"{text}: {'; '.join(details)}." if details else f"{text}."


def headline(events: Sequence[Mapping[str, Any]]) -> str:
    """One exchange in one line: between whom, from when to when, how it stands."""
    if not events:
        return "Nothing is on the ledger."
    first, last = events[0], events[-1]
    partner = next((event["partner_id"] for event in events if event["partner_id"]), None)
    with_whom = f" with {partner}" if partner else ""
    problems = sum(event["outcome"] in {"refused", "failed"} for event in events)
    noted = f" {problems} refused or failed." if problems else ""
    state = EVENTS.get(last["name"], last["name"])
    return f"{len(events)} events{with_whom}, {_day(first)} to {_day(last)}. Last: {state}{noted}"


def _day(event: Mapping[str, Any]) -> str:
    return str(event["at"])[:16].replace("T", " ")


def _who(event: Mapping[str, Any]) -> str:
    return f"{_ACTORS.get(event['actor_type'], event['actor_type'])} {event['actor_id']}"


def _outcome(event: Mapping[str, Any]) -> str:
    return _OUTCOMES.get(event["outcome"], "" if event["outcome"] == "ok" else str(event["outcome"]))


def _why(event: Mapping[str, Any]) -> str:
    because = f"because {event['reason']}" if event["reason"] else ""
    under = f"under policy {event['policy_version']}" if event["policy_version"] else ""
    return " ".join(part for part in (because, under) if part)


def _attempt(event: Mapping[str, Any]) -> str:
    return f"attempt {event['attempt']}" if event["attempt"] > 1 else ""


def _counts(facts: Mapping[str, Any]) -> str:
    """The facts in reading order; a nested fact by its parts."""
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in facts.items())


def _value(value: Any) -> str:
    match value:
        case dict():
            return "(" + _counts(value) + ")"
        case list():
            return ", ".join(_value(item) for item in value) or "none"
        case bool():
            return "yes" if value else "no"
        case None:
            return "unknown"
        case str() if "\n" in value:
            # a signed note: whoever needs it whole takes the JSON
            return value.partition("\n")[0] + " …"
    return str(value)
