"""Which members are one person: judgements of named persons, superseded when undone, never erased."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from interpayer.identity.people.components import component
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Grounds:
    """Who judges, why, on what, how surely (0 to 1), and from when on it is true (today when left out)."""

    person: str
    reason: str
    source: str = "person"
    confidence: float = 1.0
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """One judgement about two members, in force or superseded."""

    member_id: str
    other: str
    decision: str
    source: str
    confidence: float
    judged_by: str
    reason: str
    judged_at: datetime
    effective_from: date | None
    effective_to: date | None
    superseded_at: datetime | None
    superseded_by: str | None
    superseded_why: str | None


@dataclass(frozen=True, slots=True)
class Parted:
    """A person that became two: who stays, who left, and since when they had been one."""

    stays: tuple[str, ...]
    left: tuple[str, ...]
    merged_at: datetime
    edge: Edge = field(repr=False)


def merge_members(conn: Connection, member_id: str, into: str, *, grounds: Grounds) -> tuple[str, ...]:
    """Say that two members are one person; the person of `into` survives. All members of the person then.

    Refusal `request.wrong_state` when they are one already, or when members of the two are judged to be two people.
    """
    people = _people(conn, member_id, into)
    one, other = people[member_id], people[into]
    if one == other:
        raise Refusal("request.wrong_state", "these members are one person already")
    groups = _groups(conn, (one, other))
    parted = _judged_two(conn, groups[one], groups[other])
    against = [pair for pair in parted if set(pair) != {member_id, into}]
    if against:
        named = ", ".join(f"{first} and {second}" for first, second in against)
        raise Refusal("request.wrong_state", f"judged to be two people: {named}")
    if parted:
        _supersede(conn, member_id, into, decision="different", grounds=grounds)
    _judge(conn, member_id, into, decision="same", grounds=grounds)
    _set_person(conn, groups[one], other)
    return tuple(sorted((*groups[one], *groups[other])))


def merge_as_told(conn: Connection, member_id: str, into: str, *, grounds: Grounds) -> bool:
    """As `merge_members`, for a feed that says the same every night: False where there is nothing to do, or where a
    person judged members of the two to be two people. A feed never overrules a person."""
    people = _people(conn, member_id, into)
    one, other = people[member_id], people[into]
    if one == other:
        return False
    groups = _groups(conn, (one, other))
    if _judged_two(conn, groups[one], groups[other]):
        return False
    _judge(conn, member_id, into, decision="same", grounds=grounds)
    _set_person(conn, groups[one], other)
    return True


def split_members(conn: Connection, member_id: str, other: str | None, *, grounds: Grounds) -> Parted:
    """Undo the judgement that joined two members: whoever hangs on each side goes with it. `other` may be left out
    where the member was joined with one only. That they are two is kept: who merges them again must name them."""
    person_id = _people(conn, member_id)[member_id]
    members = _groups(conn, (person_id,))[person_id]
    edges = _edges(conn, members)
    edge = _edge_between(edges, member_id, other)
    remaining = [(e.member_id, e.other) for e in edges if e is not edge]
    ends = (edge.member_id, edge.other)
    # The side of the survivor keeps its person id; a member that no judgement holds stays with it too.
    left_end = next(end for end in ends if person_id not in component(end, remaining))
    left = component(left_end, remaining)
    _supersede(conn, *ends, decision="same", grounds=grounds)
    _judge(conn, *ends, decision="different", grounds=grounds)
    _set_person(conn, left, left_end)
    return Parted(tuple(sorted(set(members) - left)), tuple(sorted(left)), edge.judged_at, edge)


def link_members(conn: Connection, member_id: str, into: str, *, person: str, reason: str) -> None:
    """Say that two members are one person (enrolled twice); the person of `into` survives."""
    merge_members(conn, member_id, into, grounds=Grounds(person, reason))


def unlink_member(conn: Connection, member_id: str, *, person: str, reason: str) -> None:
    """Undo a link: the member is a person of its own again. A survivor cannot leave the others behind."""
    if _people(conn, member_id)[member_id] == member_id:
        raise Refusal("request.wrong_state", "this member is the survivor, or not linked")
    split_members(conn, member_id, None, grounds=Grounds(person, reason))


def person_members(conn: Connection, member_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each member every member id of the same person; what a person withdraws holds for all of them."""
    rows = conn.execute(
        """
        select m.member_id, array_agg(p.member_id order by p.member_id) as members
          from identity.member m join identity.member p using (person_id) where m.member_id = any(%s) group by 1
        """,
        [list(member_ids)],
    )
    return {row["member_id"]: tuple(row["members"]) for row in rows}


def survivor(conn: Connection, member_id: str) -> str:
    """The member whose id the person goes by; `Refusal` when the member is unknown."""
    row = conn.execute("select person_id from identity.member where member_id = %s", [member_id]).fetchone()
    if row is None:
        raise Refusal("request.not_found", "no such member")
    return str(row["person_id"])


