"""Keeping what our own sources tell: saved, recognized in each other, made one, contradictions kept (issue of many
sources, part 6). Everything in the caller's transaction.

1. What one source says is kept as it is, for ever (``records.loading``).
2. Who shares a mark is grouped anew, from everything that is known (``normalization.grouping``).
3. Of a group one record stands for all: the one that was there first, so that its id stays what partners know. What
   goes out of it is made of all (``normalization.uniting``); references to the others name it.
4. A claim that takes the place of another hides it. What could be fetched before is told as removed.

What another payer sent is never merged into ours: its author's record stays its author's (exchange.md, section 2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any

import orjson

from interpayer.adapters.fhir_files import parse
from interpayer.exchange.assembling import Assembled, tell_assembled
from interpayer.exchange.tools import Tools
from interpayer.model.record import NO_MARKS, Record
from interpayer.normalization.grouping import Seen, group
from interpayer.normalization.merge import write_instant
from interpayer.normalization.payload import status_of
from interpayer.normalization.precedence import default_precedence
from interpayer.normalization.references import references_of
from interpayer.normalization.service_dates import service_dates
from interpayer.normalization.times import times_of
from interpayer.normalization.uniting import Contribution, United, unite
from interpayer.records import joining
from interpayer.records.joining import Contradiction, Restated, Standing
from interpayer.records.loading import SaveReport, save_records
from interpayer.records.marks import Marked, reached, replacements, save_marks
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Kept:
    """What a batch did: as saved, and how many records are now stood for, contradict, or were replaced by it."""

    report: SaveReport
    joined: int = 0
    conflicts: int = 0
    replaced: int = 0


@dataclass(slots=True)
class _Outcome:
    """What follows from grouping anew."""

    leader_of: dict[str, str | None] = field(default_factory=dict)
    restated: list[Restated] = field(default_factory=list)
    own_again: list[Restated] = field(default_factory=list)
    contradictions: list[Contradiction] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    assembled: list[Assembled] = field(default_factory=list)
    parted: list[str] = field(default_factory=list)


def keep(tools: Tools, conn: Connection, records: Sequence[Record]) -> Kept:
    """Save records of our own sources and make one of what tells of one thing."""
    report = save_records(conn, tools.codec, records)
    written = {r.id: r for r in records if r.id in report.written and r.member_id is not None and _is_fed(r)}
    if not written:
        return Kept(report)
    at = max(record.available_at for record in written.values())
    save_marks(conn, tools.vault, list(written.values()))
    marked = [record_id for record_id, record in written.items() if record.marks != NO_MARKS]
    outcome = _grouped(tools, conn, reached(conn, list(written)), at=at)
    joining.join(conn, outcome.leader_of, at=at)
    joining.restate(conn, tools.codec, outcome.restated, at=at)
    joining.own_again(conn, outcome.own_again, at=at)
    version = default_precedence().version
    joining.keep_contradictions(conn, tools.codec, outcome.looked_at, outcome.contradictions, version=version)
    touched = {*written, *(line.id for line in (*outcome.restated, *outcome.own_again))}
    _redirect(tools, conn, touched, outcome.leader_of, at=at)
    tell_assembled(tools, conn, outcome.assembled, outcome.parted, at=at)
    replaced = _replace(conn, marked, at=at)
    joined = sum(leader is not None for leader in outcome.leader_of.values())
    return Kept(report, joined, len({c.record_id for c in outcome.contradictions}), replaced)


def _is_fed(record: Record) -> bool:
    """Whether a declared source told it; what is loaded without one is never joined."""
    return record.origin.source.rstrip("/") != record.origin.author.rstrip("/")


def _grouped(tools: Tools, conn: Connection, marks: Mapping[str, Marked], *, at: datetime) -> _Outcome:
    """Who stands for whom now, of everybody who shares a mark with what came."""
    outcome = _Outcome()
    if not marks:
        return outcome
    known = joining.standing(conn, marks)
    seen = [
        Seen(i, one.source, m.unique, m.identifiers, m.likeness, m.systems)
        for i, m in marks.items()
        if (one := known.get(i))
    ]
    groups = [ids for ids in group(seen) if len(ids) > 1 or known[ids[0]].joined_to or known[ids[0]].is_restated]
    needed = [known[record_id] for ids in groups for record_id in ids]
    told = {i: _parsed(body) for i, body in joining.bodies(conn, tools.codec, needed, own=True).items()}
    sent = joining.bodies(conn, tools.codec, needed, own=False)
    for ids in groups:
        _settle(outcome, [known[record_id] for record_id in ids], told, at=at)
    outcome.restated = [line for line in outcome.restated if not _says_the_same(line.body, sent[line.id])]
    anew = {line.id for line in outcome.restated} | set(outcome.leader_of.values())
    outcome.assembled = [one for one in outcome.assembled if one.record_id in anew]
    return outcome


def _says_the_same(one: bytes, other: bytes) -> bool:
    """Whether only the time differs at which it became available."""
    said = [_parsed(body) for body in (one, other)]
    for resource in said:
        resource["meta"] = {**resource.get("meta", {}), "lastUpdated": None}
    return orjson.dumps(said[0], option=orjson.OPT_SORT_KEYS) == orjson.dumps(said[1], option=orjson.OPT_SORT_KEYS)


def _settle(
    outcome: _Outcome, members: Sequence[Standing], told: Mapping[str, dict[str, Any]], *, at: datetime
) -> None:
    """One group: who stands for it, and what goes out of that one."""
    leader = min(members, key=lambda one: (one.joined_to is not None, one.first_at, one.id))
    outcome.looked_at.append(leader.id)
    for one in members:
        stands_in = leader.id if one.id != leader.id else None
        if one.joined_to != stands_in:
            outcome.leader_of[one.id] = stands_in
        if one.id != leader.id and one.is_restated:
            outcome.own_again.append(_line(one, told[one.id], b""))
            outcome.parted.append(one.id)
    if len(members) == 1:
        if leader.is_restated:
            outcome.own_again.append(_line(leader, told[leader.id], b""))
            outcome.parted.append(leader.id)
        return
    said = [Contribution(m.id, m.source, m.role, _said_at(m, told[m.id]), told[m.id]) for m in members]
    united = unite(said, default_precedence())
    body = orjson.dumps(_as_leader(united.resource, told[leader.id], at))
    labels = frozenset[str]().union(*(one.own_labels for one in members))
    outcome.restated.append(_line(leader, united.resource, body, labels=labels))
    outcome.contradictions += _contradictions(leader.id, united)
    sources = [(one.source, one.role) for one in members]
    outcome.assembled.append(Assembled(leader.id, leader.type, leader.member_id, sources))


def _said_at(one: Standing, resource: Mapping[str, Any]) -> datetime | None:
    """When this was said, by what the source or the record itself says; never by when we happened to load it."""
    if one.updated_at is not None:
        return one.updated_at
    times = times_of(resource)
    day = times.adjudicated_on or times.recorded_on or times.received_on
    return datetime.combine(day, time(), UTC) if day else None


def _line(one: Standing, resource: dict[str, Any], body: bytes, *, labels: frozenset[str] = frozenset()) -> Restated:
    """What goes out of this record; the labels of its own source come back by themselves."""
    span = service_dates(resource)
    referred = tuple(i for _, i in references_of(resource, "") if i != one.member_id)
    span_and_status = span.first, span.last, status_of(resource)
    return Restated(one.id, one.member_id, one.type, body, referred, *span_and_status, labels=labels)


def _as_leader(united: dict[str, Any], leader: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Under the id and origin by which it is known, and as new as the merging."""
    meta = leader.get("meta")
    origin = {"source": meta["source"]} if isinstance(meta, dict) and "source" in meta else {}
    return united | {"id": leader["id"], "meta": united["meta"] | origin | {"lastUpdated": write_instant(at)}}


