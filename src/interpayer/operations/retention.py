"""What is kept of an exchange goes when policy says that its time is over; a legal hold outweighs that."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from interpayer.exchange import kept_store
from interpayer.exchange.tools import Tools
from interpayer.model.event import Event
from interpayer.operations.legal_holds import Held, held_of
from interpayer.policy import store as policy_store
from interpayer.policy.bundle import Bundle
from interpayer.policy.decide import decide
from interpayer.policy.facts import Decision, KeptFacts
from interpayer.policy.retention import RetentionRule, rule_for
from interpayer.system.clock import now
from interpayer.system.database import Connection

REQUEST, DECISION, WORK = "request", "decision", "work"
_LIMIT, _MOST_DECISIONS = 200, 20_000


def rule_of(bundle: Bundle, row: Mapping[str, Any]) -> RetentionRule:
    """The rule under which the request of this exchange is kept."""
    return rule_for(
        bundle.retention, REQUEST, role=str(row["role"]), basis=row.get("basis"), purpose=row.get("purpose")
    )


def purge_requests(tools: Tools, conn: Connection) -> int:
    """Empty what was sent with requests whose time is over, each with its event; how many."""
    bundle, at = tools.policy(), now()
    rules = [rule for rule in bundle.retention.values() if rule.what == REQUEST]
    held, done = held_of(conn), 0
    for rule in rules:
        before = at - timedelta(days=rule.keep_days)
        rows = kept_store.over(conn, rule, _stronger(rule, rules), before=before, limit=_LIMIT)
        decisions = {row["id"]: _decided(bundle, row, at, held) for row in rows}
        gone = kept_store.empty(conn, [x for x, decision in decisions.items() if decision.allow])
        tools.ledger.append_many(conn, [_purged(x, rule, decisions[x]) for x in gone])
        done += len(gone)
    return done


def purge_decisions(tools: Tools, conn: Connection) -> int:
    """Forget the facts of decisions whose time is over; the ledger keeps those of every exchange."""
    before = now() - timedelta(days=rule_for(tools.policy().retention, DECISION).keep_days)
    return policy_store.forget(conn, before=before, most=_MOST_DECISIONS)


def work_kept_since(tools: Tools) -> datetime:
    """What the engine finished before this moment goes."""
    return now() - timedelta(days=rule_for(tools.policy().retention, WORK).keep_days)


def _decided(bundle: Bundle, row: Mapping[str, Any], at: datetime, held: Held) -> Decision:
    facts = KeptFacts(
        what=REQUEST,
        age_days=(at - row["state_at"]).days,
        keep_days=rule_of(bundle, row).keep_days,
        is_held=held.covers(member_id=row["member_id"], exchange_id=row["id"], partner_id=row["partner_id"]),
    )
    return decide(bundle, facts)


def _stronger(rule: RetentionRule, rules: Sequence[RetentionRule]) -> list[RetentionRule]:
    """The rules that count before this one where they fit (policy/retention.py, rule_for)."""

    def rank(one: RetentionRule) -> tuple[int, int, str]:
        return (one.selectors, one.keep_days, one.name)

    return [other for other in rules if rank(other) > rank(rule)]


def _purged(exchange_id: str, rule: RetentionRule, decision: Decision) -> Event:
    return Event(
        *("exchange.purged", exchange_id, "process", "interpayer"),
        exchange_id=exchange_id,
        policy_version=decision.version,
        facts={"what": rule.what, "rule": rule.name, "keep_days": rule.keep_days, "policies": [*decision.policies]},
    )
