"""Cases: decisions that a named person owes. A repeat joins the open case; a ruling is honored by the next request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from interpayer.identity.holding import Profile
from interpayer.identity.masking import clear_document, masked_document
from interpayer.identity.resolve import Query
from interpayer.identity.rulings import Judgement, keep_judgement, spread
from interpayer.identity.store import ZONE, evidence_document, held_members, open_profile, seal_profile
from interpayer.model.match import Match
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.database import Connection, as_json
from interpayer.system.ids import new_id
from interpayer.system.keys import Vault

DECISIONS = ("same", "different", "undecidable")
_ABOUT_PEOPLE = ("identity", "conflict")


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to open. `fingerprint` (of the resolver) lets a repeat join; None is never joined."""

    kind: str
    exchange_id: str | None
    partner_id: str | None
    match: Match | None
    query: Query | None
    fingerprint: str | None
    due_at: datetime
    priority: str = "normal"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """The case a request now waits for; `joined` when it was open before."""

    id: str
    joined: bool


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case without any value of a person."""

    id: str
    kind: str
    state: str
    reason: str
    partner_id: str | None
    exchange_ids: tuple[str, ...]
    priority: str
    due_at: datetime
    opened_at: datetime
    assigned_to: str | None
    decision: str | None
    decided_by: str | None
    decided_reason: str | None
    decided_at: datetime | None
    member_id: str | None
    evidence: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a named person decided and why; `member_id` says who it is when it is the same person."""

    person: str
    decision: str
    reason: str
    member_id: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class CaseDecision:
    """A decided case and the exchanges that waited for it."""

    case_id: str
    decision: str
    member_id: str | None
    exchange_ids: tuple[str, ...]
    partner_id: str | None
    kind: str


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


def list_cases(
    conn: Connection,
    *,
    state: str | None = None,
    kind: str | None = None,
    partner_id: str | None = None,
    limit: int = 100,
) -> list[CaseRow]:
    """Cases by urgency: overdue and soonest due first."""
    rows = conn.execute(
        _SELECT
        + """
         where (%(state)s::text is null or state = %(state)s) and (%(kind)s::text is null or kind = %(kind)s)
           and (%(partner)s::text is null or partner_id = %(partner)s)
         order by state in ('decided', 'closed'), due_at, opened_at limit %(limit)s
        """,
        {"state": state, "kind": kind, "partner": partner_id, "limit": limit},
    )
    return [_case_row(row) for row in rows]


def case(conn: Connection, case_id: str) -> CaseRow | None:
    """One case; None when unknown."""
    row = conn.execute(_SELECT + " where case_id = %s", [case_id]).fetchone()
    return _case_row(row) if row else None


def sides(conn: Connection, vault: Vault, case_id: str, *, masked: bool = True) -> dict[str, Any]:
    """Who was asked for and who may be meant, side by side; masked unless a person needs more (an event of its own)."""
    row = conn.execute("select asked, candidates from identity.review_case where case_id = %s", [case_id]).fetchone()
    if row is None:
        raise Refusal("request.not_found")
    show = masked_document if masked else clear_document
    held = held_members(conn, vault, row["candidates"])
    asked = open_profile(vault.zone_key(ZONE), row["asked"], case_id) if row["asked"] else None
    known = [{"member_id": m, **show(held[m].profile)} for m in row["candidates"] if m in held]
    return {"asked": show(asked) if asked else None, "candidates": known}


def assign_case(conn: Connection, case_id: str, *, to: str) -> CaseRow:
    """Give an undecided case an owner."""
    _locked(conn, case_id)
    conn.execute(
        "update identity.review_case set state = 'assigned', assigned_to = %s where case_id = %s", [to, case_id]
    )
    return _known_case(conn, case_id)


