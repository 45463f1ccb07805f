"""Responder, one export: who may still have what, gather it, release it; `$everything` for one member likewise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from interpayer.consent import store as consent_store
from interpayer.delivery import ndjson
from interpayer.delivery import store as delivery_store
from interpayer.delivery.provenance import transmitter_provenance
from interpayer.exchange import batch_store, store
from interpayer.exchange.durability.flow import step, tx_step
from interpayer.exchange.steps import permission
from interpayer.exchange.steps.matching import caller_of
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.identity import store as identity_store
from interpayer.identity.reading import write_patient
from interpayer.model.consent import Permission
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import Exchange, Role, State
from interpayer.model.partner import Caller
from interpayer.model.reason import Refusal
from interpayer.model.record import Lines
from interpayer.records import store as records_store
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id


@dataclass(frozen=True, slots=True)
class Everything:
    """What `$everything` is narrowed to."""

    types: tuple[str, ...] = ()
    since: datetime | None = None


@tx_step("authorize_export")
def authorize(tools: Tools, conn: Connection, job_id: str) -> int:
    """Decide for each member again; the number that may go on. Who may not is left out, told without detail."""
    asked = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
    job = _job(conn, job_id)
    only = asked["members"] or None
    exchange_of = batch_store.group_members(conn, asked["group_id"], only)
    for _ in set(asked["members"]) - set(exchange_of):
        delivery_store.add_issue(
            conn, job_id, code="not-found", text="A patient that was asked for is not in the Group."
        )
    caller = caller_of(conn, job.partner_id)
    decisions = decide(tools, conn, caller.partner_id, list(exchange_of))
    exchange_of = _exchanges(tools, conn, asked, exchange_of, caller=caller)
    permitted = {m: x for m, x in exchange_of.items() if not decisions[m].is_refused}
    refuse(tools, conn, {m: x for m, x in exchange_of.items() if decisions[m].is_refused}, decisions)
    if len(permitted) < len(exchange_of):
        delivery_store.add_issue(
            conn, job_id, code="suppressed", text="Members whose data cannot be sent are left out."
        )
    _gathering(tools, conn, permitted)
    batch_store.save_job_members(conn, job_id, permitted)
    delivery_store.set_state(conn, job_id, "running")
    return len(permitted)


@step("gather")
def gather(tools: Tools, job_id: str) -> int:
    """Write what the plan holds into files, one per type; the number of files. Done again, it begins anew."""
    with tools.database.transaction() as conn:
        horizon = records_store.export_horizon(conn)
    with tools.database.transaction() as conn:
        asked = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
        exchange_of = batch_store.job_members(conn, job_id)
        selection = selection_of(tools, list(exchange_of), asked, until=horizon)
        blocks = _lines(tools, conn, selection, exchange_of)
        written = ndjson.write_files(conn, tools.objects, tools.vault, job_id, blocks)
        delivery_store.set_state(conn, job_id, "running", transaction_time=horizon)
        return len(written)


@tx_step("release")
def release(tools: Tools, conn: Connection, job_id: str) -> str:
    """Permission is decided once more at the moment of release; then the files can be fetched."""
    job = _job(conn, job_id)
    if job.state != "running":
        return job.state
    exchange_of = batch_store.job_members(conn, job_id)
    caller = caller_of(conn, job.partner_id)
    decisions = decide(tools, conn, caller.partner_id, list(exchange_of))
    refused = {m: x for m, x in exchange_of.items() if decisions[m].is_refused}
    for member_id in refused:
        delivery_store.drop_member(conn, member_id)
    refuse(tools, conn, refused, decisions)
    permitted = {m: x for m, x in exchange_of.items() if m not in refused}
    _released(tools, conn, job_id, permitted)
    hours = tools.policy().exchange.file_hours
    delivery_store.set_state(conn, job_id, "ready", expires_at=now() + timedelta(hours=hours))
    asked = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
    tools.ledger.append(
        conn,
        Event(
            *("job.ready", f"batch:{asked['group_id']}", "process", "interpayer"),
            partner_id=job.partner_id,
            facts={"job": job_id, "members": len(permitted), "left_out": len(refused)},
        ),
    )
    return "ready"


def everything_for(
    tools: Tools, conn: Connection, caller: Caller, *, member_id: str, wanted: Everything
) -> list[bytes]:
    """All releasable resources of one member under a live match grant, as JSON lines; each call decides again."""
    grants = consent_store.grants_for(conn, partner_id=caller.partner_id, member_ids=[member_id], at=now())
    if member_id not in grants:
        raise Refusal("request.not_found", "Patient")
    decisions = decide(tools, conn, caller.partner_id, [member_id])
    asked = {
        "received_at": now().isoformat(),
        "correlation_id": grants[member_id].exchange_id,
        "types": list(wanted.types),
    }
    since = wanted.since.isoformat() if wanted.since else None
    exchange_of = _exchanges(tools, conn, asked, {member_id: grants[member_id].exchange_id}, caller=caller)
    if decisions[member_id].is_refused:
        refuse(tools, conn, exchange_of, decisions)
        return []
    _gathering(tools, conn, exchange_of)
    selection = selection_of(tools, [member_id], {**asked, "since": since, "until": None}, until=None)
    lines = [line for block in _lines(tools, conn, selection, exchange_of) for line in block.plain.splitlines()]
    exchange_id = exchange_of[member_id]
    facts: dict[str, JSON] = {"records": len(lines), "digest": sha256(b"\n".join(sorted(lines))).hexdigest()}
    moves = [
        Move(exchange_id, State.ASSEMBLING, facts=facts, answer=_answer(len(lines)), details={"released": facts}),
        Move(exchange_id, State.RELEASED, facts=facts),
        Move(exchange_id, State.COMPLETED, facts=facts),
    ]
    for wanted_move in moves:
        move(conn, tools.ledger, [wanted_move])
    return lines


def decide(tools: Tools, conn: Connection, partner_id: str, member_ids: Sequence[str]) -> dict[str, Permission]:
    """The permission of each member for this partner now: grant, consent, withdrawal, policy."""
    asking = permission.asker(tools, conn, partner_id)
    grants = consent_store.grants_for(conn, partner_id=partner_id, member_ids=member_ids, at=asking.at)
    withdrawn = consent_store.withdrawn_at(conn, list(member_ids))
    consents = consent_store.load_many(conn, [grant.consent_id for grant in grants.values()])
    decisions: dict[str, Permission] = {}
    for member_id in member_ids:
        grant = grants.get(member_id)
        consent = consents.get(grant.consent_id) if grant else None
        decisions[member_id] = permission.to_answer(
            tools, asking, action="export", consent=consent, withdrawn_at=withdrawn.get(member_id)
        )
    return decisions


def selection_of(
    tools: Tools, member_ids: Sequence[str], asked: Mapping[str, Any], *, until: datetime | None
) -> records_store.Selection:
    """The records that the rule lets go: by service date, type and the increment asked for."""
    as_of = datetime.fromisoformat(asked["received_at"]).date()
    wanted_until = datetime.fromisoformat(asked["until"]) if asked.get("until") else None
    return records_store.Selection(
        member_ids=tuple(member_ids),
        as_of=as_of,
        service_from=as_of.replace(day=min(as_of.day, 28), year=as_of.year - tools.policy().exchange.payload_years),
        types=tuple(asked["types"]) or None,
        since=datetime.fromisoformat(asked["since"]) if asked.get("since") else None,
        until=min(filter(None, (wanted_until, until)), default=None),
    )


def _job(conn: Connection, job_id: str) -> delivery_store.Job:
    job = delivery_store.job(conn, job_id, None)
    if job is None:
        raise LookupError("the job is unknown")
    return job


def _exchanges(
    tools: Tools, conn: Connection, asked: Mapping[str, Any], exchange_of: Mapping[str, str], *, caller: Caller
) -> dict[str, str]:
    """The match's own exchange for the first export; a new one that follows it for every later export."""
    standing = store.lock_many(conn, list(exchange_of.values()))
    current: dict[str, str] = {}
    later: list[tuple[str, Exchange]] = []
    for member_id, exchange_id in exchange_of.items():
        exchange = standing[exchange_id]
        if exchange.state is State.PERMITTED:
            current[member_id] = exchange_id
        else:
            later.append((member_id, exchange))
    return {**current, **_followers(tools, conn, asked, later, caller=caller)}


