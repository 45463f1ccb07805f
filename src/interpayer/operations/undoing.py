"""What had followed from a judgement about people that is taken back: listed, stopped, recalled."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.consent import store as consent_store
from interpayer.exchange import store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.member_bundle import from_json
from interpayer.exchange.steps.asking import asked_for
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move
from interpayer.identity import store as identity_store
from interpayer.identity.reading import read_coverage, read_patient
from interpayer.identity.resolve import Query
from interpayer.identity.review import Undone
from interpayer.model.exchange import Role, State
from interpayer.operations import recall
from interpayer.system.clock import now
from interpayer.system.database import Connection

# Past the question who is meant, and not yet over: what goes on here goes on about the wrong person.
_UNDER_WAY = (
    *(State.IDENTIFIED, State.PERMITTED, State.BLOCKED, State.ROUTED, State.QUEUED, State.SENT, State.ACKNOWLEDGED),
    *(State.RECEIVING, State.GATHERING, State.RECONCILING, State.ASSEMBLING),
)
_BY_A_PERSON = "review"


@dataclass(frozen=True, slots=True)
class Fallout:
    """What a judgement had led to. `recalled` was released because of it and is in the recall now; `stopped` was under
    way; `others` concern the same members and did not rest on it: they stay, for a person to look at."""

    recall_id: str | None
    recalled: tuple[str, ...]
    stopped: tuple[str, ...]
    others: tuple[str, ...]


def of_members(conn: Connection, member_ids: Sequence[str], *, since: datetime | None) -> list[dict[str, Any]]:
    """Exchanges of these members that were released or are under way, from a moment on."""
    states = (*_UNDER_WAY, *recall.RECALLABLE, State.ARCHIVED)
    rows = store.of_members(conn, member_ids, states)
    return [row for row in rows if since is None or row["state_at"] >= since]


def rests_on_ruling(tools: Tools, conn: Connection, row: Mapping[str, Any], undone: Undone) -> bool:
    """Whether an exchange names its member because of this ruling: it waited for it, or asked the same afterwards."""
    if row["id"] in undone.decided.exchange_ids:
        return True
    is_ours = row["role"] == Role.REQUESTER.value
    if (None if is_ours else row["partner_id"]) != undone.decided.partner_id:
        return False
    if row["details"].get("match", {}).get("rule") != _BY_A_PERSON:
        return False
    query = _query(tools, conn, row)
    return query is not None and tools.resolver.fingerprint(query) == undone.fingerprint


def rests_on_both(conn: Connection, row: Mapping[str, Any], sides: Sequence[Iterable[str]], *, since: datetime) -> bool:
    """Whether an exchange was decided since then with members of both sides in sight: two people counted as one. Where
    the evidence is forgotten already, it may have been."""
    evidence_id = row["details"].get("match", {}).get("evidence")
    if not isinstance(evidence_id, str):
        return False
    found = identity_store.evidence(conn, evidence_id)
    if found is None:
        return bool(row["received_at"] >= since)
    if found["at"] < since:
        return False
    near = {candidate["member_id"] for candidate in found["candidates"]}
    return all(not near.isdisjoint(side) for side in sides)


def holds_still(tools: Tools, conn: Connection, row: Mapping[str, Any]) -> bool:
    """Whether the same request, decided as things stand now, names the same member for certain."""
    query = _query(tools, conn, row)
    if query is None:
        return False
    match = tools.resolver.resolve(conn, query, partner=row["partner_id"])
    return bool(match.member_id == row["member_id"])


def contain(
    tools: Tools,
    conn: Connection,
    rows: Sequence[Mapping[str, Any]],
    *,
    resting: Iterable[str],
    reason: str,
    actor: Actor,
) -> Fallout:
    """Stop and recall the exchanges of `rows` whose ids are in `resting`; one recall for all that was released."""
    wrong = set(resting)
    released = [r["id"] for r in rows if r["id"] in wrong and State(r["state"]) in recall.RECALLABLE]
    under_way = [r["id"] for r in rows if r["id"] in wrong and State(r["state"]) in _UNDER_WAY]
    moves = [Move(x, State.CANCELLED, reason, outcome="refused") for x in under_way]
    stopped = move(conn, tools.ledger, moves, actor=actor)
    consent_store.withdraw_grants(conn, at=now(), exchange_ids=stopped)
    for exchange_id in stopped:
        durable.cancel(conn, exchange_id)
    opened = recall.open_recall(tools, conn, released, reason=reason, actor=actor) if released else None
    others = tuple(row["id"] for row in rows if row["id"] not in {*released, *stopped})
    return Fallout(opened["id"] if opened else None, tuple(released), tuple(stopped), others)


def _query(tools: Tools, conn: Connection, row: Mapping[str, Any]) -> Query | None:
    payer = tools.entity.identifier
    if row["role"] == Role.REQUESTER.value:
        asked = asked_for(tools, conn, row["id"])
        return Query(asked.demographics, None, payer) if asked.demographics else None
    sealed = store.envelope(conn, row["id"])
    if sealed is None:
        return None
    bundle = from_json(tools.open_request(sealed, exchange_id=row["id"]))
    return Query(read_patient(bundle.patient), read_coverage(bundle.coverage_to_match), payer)
