"""Break-glass: a named person's look at a payload, with a reason, by four eyes, for minutes, confirmed afterwards.

Bodies are seen by nobody otherwise (exchange.md, section 9). Policy decides (`look`); each step is on the ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from interpayer.exchange import store as exchange_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import ENGINE, Actor
from interpayer.model.event import JSON, Event
from interpayer.model.reason import Refusal
from interpayer.operations import break_glass_store as store
from interpayer.operations.access import Person, are_two
from interpayer.policy.decide import decide
from interpayer.policy.facts import Decision, LookFacts
from interpayer.records.received import held_records, received_records
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

CONFIRM_WITHIN = timedelta(days=1)
# A wish that nobody opened is nothing to wait for on the next day.
OPEN_WITHIN = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody has to see, why, and for how many minutes: what one exchange brought, or what is held of a member.

    The reason goes on the ledger: it names no member.
    """

    why: str
    minutes: int
    exchange_id: str | None = None
    member_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the records."""

    after: str | None = None
    limit: int = 50


def ask(tools: Tools, conn: Connection, wish: Wish, *, person: Person) -> dict[str, Any]:
    """Ask for a look. `Refusal` at once where policy would say no even with a second person."""
    if (wish.exchange_id is None) == (wish.member_id is None):
        raise Refusal("request.malformed", "name one exchange or one member")
    if not wish.why.strip():
        raise Refusal("request.malformed", "say why; the reason goes on the ledger, so name no member")
    if wish.exchange_id and exchange_store.row_of(conn, wish.exchange_id) is None:
        raise Refusal("request.not_found", "no such exchange")
    _require(_ruled(tools, person.id, person.roles, wish.minutes))
    asked = store.Asked(
        *(new_id("l"), wish.why, wish.minutes, person.id, person.roles, now()),
        exchange_id=wish.exchange_id,
        member_id=wish.member_id,
    )
    store.add(conn, asked)
    row = _one(conn, asked.id)
    facts: dict[str, JSON] = {"why": wish.why, "minutes": wish.minutes}
    tools.ledger.append(conn, _event("break_glass.asked", row, actor=person.actor, facts=facts))
    return _shown(row)


def open_(tools: Tools, conn: Connection, glass_id: str, *, person: Person) -> dict[str, Any]:
    """A second person agrees: from now on, for the minutes asked for, who asked may look."""
    row = _one(conn, glass_id)
    if row["opened_at"] is not None or _state(row) != "asked":
        raise Refusal("request.wrong_state", f"it is {_state(row)}")
    if not are_two(row["asked_by"], person.id):
        raise Refusal("caller.not_permitted", "who asks to look does not open it; four eyes are two names")
    decision = _ruled(tools, row["asked_by"], tuple(row["roles"]), row["minutes"])
    _require(decision)
    at = now()
    until = at + timedelta(minutes=row["minutes"])
    store.opened(conn, glass_id, by=person.id, at=at, until=until, policy_version=decision.version)
    facts: dict[str, JSON] = {"until": until.isoformat(), "policies": [*decision.policies]}
    owed = ["notice.owed"] if "notify_privacy" in decision.obligations else []
    for name in ["break_glass.opened", *owed]:
        told = facts | ({"whom": "privacy"} if name == "notice.owed" else {})
        tools.ledger.append(conn, _event(name, row, actor=person.actor, facts=told, version=decision.version))
    return _shown(_one(conn, glass_id))


def look(tools: Tools, conn: Connection, glass_id: str, *, page: Page, person: Person) -> list[dict[str, Any]]:
    """The records with their bodies, by id; only for who asked, only while it is open. Each look is an event."""
    row = _one(conn, glass_id)
    if row["asked_by"] != person.id:
        raise Refusal("caller.not_permitted", "this look is somebody else's")
    if _state(row) != "open":
        raise Refusal("request.wrong_state", f"it is {_state(row)}")
    read = received_records if row["exchange_id"] else held_records
    about = row["exchange_id"] or row["member_id"]
    found = list(read(conn, tools.codec, about, after=page.after, limit=page.limit))
    store.looked(conn, glass_id, len(found))
    facts: dict[str, JSON] = {"what": "records", "records": len(found), "why": row["why"]}
    tools.ledger.append(conn, _event("access.looked", row, actor=person.actor, facts=facts))
    return found


def end(tools: Tools, conn: Connection, glass_id: str, *, person: Person) -> dict[str, Any]:
    """Done before the time is over, or not to be opened at all; by who asked or who opened."""
    row = _one(conn, glass_id)
    if person.id not in (row["asked_by"], row["opened_by"]):
        raise Refusal("caller.not_permitted", "this look is somebody else's")
    if _state(row) not in ("asked", "open"):
        raise Refusal("request.wrong_state", f"it is {_state(row)}")
    store.ended(conn, glass_id, now())
    tools.ledger.append(conn, _ended(row, person.actor))
    return _shown(_one(conn, glass_id))


def confirm(tools: Tools, conn: Connection, glass_id: str, *, why: str, person: Person) -> dict[str, Any]:
    """Somebody else than who looked went through what was seen, within a day (`tell_afterwards`)."""
    row = _one(conn, glass_id)
    if _state(row) != "ended" or row["opened_at"] is None:
        raise Refusal("request.wrong_state", f"it is {_state(row)}: a look is confirmed when it is over")
    if not are_two(row["asked_by"], person.id):
        raise Refusal("caller.not_permitted", "who looked does not confirm it; four eyes are two names")
    if not why.strip():
        raise Refusal("request.malformed", "say what was found; it goes on the ledger, so name no member")
    store.confirmed(conn, glass_id, by=person.id, at=now())
    facts: dict[str, JSON] = {"found": why, "looks": row["looks"], "records": row["records"]}
    tools.ledger.append(conn, _event("break_glass.confirmed", row, actor=person.actor, facts=facts))
    return _shown(_one(conn, glass_id))


def listed(conn: Connection, *, limit: int = 100) -> list[dict[str, Any]]:
    """Who looks or looked at what, and why; what still owes a confirmation first."""
    return [_shown(row) for row in store.listed(conn, limit=limit)]


def pass_time(tools: Tools, conn: Connection) -> int:
    """End what has run out; say once what nobody confirmed within a day. How many of both."""
    over, late = store.run_out(conn, now()), store.unconfirmed(conn, now() - CONFIRM_WITHIN, now())
    events = [_ended(row, ENGINE) for row in over]
    events += [_event("break_glass.unconfirmed", row, actor=ENGINE, facts={}) for row in late]
    tools.ledger.append_many(conn, events)
    return len(events)


def _ruled(tools: Tools, person: str, roles: tuple[str, ...], minutes: int) -> Decision:
    facts = LookFacts(person, roles, tools.environment, minutes, has_reason=True, has_second_person=True)
    return decide(tools.policy(), facts)


def _require(decision: Decision) -> None:
    if not decision.allow:
        raise Refusal(decision.reasons[0], f"policy {decision.version}")


def _one(conn: Connection, glass_id: str) -> dict[str, Any]:
    row = store.one(conn, glass_id)
    if row is None:
        raise Refusal("request.not_found", "no such look")
    return row


def _state(row: Mapping[str, Any]) -> str:
    """asked, open, ended or confirmed: by the clock, whatever upkeep has noted yet."""
    if row["confirmed_at"] is not None:
        return "confirmed"
    is_over = row["asked_at"] + OPEN_WITHIN < now() if row["opened_at"] is None else row["expires_at"] <= now()
    if row["ended_at"] is not None or is_over:
        return "ended"
    return "asked" if row["opened_at"] is None else "open"


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": row["id"], "state": _state(row), **{name: value for name, value in row.items() if name != "id"}}


def _ended(row: Mapping[str, Any], actor: Actor) -> Event:
    facts: dict[str, JSON] = {"looks": row["looks"], "records": row["records"]}
    return _event("break_glass.ended", row, actor=actor, facts=facts)


def _event(
    name: str, row: Mapping[str, Any], *, actor: Actor, facts: Mapping[str, JSON], version: str | None = None
) -> Event:
    whole: dict[str, JSON] = {"break_glass": row["id"], **facts}
    return Event(
        *(name, f"break_glass:{row['id']}", actor.type, actor.id),
        exchange_id=row["exchange_id"],
        member_id=row["member_id"],
        policy_version=version,
        facts=whole,
    )