def _followers(
    tools: Tools, conn: Connection, asked: Mapping[str, Any], later: Sequence[tuple[str, Exchange]], *, caller: Caller
) -> dict[str, str]:
    clock, at = tools.policy().clock, now()
    made: dict[str, str] = {}
    new: list[store.NewExchange] = []
    events: list[Event] = []
    for member_id, before in later:
        exchange_id = new_id("x")
        made[member_id] = exchange_id
        sealed = tools.seal_request(dict(asked), exchange_id=exchange_id)
        new.append(
            store.NewExchange(
                id=exchange_id,
                role=Role.RESPONDER,
                correlation_id=asked["correlation_id"],
                partner_id=caller.partner_id,
                organization=next(iter(caller.organizations), None),
                purpose=before.purpose,
                basis=before.basis,
                received_at=at,
                due_at=clock.respond_by(at, tools.entity.time_zone),
                give_up_at=at + timedelta(days=clock.give_up_days),
                envelope=sealed,
                envelope_sha256=sha256(sealed).hexdigest(),
                follows=before.id,
            )
        )
        events.append(
            Event(
                *("exchange.received", exchange_id, "partner", caller.partner_id),
                exchange_id=exchange_id,
                partner_id=caller.partner_id,
                member_id=member_id,
                facts={"role": "responder", "follows": before.id, "correlation_id": asked["correlation_id"]},
            )
        )
    store.create_many(conn, new)
    tools.ledger.append_many(conn, events)
    facts: dict[str, JSON] = {"rule": "match of the exchange that this one follows"}
    for target, member in ((State.VALIDATED, False), (State.IDENTIFIED, True), (State.PERMITTED, False)):
        moves = [
            Move(x, target, facts=facts if member else {}, member_id=m if member else None) for m, x in made.items()
        ]
        move(conn, tools.ledger, moves)
    return made


