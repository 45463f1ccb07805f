"""`labels`: which records are sensitive and why, and looking at them anew when the value sets change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from interpayer.adapters.fhir_files import parse
from interpayer.exchange.labeling import Births
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import Event
from interpayer.normalization.labeling.applying import SESSION_NOTES, Labeled, labeled
from interpayer.normalization.labeling.finding import findings
from interpayer.normalization.labeling.security import labeled_meta, without_ours
from interpayer.normalization.merge import write_instant
from interpayer.records import relabeling
from interpayer.records.loading import begin_load
from interpayer.records.relabeling import Due, Relabeled
from interpayer.records.store import read_record
from interpayer.system.database import Connection

CHAIN = "labels"
BATCH = 500


@dataclass(slots=True)
class RelabelReport:
    """What looking anew did: records looked at, those whose labels are others now, those that leave no more."""

    version: str
    looked_at: int = 0
    changed: int = 0
    withheld: int = 0


@dataclass(frozen=True, slots=True)
class Why:
    """Why a record carries a label: the value set or who said so; codes and words only for who holds the record."""

    category: str
    by: str
    what: str = ""


def relabel(tools: Tools, *, actor: Actor, progress: Callable[[int], None] | None = None) -> RelabelReport:
    """Look at every record that was not looked at under the value sets in force, batch by batch, resumable.

    Each batch is a transaction of its own. A member whose records are not all done is told apart as unlabeled until
    then, so a consent for regular data alone is refused rather than answered by old labels.
    """
    report = RelabelReport(tools.sets.version)
    after = ""
    while True:
        with tools.database.transaction() as conn:
            at = begin_load(conn)
            rows = relabeling.due(conn, tools.codec, tools.sets.version, after=after, limit=BATCH)
            if rows:
                _look_at(tools, conn, rows, report, at=at)
                after = rows[-1].id
            else:
                _record(tools, conn, report, actor)
        if not rows:
            return report
        if progress:
            progress(report.looked_at)


def explain(tools: Tools, conn: Connection, record_id: str) -> list[Why] | None:
    """Which value sets gave a record that is held its labels, without its codes; None when there is none."""
    row = read_record(conn, tools.codec, record_id)
    if row is None:
        return None
    body = row["released"]
    resource = parse(body) if body else None
    told = findings(_as_sent(resource, row["original"]), body, tools.sets) if resource else []
    return list(dict.fromkeys(Why(one.category, one.by) for one in told))


def explain_resource(tools: Tools, resource: dict[str, Any]) -> list[Why]:
    """Every reason for which a resource of the caller's own would be labeled, its codes and words named."""
    return [Why(one.category, one.by, one.what) for one in findings(resource, orjson.dumps(resource), tools.sets)]


def state(tools: Tools, conn: Connection) -> dict[str, Any]:
    """The value sets in force, under which versions records were looked at, and how many carry each label."""
    return {
        "version": tools.sets.version,
        "files": dict(tools.sets.files),
        "categories": sorted(tools.sets.categories),
        "records": relabeling.versions(conn),
        "labels": relabeling.counts(conn),
    }


def _look_at(tools: Tools, conn: Connection, rows: Sequence[Due], report: RelabelReport, *, at: datetime) -> None:
    born_on = Births(tools, conn, [row.member_id for row in rows if row.member_id])
    found: list[Relabeled] = []
    gone: list[str] = []
    for row in rows:
        made = _labeled(tools, row, born_on, at=at)
        report.changed += made.labels != row.labels
        if row.body is not None and made.body is None:
            gone.append(row.id)
        body = None if made.body is None or _is_same(made.body, row.body) else made.body
        found.append(Relabeled(row.id, row.type, row.member_id, made.labels, body))
    relabeling.keep(conn, tools.codec, found, version=tools.sets.version, at=at)
    relabeling.withhold(conn, gone, SESSION_NOTES)
    report.looked_at += len(rows)
    report.withheld += len(gone)
    leaders = {row.leader_id for row in rows if row.leader_id}
    _unite(tools, conn, sorted(leaders), at=at)


def _labeled(tools: Tools, row: Due, born_on: Births, *, at: datetime) -> Labeled:
    resource = parse(row.body) if row.body else None
    if resource is None:
        return Labeled(None, frozenset())
    sent = _as_sent(resource, row.original)
    days = {day for day in (row.service_from, row.service_to) if day} or {row.available_at.date()}
    made = labeled(sent, tools.sets, served_on=days, born_on=lambda: born_on(row.member_id or ""))
    if made.body is None or _is_same(made.body, row.body):
        return made
    # what changes is as new as the change, so that whoever asks for what changed gets it
    anew = {**sent, "meta": {**sent.get("meta", {}), "lastUpdated": write_instant(at)}}
    return Labeled(orjson.dumps({**anew, "meta": labeled_meta(anew["meta"], made.labels)}), made.labels)


def _as_sent(resource: dict[str, Any], original: bytes) -> dict[str, Any]:
    """The resource with the security labels of whoever sent it, without those that we added."""
    came = parse(original) or {}
    theirs = came.get("meta", {}).get("security") if isinstance(came.get("meta"), dict) else None
    meta = {name: value for name, value in resource.get("meta", {}).items() if name != "security"}
    return {**resource, "meta": {**meta, "security": theirs} if theirs else meta}


def _unite(tools: Tools, conn: Connection, leader_ids: Sequence[str], *, at: datetime) -> None:
    """What is made of several carries the labels of all of them."""
    found = []
    for one in relabeling.united(conn, tools.codec, leader_ids) if leader_ids else ():
        resource = parse(one.body) or {}
        if one.united == one.labels:
            continue
        meta = without_ours(resource.get("meta", {}))
        said = labeled_meta({**meta, "lastUpdated": write_instant(at)}, one.united)
        body = orjson.dumps({**resource, "meta": said})
        found.append(Relabeled(one.id, one.type, one.member_id, one.united, body))
    relabeling.keep_united(conn, tools.codec, found, at=at)


def _is_same(one: bytes, other: bytes | None) -> bool:
    return other is not None and (one == other or _said(one) == _said(other))


def _said(body: bytes) -> bytes:
    return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)


def _record(tools: Tools, conn: Connection, report: RelabelReport, actor: Actor) -> None:
    tools.ledger.append(
        conn,
        Event(
            *("records.relabeled", CHAIN, actor.type, actor.id),
            facts={
                "version": report.version,
                "looked_at": report.looked_at,
                "changed": report.changed,
                "withheld": report.withheld,
            },
        ),
    )
