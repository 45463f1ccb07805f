"""Cases as people see them: the queue by rank, one case with what was said of it, its two sides."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.identity.casework.names import needs_two
from interpayer.identity.casework.urgency import rank_of
from interpayer.identity.masking import clear_document, masked_document
from interpayer.identity.store import ZONE, held_members, open_profile
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.keys import Vault

UNDECIDED = ("open", "assigned")


@dataclass(frozen=True, slots=True)
class Said:
    """What one person said of a case, in force or undone."""

    person: str
    decision: str
    member_id: str | None
    reason: str
    given_at: datetime
    superseded_at: datetime | None
    superseded_by: str | None
    superseded_why: str | None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case without any value of a person. `rank` orders the open ones: risk and the share of the time that is gone;
    `names_needed` is how many people must agree on a "same"."""

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
    risk: int = 0
    rank: float = 0.0
    score: float | None = None
    names_needed: int = 1
    said: tuple[Said, ...] = ()
    evidence_id: str | None = None
    threshold_version: str | None = None

    @property
    def waits_for_second(self) -> bool:
        """Whether somebody decided and another name is needed before it is in force."""
        return self.state in UNDECIDED and any(one.superseded_at is None for one in self.said)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """What a list of cases is narrowed by; None does not narrow."""

    state: str | None = None
    kind: str | None = None
    partner_id: str | None = None
    assigned_to: str | None = None
    limit: int = 100


_SELECT = """
    select case_id, kind, state, reason, partner_id, priority, due_at, opened_at, assigned_to, decision, decided_by,
           decided_reason, decided_at, member_id, evidence, risk, score, two_names_below, evidence_id,
           threshold_version,
           array(select e.exchange_id from identity.case_exchange e
                  where e.case_id = c.case_id order by e.joined_at, e.exchange_id) as exchanges,
           (select coalesce(jsonb_agg(to_jsonb(r) order by r.given_at, r.ruling_id), '[]')
              from identity.case_ruling r where r.case_id = c.case_id) as said
      from identity.review_case c
"""
# As `urgency.rank_of`; the database only orders by it.
_BY_RANK = """
    risk + least(greatest(extract(epoch from now() - opened_at)
                          / greatest(extract(epoch from due_at - opened_at), 60) * 100,
                          case when now() >= due_at then 100 else 0 end), 300) desc, due_at, opened_at
"""
_FREE = """
    select case_id from identity.review_case
     where state = 'open' and assigned_to is null and (%(kind)s::text is null or kind = %(kind)s) order by
"""


def list_cases(
    conn: Connection,
    *,
    state: str | None = None,
    kind: str | None = None,
    partner_id: str | None = None,
    limit: int = 100,
) -> list[CaseRow]:
    """Cases by rank: most risk and least time first, decided ones last."""
    return narrowed(conn, CaseFilter(state=state, kind=kind, partner_id=partner_id, limit=limit))


def narrowed(conn: Connection, wanted: CaseFilter) -> list[CaseRow]:
    """Cases by rank, narrowed by the filter."""
    rows = conn.execute(
        _SELECT
        + f"""
         where (%(state)s::text is null or state = %(state)s) and (%(kind)s::text is null or kind = %(kind)s)
           and (%(partner)s::text is null or partner_id = %(partner)s)
           and (%(owner)s::text is null or assigned_to = %(owner)s)
         order by state in ('decided', 'closed'), {_BY_RANK} limit %(limit)s
        """,
        {
            "state": wanted.state,
            "kind": wanted.kind,
            "partner": wanted.partner_id,
            "owner": wanted.assigned_to,
            "limit": wanted.limit,
        },
    )
    at = now()
    return [_case_row(row, at) for row in rows]


def case(conn: Connection, case_id: str) -> CaseRow | None:
    """One case; None when unknown."""
    row = conn.execute(_SELECT + " where case_id = %s", [case_id]).fetchone()
    return _case_row(row, now()) if row else None


def known_case(conn: Connection, case_id: str) -> CaseRow:
    """One case; `Refusal` when unknown."""
    found = case(conn, case_id)
    if found is None:
        raise Refusal("request.not_found")
    return found


def reviewed_by(conn: Connection, exchange_id: str, member_id: str, partner_id: str | None) -> dict[str, Any] | None:
    """Who judged that this member is meant, when, why and in which case: the exchange's own case, else the one ruling
    about this member for the partner. None when nobody did, or when it could have been one of several."""
    rows = conn.execute(
        """
        select c.case_id as "case", c.decided_by as reviewer, c.decided_at as reviewed_at, c.decided_reason as why,
               exists (select from identity.case_exchange e
                        where e.case_id = c.case_id and e.exchange_id = %(exchange)s) as own
          from identity.review_case c
         where c.state = 'decided' and c.decision = 'same' and c.member_id = %(member)s
           and coalesce(c.partner_id, '') = coalesce(%(partner)s, '')
         order by own desc
        """,
        {"exchange": exchange_id, "member": member_id, "partner": partner_id},
    ).fetchall()
    if not rows or (not rows[0]["own"] and len(rows) > 1):
        return None
    return {name: value for name, value in rows[0].items() if name != "own"}


def next_unowned(conn: Connection, *, kind: str | None = None) -> str | None:
    """The case of highest rank that nobody has, locked; None when there is none. Two who ask at once get two cases."""
    row = conn.execute(_FREE + _BY_RANK + " limit 1 for update skip locked", {"kind": kind}).fetchone()
    return row["case_id"] if row else None


def flag_overdue(conn: Connection, at: datetime, limit: int) -> list[CaseRow]:
    """Note which undecided cases passed their promised time, each once; these cases."""
    rows = conn.execute(
        """
        update identity.review_case set overdue_at = %s
         where case_id in (select case_id from identity.review_case
                            where overdue_at is null and state in ('open', 'assigned') and due_at < %s
                            order by due_at limit %s for update skip locked)
        returning case_id
        """,
        [at, at, limit],
    ).fetchall()
    found = (case(conn, row["case_id"]) for row in rows)
    return [one for one in found if one is not None]


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


def _case_row(row: Mapping[str, Any], at: datetime) -> CaseRow:
    names = set(CaseRow.__dataclass_fields__) - {"id", "exchange_ids", "rank", "names_needed", "said"}
    is_open = row["state"] in UNDECIDED
    return CaseRow(
        id=row["case_id"],
        exchange_ids=tuple(row["exchanges"]),
        rank=rank_of(row["risk"], row["opened_at"], row["due_at"], at=at) if is_open else 0.0,
        names_needed=2 if needs_two(row["evidence"], None, below=row["two_names_below"]) else 1,
        said=tuple(_said(one) for one in row["said"]),
        **{name: row[name] for name in names},
    )


def _said(row: Mapping[str, Any]) -> Said:
    moments = {name: _moment(row[name]) for name in ("given_at", "superseded_at")}
    return Said(**{**{name: row[name] for name in Said.__dataclass_fields__}, **moments})


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