def refuse(tools: Tools, conn: Connection, exchange_of: Mapping[str, str], decisions: Mapping[str, Permission]) -> None:
    """Withdrawn members end as revoked, other refusals as blocked."""
    moves = [
        permission.moved(x, decisions[m], State.REVOKED if decisions[m].reason == "consent.revoked" else State.BLOCKED)
        for m, x in exchange_of.items()
    ]
    move(conn, tools.ledger, moves)


def _gathering(tools: Tools, conn: Connection, exchange_of: Mapping[str, str]) -> None:
    facts: dict[str, JSON] = {
        "sources": ["own records"],
        "why": "the plan's records are the only source",
        "rejected": [],
    }
    ids = list(exchange_of.values())
    move(conn, tools.ledger, [Move(x, State.ROUTED, facts=facts, details={"route": facts}) for x in ids])
    move(conn, tools.ledger, [Move(x, State.GATHERING, facts={"source": "own records"}) for x in ids])


def _released(tools: Tools, conn: Connection, job_id: str, exchange_of: Mapping[str, str]) -> None:
    shares = delivery_store.member_share(conn, job_id, list(exchange_of))
    asked = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
    withheld = records_store.withheld(conn, selection_of(tools, list(exchange_of), asked, until=None))
    assembled, released = [], []
    for member_id, exchange_id in exchange_of.items():
        share = shares.get(member_id)
        count = share.count if share else 0
        facts: dict[str, JSON] = {"job": job_id, "records": count, "digest": share.digest if share else None}
        details: dict[str, JSON] = {"released": facts, "withheld": dict(withheld.get(member_id, {}))}
        body: dict[str, JSON] = {"withheld": dict(withheld.get(member_id, {}))}
        assembled.append(
            Move(exchange_id, State.ASSEMBLING, facts=facts, body=body, answer=_answer(count), details=details)
        )
        released.append(Move(exchange_id, State.RELEASED, facts=facts))
    move(conn, tools.ledger, assembled)
    move(conn, tools.ledger, released)


def _answer(count: int) -> str:
    return "complete" if count else "empty"


def _lines(
    tools: Tools, conn: Connection, selection: records_store.Selection, exchange_of: Mapping[str, str]
) -> Iterator[Lines]:
    """The records' lines with one Transmitter Provenance per exchange put among the Provenance (PDex 2.7)."""

    def patients(member_ids: Sequence[str]) -> Mapping[str, bytes]:
        known = identity_store.demographics_of(conn, tools.vault, list(member_ids))
        return {m: orjson.dumps(write_patient(d, m)) for m, d in known.items()}

    is_wanted = selection.types is None or "Provenance" in selection.types
    pending = list(exchange_of.items()) if is_wanted else []
    for block in records_store.export_lines(conn, tools.codec, selection, patients=patients):
        if pending and block.type >= "Provenance":
            yield from _transmitted(tools, pending)
            pending = []
        yield block
    yield from _transmitted(tools, pending)


def _transmitted(tools: Tools, members: Sequence[tuple[str, str]]) -> Iterator[Lines]:
    for member_id, exchange_id in members:
        resource = transmitter_provenance(
            provenance_id=tools.vault.record_id(tools.fhir_base, "Provenance", exchange_id),
            targets=[f"Patient/{member_id}"],
            organization={"identifier": tools.entity.identifier, "display": tools.entity.name},
            recorded=now(),
        )
        yield Lines(type="Provenance", member_ids=(member_id,), plain=orjson.dumps(resource) + b"\n", count=1)