def decide_case(conn: Connection, case_id: str, ruling: Ruling) -> CaseDecision:
    """Keep a ruling with its person and reason; the Resolver honors it from the next request on."""
    row = _locked(conn, case_id)
    if ruling.decision not in DECISIONS or not ruling.reason.strip() or not ruling.person.strip():
        raise Refusal("request.malformed", "decision (same, different, undecidable), person and reason are needed")
    is_about_people = row["kind"] in _ABOUT_PEOPLE
    member_id = ruling.member_id if ruling.decision == "same" else None
    if is_about_people and ruling.decision == "same" and member_id not in row["candidates"]:
        raise Refusal("request.malformed", "member_id must be one of the candidates")
    if row["kind"] == "identity" and row["fingerprint"]:
        decisions = spread(ruling.decision, row["candidates"], ruling.member_id)
        keep_judgement(conn, Judgement(row["fingerprint"], decisions, case_id, ruling.person, ruling.reason))
    _finish(conn, case_id, ruling, "decided")
    return _decision(conn, case_id)


def close_case(conn: Connection, case_id: str, *, person: str, reason: str) -> CaseDecision:
    """End a case that needs no ruling about people (recall, policy)."""
    if _locked(conn, case_id)["kind"] in _ABOUT_PEOPLE:
        raise Refusal("request.wrong_state", "a case about people needs a ruling")
    _finish(conn, case_id, Ruling(person, "closed", reason), "closed")
    return _decision(conn, case_id)


_SELECT = """
    select case_id, kind, state, reason, partner_id, priority, due_at, opened_at, assigned_to, decision, decided_by,
           decided_reason, decided_at, member_id, evidence,
           array(select e.exchange_id from identity.case_exchange e
                  where e.case_id = c.case_id order by e.joined_at, e.exchange_id) as exchanges
      from identity.review_case c
"""


def _finish(conn: Connection, case_id: str, ruling: Ruling, state: str) -> None:
    conn.execute(
        """
        update identity.review_case
           set state = %s, decision = %s, member_id = %s, decided_by = %s, decided_reason = %s, note = %s,
               decided_at = %s
         where case_id = %s
        """,
        [state, ruling.decision, ruling.member_id, ruling.person, ruling.reason, ruling.note, now(), case_id],
    )


def _locked(conn: Connection, case_id: str) -> dict[str, Any]:
    row = conn.execute(
        "select case_id, kind, state, fingerprint, candidates from identity.review_case where case_id = %s for update",
        [case_id],
    ).fetchone()
    if row is None:
        raise Refusal("request.not_found")
    if row["state"] not in ("open", "assigned"):
        raise Refusal("request.wrong_state", "the case is decided")
    return row


def _known_case(conn: Connection, case_id: str) -> CaseRow:
    found = case(conn, case_id)
    if found is None:
        raise Refusal("request.not_found")
    return found


def _decision(conn: Connection, case_id: str) -> CaseDecision:
    row = _known_case(conn, case_id)
    return CaseDecision(row.id, row.decision or "", row.member_id, row.exchange_ids, row.partner_id, row.kind)


def _insert(conn: Connection, documents: Sequence[Mapping[str, Any]], asked: Mapping[str, bytes | None]) -> set[str]:
    ids = [d["case_id"] for d in documents]
    rows = conn.execute(
        """
        insert into identity.review_case (case_id, kind, reason, partner_id, fingerprint, evidence_id, candidates,
                                          evidence, priority, due_at, asked)
        select r.*, a.asked
          from jsonb_to_recordset(%s) r (case_id text, kind text, reason text, partner_id text, fingerprint text,
               evidence_id text, candidates text[], evidence jsonb, priority text, due_at timestamptz)
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
    return {
        "case_id": new_id("c"),
        "kind": case.kind,
        "reason": case.reason or (match.reason if match else "policy.denied"),
        "partner_id": case.partner_id,
        "fingerprint": case.fingerprint,
        "evidence_id": match.evidence_id if match else None,
        "candidates": [c.member_id for c in match.candidates] if match else [],
        "evidence": evidence_document(match) if match else [],
        "priority": case.priority,
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


def _case_row(row: Mapping[str, Any]) -> CaseRow:
    kept = {name: row[name] for name in CaseRow.__dataclass_fields__ if name in row}
    return CaseRow(id=row["case_id"], exchange_ids=tuple(row["exchanges"]), **kept)