def _contradictions(record_id: str, united: United) -> list[Contradiction]:
    return [
        Contradiction(
            *(record_id, c.element, c.rule),
            told={"values": [{"value": v.value, "source": v.source} for v in c.values], "chosen": c.chosen},
        )
        for c in united.conflicts
    ]


def _redirect(
    tools: Tools, conn: Connection, touched: set[str], leader_of: Mapping[str, str | None], *, at: datetime
) -> None:
    """What refers to a record that another stands for names that one: what goes out must not point at nothing."""
    joined = [record_id for record_id, leader in leader_of.items() if leader is not None]
    if joined:
        members = {one.member_id for one in joining.standing(conn, joined).values()}
        touched |= set(joining.referring(conn, members, joined))
    instead = joining.stood_for(conn, touched)
    if not instead:
        return
    pointing = [one for one in joining.standing(conn, touched).values() if set(one.references) & set(instead)]
    sent = joining.bodies(conn, tools.codec, pointing, own=False)
    lines = []
    for one in pointing:
        body = sent[one.id]
        for former in set(one.references) & set(instead):
            # ids are 128 random bits, so these bytes are that reference and nothing else
            body = body.replace(f'/{former}"'.encode(), f'/{instead[former]}"'.encode())
        lines.append(_line(one, _parsed(body), body, labels=one.labels))
    joining.restate(conn, tools.codec, lines, at=at)


def _replace(conn: Connection, record_ids: Sequence[str], *, at: datetime) -> int:
    """Let later claims take the place of those that they name; how many were replaced by this."""
    wanted = {one.former: one.later for one in replacements(conn, record_ids)}
    standing = joining.standing(conn, [*wanted, *wanted.values()])
    # a record that another stands for takes that one along, and what replaces is whoever stands for it
    whole = {}
    for former, later in wanted.items():
        stands = standing[later].joined_to or later if later in standing else later
        for record_id in {former, standing[former].joined_to or former} if former in standing else {former}:
            if record_id != stands:
                whole[record_id] = stands
    now = joining.replaced_by(conn, record_ids)
    changed: dict[str, str | None] = {i: later for i, later in whole.items() if now.get(i) != later}
    changed |= {i: None for i in now if i not in whole and now[i] in set(record_ids)}
    joining.replace_with(conn, changed, at=at)
    return sum(later is not None for later in changed.values())


def _parsed(body: bytes) -> dict[str, Any]:
    """Our own bytes as a resource, numbers with their digits."""
    resource = parse(body)
    assert resource is not None
    return resource
