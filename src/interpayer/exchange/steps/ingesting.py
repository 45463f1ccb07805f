"""Requester, one answer: take in, ask whether it is really our member, deliver."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from interpayer.adapters.base import Found
from interpayer.adapters.fhir_files import read_lines
from interpayer.audit.ledger import latest_checkpoint
from interpayer.delivery.provenance import Payer, custodian_provenance
from interpayer.exchange import batch_store, standing_store, store
from interpayer.exchange.durability.flow import tx_step
from interpayer.exchange.labeling import Births
from interpayer.exchange.steps.batching import partner_of
from interpayer.exchange.steps.receiving import file_name, inbox_of
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.identity import review
from interpayer.identity import store as identity_store
from interpayer.identity.evidence import kept_body
from interpayer.identity.graph import meet_id
from interpayer.identity.reading import read_patient
from interpayer.model.event import JSON
from interpayer.model.exchange import State
from interpayer.model.match import Disposition, Match
from interpayer.model.member import Identifier, IdKind
from interpayer.model.record import Quarantined, Record
from interpayer.normalization.intake import Arrival, Known, Outline, canonicalize, outline, targets
from interpayer.records import store as records_store
from interpayer.records.loading import begin_load, save_records
from interpayer.system.database import Connection
from interpayer.validation.check import check

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class _Expected:
    """Who is asked for in a batch: the partner's Patient id (in its namespace) to our member and its exchange."""

    source: str
    members: Mapping[str, str]
    exchange_of: Mapping[str, str]


@tx_step("note_ids")
def note_ids(tools: Tools, conn: Connection, batch_id: str, place: int) -> int:
    """First pass: under which of our ids each received resource will be known, so that references can follow."""
    arrival, _ = _arrival(tools, conn, batch_id)
    count = 0
    for chunk in _chunks(_found(tools, batch_id, place)):
        aliases = [outline(f.content, f.raw, arrival).alias for f in chunk if f.content is not None]
        records_store.save_aliases(conn, arrival.source, aliases)
        count += len(aliases)
    return count


@tx_step("take_in")
def take_in(tools: Tools, conn: Connection, batch_id: str, place: int) -> dict[str, Any]:
    """Second pass: new ids, rewritten references, duplicates and echoes recognized; counts by what happened."""
    arrival, expected = _arrival(tools, conn, batch_id)
    total = {"new": 0, "same": 0, "changed": 0, "older": 0, "echoes": 0, "quarantined": 0}
    for chunk in _chunks(_found(tools, batch_id, place)):
        records, quarantined = _canonical(tools, conn, chunk, arrival=arrival, expected=expected)
        report = save_records(conn, tools.codec, records)
        records_store.quarantine(conn, tools.codec, quarantined)
        for name in ("new", "same", "changed", "older", "echoes"):
            total[name] += getattr(report, name)
        total["quarantined"] += len(quarantined)
    for exchange_id in batch_store.batch(conn, batch_id)["details"].get("conflicts", {}):
        records_store.quarantine_by_exchange(conn, exchange_id)
    return total


@tx_step("reconcile")
def reconcile(tools: Tools, conn: Connection, batch_id: str, places: Sequence[int]) -> int:
    """Is it really our member? Where the received Patient conflicts, a case is opened and what comes is kept apart."""
    _, expected = _arrival(tools, conn, batch_id)
    conflicts: dict[str, JSON] = {}
    verified: dict[str, JSON] = {}
    for place in places:
        for found in _found(tools, batch_id, place):
            resource = found.content
            if (
                resource is not None
                and resource.get("resourceType") == "Patient"
                and resource.get("id") in expected.members
            ):
                match = _verified(tools, conn, resource, expected=expected)
                exchange_id = expected.exchange_of[str(resource["id"])]
                verified[exchange_id] = match.evidence_id
                conflicts |= _conflict(tools, conn, exchange_id, match)
    batch_store.update_batch(conn, batch_id, details={"conflicts": conflicts, "verified": verified})
    return len(conflicts)


