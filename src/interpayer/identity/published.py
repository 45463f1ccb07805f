"""What this plan says about finding people: thresholds, escalation paths, how long evidence is kept (no I/O)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any

import yaml

from interpayer.identity.rules import RuleTable
from interpayer.identity.scoring.model import Model
from interpayer.identity.scoring.thresholds import Limits, Thresholds

_STATES: Mapping[str, str] = {
    "certain": "exactly one person is meant",
    "review": "a named person of this plan decides; a partner is answered as if nobody was found",
    "none": "nobody is meant",
}


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """The policy file: who takes over, how long evidence is kept (days), what must be sent."""

    version: str
    escalation: Sequence[Mapping[str, str]]
    retention: Mapping[str, int]
    bundle: Mapping[str, Any]


def read_policy(text: str) -> IdentityPolicy:
    """The policy file; ValueError when a part is missing or a time is no number of days."""
    table = yaml.safe_load(text)
    if not isinstance(table, dict) or table.get("format") != 1:
        raise ValueError("identity policy: unknown format")
    if set(table) != {"format", "escalation", "retention", "bundle"}:
        raise ValueError("identity policy: escalation, retention and bundle are its parts")
    for path in table["escalation"]:
        if set(path) != {"when", "then", "role", "within"}:
            raise ValueError("identity policy: an escalation has when, then, role and within")
    days = table["retention"]
    if set(days) != {"evidence", "ledger"} or not all(type(n) is int and n > 0 for n in days.values()):
        raise ValueError("identity policy: retention is evidence and ledger, in days")
    version = "i-" + hashlib.sha256(text.encode()).hexdigest()[:16]
    return IdentityPolicy(version, table["escalation"], days, table["bundle"])


@cache
def default_policy() -> IdentityPolicy:
    """The policy that lies beside the code."""
    return read_policy(resources.files("interpayer.identity").joinpath("identity_policy.yaml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """What decisions follow now: the deterministic rules, the model, the limits, and how limits were proven."""

    rules: RuleTable
    model: Model
    thresholds: Thresholds
    calibrations: Sequence[Mapping[str, Any]] = ()


def published(policy: IdentityPolicy, now: Yardsticks, *, for_partners: bool) -> dict[str, Any]:
    """The statement as one document. Partners are told the limits of purposes; who has limits of their own is ours."""
    thresholds = now.thresholds
    limits: dict[str, Any] = {
        "unit": "bits (log2 of the odds)",
        "everywhere": _limits(thresholds.everywhere),
        "purposes": {name: dict(changes) for name, changes in thresholds.purposes.items()},
    }
    proven = [told for told in now.calibrations if not (for_partners and told["for"].startswith("partner"))]
    if not for_partners:
        limits["rule_sets"] = {name: dict(changes) for name, changes in thresholds.rule_sets.items()}
        limits["partners"] = {name: dict(changes) for name, changes in thresholds.partners.items()}
    return {
        "versions": {
            "policy": policy.version,
            "rules": now.rules.version,
            "model": now.model.version,
            "thresholds": thresholds.version,
        },
        "states": dict(_STATES),
        "order": [{"rule": rule.id, "title": rule.title, "worth": rule.worth.value} for rule in now.rules.rules],
        "thresholds": limits,
        "calibration": [dict(told) for told in proven],
        "what_to_send": dict(policy.bundle),
        "escalation": [dict(path) for path in policy.escalation],
        "retention_days": dict(policy.retention),
        "raw_values": "kept encrypted in the identity zone; each look at them by a person is an event on the ledger",
    }


def _limits(limits: Limits) -> dict[str, Any]:
    names = [field.name for field in fields(limits) if field.name not in ("version", "purpose")]
    return {name: getattr(limits, name) for name in names}
