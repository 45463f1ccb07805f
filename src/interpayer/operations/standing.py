"""Standing requests: made from the enrollment feed, fired when due (initial, quarterly, run-off)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from interpayer.exchange import standing_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import Event
from interpayer.model.member import Enrollment
from interpayer.model.reason import Refusal
from interpayer.operations.exchanges import Wish, ask
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

QUARTER = timedelta(days=90)
SYSTEM = Actor("process", "standing")


def from_enrollments(tools: Tools, conn: Connection, rows: Sequence[tuple[Enrollment, str, str | None]]) -> list[str]:
    """Standing requests for rows that name another payer and carry an opt-in: (row, member id, consent id)."""
    at = now()
    wanted = [
        standing_store.Standing(
            id=new_id("s"),
            member_id=member_id,
            organization=row.prior_payer,
            relation=row.prior_relation or "previous",
            basis="opt_in",
            consent_id=consent_id,
            prior_sealed=tools.seal_request(_prior(row), exchange_id=member_id),
            known_on=row.as_of,
            next_due_at=at,
        )
        for row, member_id, consent_id in rows
        if row.prior_payer and row.opt_in == "yes"
    ]
    made = standing_store.upsert(conn, wanted, at)
    by_id = {s.id: s for s in wanted}
    tools.ledger.append_many(
        conn,
        [
            Event(
                *("standing.created", f"standing:{standing_id}", "process", "enrollment feed"),
                member_id=by_id[standing_id].member_id if standing_id in by_id else None,
                facts={"standing": standing_id},
            )
            for standing_id in made
        ],
    )
    return made


def fire_due(tools: Tools, conn: Connection, *, limit: int = 200) -> list[str]:
    """Make the exchanges whose time has come; the next time follows from the relation."""
    fired: list[str] = []
    for row in standing_store.due(conn, now(), limit):
        fired.append(_fire(tools, conn, row, purpose=row["phase"], actor=SYSTEM))
        next_due_at, phase = _next(row)
        standing_store.fired(conn, row["id"], next_due_at=next_due_at, phase=phase)
    return fired


def ask_now(tools: Tools, conn: Connection, standing_id: str, *, actor: Actor) -> str:
    """An exchange at the member's own wish, outside the rhythm."""
    row = standing_store.standing(conn, standing_id)
    if row is None:
        raise Refusal("request.not_found")
    return _fire(tools, conn, row, purpose="member_request", actor=actor)


def listed(conn: Connection, *, state: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Standing requests without their sealed part."""
    return [
        {key: value for key, value in row.items() if key != "prior_sealed"}
        for row in standing_store.listed(conn, state=state, limit=limit)
    ]


def stop(tools: Tools, conn: Connection, *, member_ids: Sequence[str], reason: str, actor: Actor) -> list[str]:
    """End the standing requests of members (opt-out, termination, wish)."""
    stopped = standing_store.stop(conn, member_ids=member_ids, reason=reason, at=now())
    tools.ledger.append_many(
        conn,
        [
            Event(
                *("standing.stopped", f"standing:{standing_id}", actor.type, actor.id),
                facts={"standing": standing_id, "why": reason},
            )
            for standing_id in stopped
        ],
    )
    return stopped


def _fire(tools: Tools, conn: Connection, row: Mapping[str, Any], *, purpose: str, actor: Actor) -> str:
    prior = tools.open_request(bytes(row["prior_sealed"]), exchange_id=row["member_id"])
    body: dict[str, Any] = {
        "partner": row["organization"],
        "member": {"id": row["member_id"], "external_identifiers": prior["external_identifiers"]},
        "consent_reference": row["consent_id"],
        "basis": row["basis"],
        "attestation": {"enrolled": True, "opted_in": True, "by": "enrollment feed"},
        "exchange_purpose": purpose,
        "requested_action": "history",
    }
    if row["watermark"] is not None and purpose in ("quarterly", "run_off"):
        body["since"] = row["watermark"].isoformat()
    exchange_id, _ = ask(tools, conn, Wish(body, actor, standing_id=row["id"]))
    tools.ledger.append(
        conn,
        Event(
            *("standing.fired", f"standing:{row['id']}", actor.type, actor.id),
            exchange_id=exchange_id,
            member_id=row["member_id"],
            facts={"standing": row["id"], "purpose": purpose, "exchange": exchange_id},
        ),
    )
    return exchange_id


def _next(row: Mapping[str, Any]) -> tuple[datetime | None, str]:
    """Concurrent payers: every quarter. Previous payers: run-off after 30, 90 and 180 days, then the end."""
    if row["relation"] == "concurrent":
        return now() + QUARTER, "quarterly"
    run_off = {0: 30, 1: 90, 2: 180}
    days = run_off.get(int(row["fired"]))
    if days is None:
        return None, "finished"
    known: date = row["known_on"]
    due = datetime.combine(known, now().timetz()) + timedelta(days=days)
    return max(due, now() + timedelta(days=1)), "run_off"


def _prior(row: Enrollment) -> dict[str, Any]:
    ids = [("member_id", row.prior_member_id), ("subscriber_id", row.prior_subscriber_id)]
    return {
        "external_identifiers": [
            {"type": kind, "value": value, "issuer": row.prior_payer} for kind, value in ids if value
        ]
    }