@tx_step("deliver")
def deliver(tools: Tools, conn: Connection, batch_id: str, taken: Sequence[Mapping[str, int]]) -> int:
    """What came is in the members' records; each exchange has its own count, and the receipt is kept."""
    at = begin_load(conn)
    batch = batch_store.batch(conn, batch_id, lock=True)
    conflicts = batch["details"].get("conflicts", {})
    reconciled = store.of_batch(conn, batch_id, (State.RECONCILING,))
    rows = [row for row in reconciled if row["id"] not in conflicts]
    for row in rows:
        _custodian(tools, conn, row, batch, at=at)
    checkpoint = latest_checkpoint(conn)
    moves = [_in_review(conn, row["id"], conflicts[row["id"]]) for row in reconciled if row["id"] in conflicts]
    moves += [_delivered(conn, row, batch, checkpoint=checkpoint) for row in rows]
    move(conn, tools.ledger, moves)
    standing_ids = [row["standing_id"] for row in rows if row["standing_id"]]
    if batch["transaction_time"] and standing_ids:
        standing_store.set_watermark(conn, standing_ids, batch["transaction_time"])
    batch_store.update_batch(conn, batch_id, state="done", details={"taken": [dict(t) for t in taken]})
    return len(moves)


@tx_step("deliver_one")
def deliver_one(tools: Tools, conn: Connection, exchange_id: str) -> str:
    """Deliver one exchange after a person said that what came is our member's."""
    at = begin_load(conn)
    row = store.row_of(conn, exchange_id)
    if row is None or row["state"] != State.RECONCILING.value:
        return "nothing to deliver"
    batch = batch_store.batch(conn, row["batch_id"])
    _custodian(tools, conn, row, batch, at=at)
    move(conn, tools.ledger, [_delivered(conn, row, batch, checkpoint=latest_checkpoint(conn))])
    return "delivered"


def _canonical(
    tools: Tools, conn: Connection, chunk: Sequence[Found], *, arrival: Arrival, expected: _Expected
) -> tuple[list[Record], list[Quarantined]]:
    outlines = [outline(f.content, f.raw, arrival) for f in chunk if f.content is not None]
    aliases = records_store.aliases(conn, arrival.source, {r for o in outlines for r in o.references})
    owners = records_store.owners(conn, targets(outlines, arrival, aliases))
    known = Known(expected.members, aliases, owners, born_on=Births(tools, conn, expected.members.values()))
    records: list[Record] = []
    quarantined = [_unreadable(f, arrival) for f in chunk if f.content is None]
    for one in outlines:
        broken = [issue.rule for issue in check(one.resource)]
        made = canonicalize(one, _for_member(arrival, one, expected), known, broken=broken)
        if isinstance(made, Quarantined):
            quarantined.append(made)
        else:
            records += made
    return records, quarantined


def _unreadable(found: Found, arrival: Arrival) -> Quarantined:
    """A line that is no resource: kept apart and counted, never lost."""
    return Quarantined(
        found.problem or "record.invalid",
        "",
        arrival.source,
        found.raw,
        rules=("json",),
        exchange_id=arrival.exchange_id,
        sender=arrival.sender,
    )


def _for_member(arrival: Arrival, one: Outline, expected: _Expected) -> Arrival:
    exchange_id = next((expected.exchange_of[p] for p in one.patients if p in expected.exchange_of), None)
    return replace(arrival, exchange_id=exchange_id) if exchange_id else arrival


def _arrival(tools: Tools, conn: Connection, batch_id: str) -> tuple[Arrival, _Expected]:
    available_at = begin_load(conn)
    batch = batch_store.batch(conn, batch_id)
    partner, endpoint = partner_of(conn, batch)
    rows = store.of_batch(conn, batch_id, (State.RECONCILING,))
    expected = _Expected(
        source=endpoint.fhir_base,
        members={row["partner_member"]: row["member_id"] for row in rows if row["partner_member"]},
        exchange_of={row["partner_member"]: row["id"] for row in rows if row["partner_member"]},
    )
    arrival = Arrival(
        source=endpoint.fhir_base,
        our_author=tools.fhir_base,
        own=False,
        record_id=tools.vault.record_id,
        available_at=available_at,
        exchange_id=rows[0]["id"] if rows else None,
        sender=partner.id,
        rules=tools.payload_rules,
        sets=tools.sets,
        rehearsal=tools.rehearsal,
    )
    return arrival, expected


def _verified(tools: Tools, conn: Connection, patient: Mapping[str, Any], *, expected: _Expected) -> Match:
    came_as = Identifier(IdKind.PATIENT, str(patient["id"]), expected.source)
    verified = tools.resolver.verify(conn, read_patient(patient), expected.members[came_as.value])
    identity_store.save_evidence(conn, [match := meet_id(conn, tools.vault, verified, came_as)])
    return match


