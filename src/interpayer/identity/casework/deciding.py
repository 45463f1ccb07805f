"""Deciding cases: one name or two, kept as a ruling that the Resolver honors, labeled for calibration, undone whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interpayer.identity.casework.labels import keep_labels, supersede_labels
from interpayer.identity.casework.names import SAME, Settled, Voice, needs_two, settle
from interpayer.identity.casework.reading import UNDECIDED, CaseRow, known_case
from interpayer.identity.people.merging import person_members
from interpayer.identity.rulings import Judgement, keep_judgement, spread, supersede_of_case
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.database import Connection

DECISIONS = (SAME, "different", "undecidable")
_ABOUT_PEOPLE = ("identity", "conflict")


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
    """A case after a ruling and the exchanges that wait for it. Not `is_settled`: another name is needed first."""

    case_id: str
    decision: str
    member_id: str | None
    exchange_ids: tuple[str, ...]
    partner_id: str | None
    kind: str
    is_settled: bool = True
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Undone:
    """A decision that was taken back, and the request that it was about. The case is open again, unless the same
    request waits in another case that was opened meanwhile."""

    decided: CaseRow
    fingerprint: str | None
    is_open: bool


def assign_case(conn: Connection, case_id: str, *, to: str) -> CaseRow:
    """Give an undecided case an owner."""
    _locked(conn, case_id)
    conn.execute(
        "update identity.review_case set state = 'assigned', assigned_to = %s where case_id = %s", [to, case_id]
    )
    return known_case(conn, case_id)


def release_case(conn: Connection, case_id: str) -> CaseRow:
    """Put an undecided case back into the queue, for anybody."""
    _locked(conn, case_id)
    conn.execute("update identity.review_case set state = 'open', assigned_to = null where case_id = %s", [case_id])
    return known_case(conn, case_id)


def decide_case(conn: Connection, case_id: str, ruling: Ruling) -> CaseDecision:
    """Keep a ruling with its person and reason. Where two names are needed the first one only waits; once settled the
    Resolver honors it from the next request on."""
    row = _locked(conn, case_id)
    _check(row, ruling)
    voices = _speak(conn, row, ruling)
    two = any(
        needs_two(row["evidence"], v.member_id, below=row["two_names_below"]) for v in voices if v.decision == SAME
    )
    settled = settle(voices, needs_two=two)
    if settled is None:
        return _decision(known_case(conn, case_id), Settled(ruling.decision, _meant(ruling), (ruling.person,)), False)
    _put_in_force(conn, row, settled, ruling)
    return _decision(known_case(conn, case_id), settled, True)


def undo_decision(conn: Connection, case_id: str, *, person: str, reason: str) -> Undone:
    """Take a decision back: its rulings and labels are superseded and the case is open again."""
    row = _locked(conn, case_id, states=("decided",))
    if row["kind"] not in _ABOUT_PEOPLE:
        raise Refusal("request.wrong_state", "only decisions about people are undone")
    if not reason.strip() or not person.strip():
        raise Refusal("request.malformed", "person and reason are needed")
    before = known_case(conn, case_id)
    supersede_of_case(conn, case_id, person=person, reason=reason)
    supersede_labels(conn, case_id)
    conn.execute(
        "update identity.case_ruling set superseded_at = clock_timestamp(), superseded_by = %s, superseded_why = %s "
        "where case_id = %s and superseded_at is null",
        [person, reason, case_id],
    )
    is_open = not _asked_again(conn, row)
    conn.execute(
        """
        update identity.review_case
           set state = %s, assigned_to = null, decision = null, member_id = null, decided_by = null,
               decided_reason = null, note = null, decided_at = null
         where case_id = %s
        """,
        ["open" if is_open else "closed", case_id],
    )
    return Undone(before, row["fingerprint"], is_open)


def close_case(conn: Connection, case_id: str, *, person: str, reason: str) -> CaseDecision:
    """End a case that needs no ruling about people (recall, policy)."""
    if _locked(conn, case_id)["kind"] in _ABOUT_PEOPLE:
        raise Refusal("request.wrong_state", "a case about people needs a ruling")
    closed = Settled("closed", None, (person,))
    _finish(conn, case_id, closed, Ruling(person, "closed", reason), state="closed")
    return _decision(known_case(conn, case_id), closed, True)


def _check(row: Mapping[str, Any], ruling: Ruling) -> None:
    if ruling.decision not in DECISIONS or not ruling.reason.strip() or not ruling.person.strip():
        raise Refusal("request.malformed", "decision (same, different, undecidable), person and reason are needed")
    is_about_people = row["kind"] in _ABOUT_PEOPLE
    if is_about_people and ruling.decision == SAME and ruling.member_id not in row["candidates"]:
        raise Refusal("request.malformed", "member_id must be one of the candidates")


def _meant(ruling: Ruling) -> str | None:
    return ruling.member_id if ruling.decision == SAME else None


def _speak(conn: Connection, row: Mapping[str, Any], ruling: Ruling) -> list[Voice]:
    """Keep the ruling among those of the case; everybody's latest word, oldest first."""
    conn.execute(
        "update identity.case_ruling set superseded_at = clock_timestamp(), superseded_by = %s, "
        "superseded_why = 'said otherwise' where case_id = %s and lower(person) = lower(%s) and superseded_at is null",
        [ruling.person, row["case_id"], ruling.person],
    )
    conn.execute(
        "insert into identity.case_ruling (case_id, person, decision, member_id, reason, note) "
        "values (%s, %s, %s, %s, %s, %s)",
        [row["case_id"], ruling.person, ruling.decision, _meant(ruling), ruling.reason, ruling.note],
    )
    said = conn.execute(
        "select person, decision, member_id from identity.case_ruling "
        "where case_id = %s and superseded_at is null order by given_at, ruling_id",
        [row["case_id"]],
    )
    return [Voice(one["person"], one["decision"], one["member_id"]) for one in said]


