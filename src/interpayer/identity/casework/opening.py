"""Opening cases: one durable case per doubtful request, with its risk and how many names it needs; repeats join."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from interpayer.identity.casework.names import candidate_scores, needs_two
from interpayer.identity.casework.urgency import risk_of
from interpayer.identity.holding import Profile
from interpayer.identity.resolve import Query
from interpayer.identity.store import evidence_document, seal_profile
from interpayer.model.match import Match
from interpayer.system.database import Connection, as_json
from interpayer.system.ids import new_id
from interpayer.system.keys import Vault


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to open. `fingerprint` (of the resolver) lets a repeat join; None is never joined. A "same" about a
    candidate whose score lies below `two_names_below` (bits; the limits' `four_eyes`) needs two names."""

    kind: str
    exchange_id: str | None
    partner_id: str | None
    match: Match | None
    query: Query | None
    fingerprint: str | None
    due_at: datetime
    priority: str = "normal"
    reason: str | None = None
    two_names_below: float | None = None


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """The case a request now waits for; `joined` when it was open before."""

    id: str
    joined: bool


def open_case(conn: Connection, vault: Vault, case: NewCase) -> OpenedCase:
    """Open a case, or join the open one of the same partner and request."""
    return open_cases(conn, vault, [case])[0]


def open_cases(conn: Connection, vault: Vault, cases: Sequence[NewCase]) -> list[OpenedCase]:
    """Open or join many cases at once, in order."""
    if not cases:
        return []
    documents = [_document(case) for case in cases]
    asked = {
        d["case_id"]: _seal_asked(vault, d["case_id"], case.query) for d, case in zip(documents, cases, strict=True)
    }
    new = _insert(conn, documents, asked)
    joined = _open_by_fingerprint(conn, [d["fingerprint"] for d in documents if d["case_id"] not in new])
    # A case that was decided between the two statements is joined by nobody: it is opened anew.
    new |= _insert(conn, [d for d in documents if d["case_id"] not in new and _place(d) not in joined], asked)
    opened = [
        OpenedCase(d["case_id"], joined=False) if d["case_id"] in new else OpenedCase(joined[_place(d)], joined=True)
        for d in documents
    ]
    pairs = [(o.id, case.exchange_id) for o, case in zip(opened, cases, strict=True) if case.exchange_id]
    _join_exchanges(conn, pairs)
    return opened


def _insert(conn: Connection, documents: Sequence[Mapping[str, Any]], asked: Mapping[str, bytes | None]) -> set[str]:
    ids = [d["case_id"] for d in documents]
    rows = conn.execute(
        """
        insert into identity.review_case (case_id, kind, reason, partner_id, fingerprint, evidence_id, candidates,
                                          evidence, priority, risk, score, two_names_below, rule_version,
                                          model_version, threshold_version, due_at, asked)
        select r.*, a.asked
          from jsonb_to_recordset(%s) r (case_id text, kind text, reason text, partner_id text, fingerprint text,
               evidence_id text, candidates text[], evidence jsonb, priority text, risk smallint,
               score double precision, two_names_below double precision, rule_version text, model_version text,
               threshold_version text, due_at timestamptz)
          join unnest(%s::text[], %s::bytea[]) a (case_id, asked) using (case_id)
        on conflict (coalesce(partner_id, ''), fingerprint)
              where fingerprint is not null and state in ('open', 'assigned') do nothing
        returning case_id
        """,
        [as_json(documents), ids, [asked[case_id] for case_id in ids]],
    )
    return {row["case_id"] for row in rows}


def _place(document: Mapping[str, Any]) -> tuple[str, str | None]:
    return document["partner_id"] or "", document["fingerprint"]


def _document(case: NewCase) -> dict[str, Any]:
    match = case.match
    scores = candidate_scores(match) if match else {}
    candidates = evidence_document(match) if match else []
    evidence = [{**candidate, "score": scores.get(candidate["member_id"])} for candidate in candidates]
    two = needs_two(evidence, None, below=case.two_names_below)
    return {
        "case_id": new_id("c"),
        "kind": case.kind,
        "reason": case.reason or (match.reason if match else "policy.denied"),
        "partner_id": case.partner_id,
        "fingerprint": case.fingerprint,
        "evidence_id": match.evidence_id if match else None,
        "candidates": [c.member_id for c in match.candidates] if match else [],
        "evidence": evidence,
        "priority": case.priority,
        "risk": risk_of(case.kind, match, needs_two=two, priority=case.priority),
        "score": match.score if match else None,
        "two_names_below": case.two_names_below,
        "rule_version": match.rule_version if match else None,
        "model_version": match.model_version if match else None,
        "threshold_version": match.threshold_version if match else None,
        "due_at": case.due_at,
    }


def _open_by_fingerprint(conn: Connection, fingerprints: Sequence[str | None]) -> dict[tuple[str, str | None], str]:
    rows = conn.execute(
        "select case_id, coalesce(partner_id, '') as partner, fingerprint from identity.review_case "
        "where fingerprint = any(%s) and state in ('open', 'assigned')",
        [list(fingerprints)],
    )
    return {(row["partner"], row["fingerprint"]): row["case_id"] for row in rows}


def _join_exchanges(conn: Connection, pairs: Sequence[tuple[str, str]]) -> None:
    conn.execute(
        "insert into identity.case_exchange (case_id, exchange_id) "
        "select * from unnest(%s::text[], %s::text[]) on conflict do nothing",
        [[case_id for case_id, _ in pairs], [exchange_id for _, exchange_id in pairs]],
    )


def _seal_asked(vault: Vault, case_id: str, query: Query | None) -> bytes | None:
    if query is None:
        return None
    asked = Profile(query.demographics, (query.coverage,) if query.coverage else (), date.min)
    return seal_profile(vault, asked, case_id)