def lineage(conn: Connection, member_id: str) -> list[Edge]:
    """Every judgement that ever joined or parted the members of this person, oldest first, undone ones too."""
    rows = conn.execute(_SELECT + _OF_PERSON, {"member": member_id})
    return [_edge(row) for row in rows]


_SELECT = """
    select subject, member_id, decision, source, confidence, person, reason, decided_at, effective_from, effective_to,
           superseded_at, superseded_by, superseded_why
      from identity.judgement
"""
_OF_PERSON = """
     where kind = 'person' and subject in (
           with recursive near (member_id) as (
                select %(member)s::text
                 union
                select case when j.subject = n.member_id then j.member_id else j.subject end
                  from near n join identity.judgement j
                    on j.kind = 'person' and j.decision = 'same' and n.member_id in (j.subject, j.member_id))
           select member_id from near)
     order by decided_at, judgement_id
"""


def _edge(row: Mapping[str, Any]) -> Edge:
    named = ("decision", "source", "confidence", "reason", "effective_from", "effective_to")
    undone = ("superseded_at", "superseded_by", "superseded_why")
    return Edge(
        member_id=row["subject"],
        other=row["member_id"],
        judged_by=row["person"],
        judged_at=row["decided_at"],
        **{name: row[name] for name in (*named, *undone)},
    )


def _edges(conn: Connection, members: Collection[str]) -> list[Edge]:
    rows = conn.execute(
        _SELECT
        + """ where kind = 'person' and decision = 'same' and superseded_at is null
               and subject = any(%s) and member_id = any(%s) order by judgement_id""",
        [list(members), list(members)],
    )
    return [_edge(row) for row in rows]


def _edge_between(edges: Sequence[Edge], member_id: str, other: str | None) -> Edge:
    touching = [e for e in edges if member_id in (e.member_id, e.other)]
    wanted = [e for e in touching if other is None or other in (e.member_id, e.other)]
    if len(wanted) == 1:
        return wanted[0]
    if not touching:
        raise Refusal("request.wrong_state", "this member was not joined with another")
    raise Refusal("request.malformed", f"name the other member: this one was joined with {len(touching)}")


def _people(conn: Connection, *member_ids: str) -> dict[str, str]:
    # One at a time: a merge looks at everybody of two people, and two merges at once could miss each other.
    conn.execute("select pg_advisory_xact_lock(hashtextextended('identity.person', 0))")
    rows = conn.execute(
        "select member_id, person_id from identity.member where member_id = any(%s) order by member_id for update",
        [list(member_ids)],
    )
    people = {row["member_id"]: row["person_id"] for row in rows}
    if len(people) != len(set(member_ids)):
        raise Refusal("request.not_found", "no such member")
    return people


def _groups(conn: Connection, person_ids: Sequence[str]) -> dict[str, list[str]]:
    rows = conn.execute(
        "select person_id, array_agg(member_id order by member_id) as members from identity.member "
        "where person_id = any(%s) group by 1",
        [list(person_ids)],
    )
    return {row["person_id"]: row["members"] for row in rows}


def _judged_two(conn: Connection, ones: Sequence[str], others: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs across two persons that a person judged to be two people."""
    judged = conn.execute(
        """
        select subject, member_id from identity.judgement
         where kind = 'person' and decision = 'different' and superseded_at is null
           and ((subject = any(%(ones)s) and member_id = any(%(others)s))
             or (subject = any(%(others)s) and member_id = any(%(ones)s)))
        """,
        {"ones": list(ones), "others": list(others)},
    )
    return [(row["subject"], row["member_id"]) for row in judged]


def _set_person(conn: Connection, members: Collection[str], person_id: str) -> None:
    conn.execute(
        "update identity.member set person_id = %s, changed_at = now() where member_id = any(%s)",
        [person_id, list(members)],
    )


def _supersede(conn: Connection, one: str, other: str, *, decision: str, grounds: Grounds) -> None:
    conn.execute(
        """
        update identity.judgement set superseded_at = clock_timestamp(), superseded_by = %s, superseded_why = %s
         where kind = 'person' and decision = %s and superseded_at is null
           and ((subject = %s and member_id = %s) or (subject = %s and member_id = %s))
        """,
        [grounds.person, grounds.reason, decision, one, other, other, one],
    )


def _judge(conn: Connection, one: str, other: str, *, decision: str, grounds: Grounds) -> None:
    conn.execute(
        """
        insert into identity.judgement (kind, subject, member_id, decision, member_digest, person, reason, source,
                                        confidence, effective_from)
        select 'person', %s, member_id, %s, digest, %s, %s, %s, %s, %s from identity.member where member_id = %s
        """,
        [
            *(one, decision, grounds.person, grounds.reason, grounds.source, grounds.confidence),
            *(grounds.since or now().date(), other),
        ],
    )
