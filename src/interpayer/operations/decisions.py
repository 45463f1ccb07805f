"""Why an exchange was allowed or refused, out of the ledger alone: the rules, their texts, what was missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interpayer.audit.ledger import events_of
from interpayer.model.reason import REASONS, Refusal
from interpayer.operations.policies import bundle_of
from interpayer.policy import explaining, store
from interpayer.policy.bundle import Bundle
from interpayer.policy.explaining import Explanation
from interpayer.policy.in_force import in_force
from interpayer.policy.told import facts_from_json, value_as_json
from interpayer.system.database import Connection

HOPS = ("permission.granted", "permission.narrowed", "permission.refused", "consent.revoked")


@dataclass(frozen=True, slots=True)
class Explained:
    """One decision about an exchange, as the ledger has it.

    `rules`: the texts of the rules that decided, from the files of that version. `missing`: what would have made a no
    a yes, asked again under that version; empty where this release reads it otherwise.
    """

    at: str
    event: str
    allow: bool
    reason: str | None
    remedy: str | None
    policy_version: str | None
    rules: Mapping[str, str]
    obligations: tuple[str, ...]
    facts: Mapping[str, Any]
    missing: tuple[Mapping[str, Any], ...]


def explained(conn: Connection, exchange_id: str) -> list[Explained]:
    """Every decision about the exchange, oldest first; Refusal when there is no such exchange."""
    events = events_of(conn, exchange_id)
    if not events:
        raise Refusal("request.not_found", "no exchange of this id")
    return [_explained(conn, event) for event in events if event["name"] in HOPS]


def answered(conn: Connection, facts: Mapping[str, Any], *, version: str | None = None) -> Explanation:
    """What policy says to these facts, under a kept version or the one in force."""
    try:
        question = facts_from_json(facts)
    except ValueError as error:
        raise Refusal("request.malformed", str(error)) from None
    return explaining.explain(bundle_of(conn, version) if version else in_force(conn), question)


def _explained(conn: Connection, event: Mapping[str, Any]) -> Explained:
    facts, version, reason = event["facts"], event["policy_version"], event["reason"]
    files = store.files_of(conn, version) if version else None
    return Explained(
        at=event["at"],
        event=event["name"],
        allow=event["outcome"] == "ok",
        reason=reason,
        remedy=REASONS[reason].remedy if reason in REASONS else None,
        policy_version=version,
        rules={name: explaining.rule_text(files or {}, name) for name in facts.get("policies", ())},
        obligations=tuple(facts.get("obligations", ())),
        facts=facts.get("decided_on", {}),
        missing=_missing(conn, facts.get("decided_on", {}), version),
    )


def _missing(conn: Connection, told: Mapping[str, Any], version: str | None) -> tuple[Mapping[str, Any], ...]:
    bundle = _same(conn, version)
    if bundle is None or not told:
        return ()
    try:
        changes = explaining.explain(bundle, facts_from_json(told)).missing
    except ValueError:
        return ()
    return tuple({name: value_as_json(value) for name, value in change.items()} for change in changes)


def _same(conn: Connection, version: str | None) -> Bundle | None:
    """The version as it decided then; None when this release makes another one of the same files."""
    if version is None or not store.is_published(conn, version):
        return None
    bundle = bundle_of(conn, version)
    return bundle if bundle.version == version and bundle.broken is None else None