def _conflict(tools: Tools, conn: Connection, exchange_id: str, match: Match) -> dict[str, JSON]:
    """The case of a Patient that came back as somebody else, by exchange; nothing when it is our member."""
    exchange = store.load(conn, exchange_id)
    if match.disposition is Disposition.CERTAIN or exchange is None:
        return {}
    case = review.NewCase(
        kind="conflict",
        exchange_id=exchange_id,
        partner_id=exchange.partner_id,
        match=match,
        query=None,
        fingerprint=None,
        due_at=exchange.due_at,
    )
    opened = review.open_case(conn, tools.vault, case)
    return {exchange_id: {"case": opened.id, "reason": match.reason, "evidence": match.evidence_id}}


def _in_review(conn: Connection, exchange_id: str, conflict: Mapping[str, Any]) -> Move:
    return Move(
        *(exchange_id, State.IN_REVIEW, conflict["reason"]),
        outcome="review",
        facts={"what": "received Patient", **conflict},
        body=_evidence(conn, conflict["evidence"]),
        case_id=conflict["case"],
    )


def _evidence(conn: Connection, evidence_id: str | None) -> dict[str, JSON]:
    kept = identity_store.evidence(conn, evidence_id) if evidence_id else None
    return kept_body(kept) if kept else {}


def _delivered(conn: Connection, row: Mapping[str, Any], batch: Mapping[str, Any], *, checkpoint: str | None) -> Move:
    brought = records_store.received_counts(conn, row["id"])
    counts: dict[str, JSON] = {kind: sum(by_outcome.values()) for kind, by_outcome in brought.items()}
    content = sum(sum(n.values()) for kind, n in brought.items() if kind not in ("Patient", "Provenance"))
    answer = _answer(content, set(batch["details"].get("error_codes", ())))
    theirs = batch["details"].get("manifest", {}).get("extension", {})
    receipt: dict[str, JSON] = {
        "files": batch["details"].get("received", []),
        "partner_checkpoint": theirs.get("checkpoint") if isinstance(theirs, dict) else None,
        "checkpoint": checkpoint,
    }
    evidence_id = batch["details"].get("verified", {}).get(row["id"])
    facts: dict[str, JSON] = {"records": counts, "answer": answer, "receipt": receipt}
    return Move(
        *(row["id"], State.COMPLETED),
        answer=answer,
        facts=facts | ({"evidence": evidence_id} if evidence_id else {}),
        body=_evidence(conn, evidence_id),
        details={"records": counts, "receipt": receipt, "as_of": _iso(batch["transaction_time"])},
    )


def _answer(records: int, error_codes: set[str]) -> str:
    """Members left out are told without their names: who got records is complete, who got none cannot be `empty`."""
    if error_codes - {"suppressed", "not-found"}:
        return "partial"
    if records:
        return "complete"
    return "partial" if error_codes else "empty"


def _custodian(
    tools: Tools, conn: Connection, row: Mapping[str, Any], batch: Mapping[str, Any], *, at: datetime
) -> None:
    """Our own Provenance beside the sender's: we hold this since now (PDex 2.7)."""
    resource = custodian_provenance(
        row["id"],
        Payer(tools.entity.identifier, tools.entity.name),
        [f"Patient/{row['member_id']}"],
        recorded=at,
    )
    ours = tools.fhir_base, tools.fhir_base, True, tools.vault.record_id
    arrival = Arrival(*ours, at, exchange_id=row["id"], sender=batch["partner_id"], sets=tools.sets)
    one = outline(resource, orjson.dumps(resource), arrival)
    made = canonicalize(one, arrival, Known(members={row["member_id"]: row["member_id"]}))
    if not isinstance(made, Quarantined):
        save_records(conn, tools.codec, made)


def _found(tools: Tools, batch_id: str, place: int) -> Iterator[Found]:
    lines: Iterable[bytes] = inbox_of(tools, batch_id).lines(file_name(place))
    return read_lines(lines, file_name(place))


def _chunks(found: Iterator[Found]) -> Iterator[list[Found]]:
    while chunk := list(islice(found, _BATCH)):
        yield chunk


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