def _put_in_force(conn: Connection, row: Mapping[str, Any], settled: Settled, ruling: Ruling) -> None:
    case_id, one_person = row["case_id"], _one_person(conn, settled.member_id)
    if row["kind"] == "identity" and row["fingerprint"]:
        others = [m for m in row["candidates"] if m == settled.member_id or m not in one_person]
        decisions = spread(settled.decision, others, settled.member_id)
        people = " and ".join(settled.people)
        keep_judgement(conn, Judgement(row["fingerprint"], decisions, case_id, people, ruling.reason))
    if row["kind"] in _ABOUT_PEOPLE:
        labeled = spread(settled.decision, row["candidates"], settled.member_id)
        labeled |= {m: SAME for m in row["candidates"] if m in one_person}
        keep_labels(conn, row, labeled, names=len(settled.people))
    _finish(conn, case_id, settled, ruling, state="decided")


def _one_person(conn: Connection, member_id: str | None) -> Sequence[str]:
    """Every member who is the same person: about them a "same" says nothing different."""
    return person_members(conn, [member_id]).get(member_id, ()) if member_id else ()


def _finish(conn: Connection, case_id: str, settled: Settled, ruling: Ruling, *, state: str) -> None:
    conn.execute(
        """
        update identity.review_case
           set state = %s, decision = %s, member_id = %s, decided_by = %s, decided_reason = %s, note = %s,
               decided_at = %s
         where case_id = %s
        """,
        [
            *(state, settled.decision, settled.member_id, " and ".join(settled.people)),
            *(ruling.reason, ruling.note, now(), case_id),
        ],
    )


def _asked_again(conn: Connection, row: Mapping[str, Any]) -> bool:
    """Whether the same request waits in a case that was opened after this one was decided."""
    found = conn.execute(
        "select 1 from identity.review_case where fingerprint = %s and coalesce(partner_id, '') = %s "
        "and state in ('open', 'assigned')",
        [row["fingerprint"], row["partner_id"] or ""],
    ).fetchone()
    return found is not None


def _locked(conn: Connection, case_id: str, *, states: Sequence[str] = UNDECIDED) -> dict[str, Any]:
    row = conn.execute(
        "select case_id, kind, state, fingerprint, partner_id, candidates, evidence, two_names_below "
        "from identity.review_case where case_id = %s for update",
        [case_id],
    ).fetchone()
    if row is None:
        raise Refusal("request.not_found")
    if row["state"] not in states:
        raise Refusal("request.wrong_state", f"the case is {row['state']}")
    return row


def _decision(row: CaseRow, settled: Settled, is_settled: bool) -> CaseDecision:
    return CaseDecision(
        row.id,
        settled.decision,
        settled.member_id,
        row.exchange_ids,
        row.partner_id,
        row.kind,
        is_settled,
        settled.people,
    )
