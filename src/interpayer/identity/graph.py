"""Which members are one person: judgements of named persons, superseded when undone, never erased."""

from interpayer.model.reason import Refusal
from interpayer.system.database import Connection


def link_members(conn: Connection, member_id: str, into: str, *, person: str, reason: str) -> None:
    """Say that two members are one person (enrolled twice); the person of `into` survives."""
    people = _people(conn, member_id, into)
    _supersede(conn, member_id)
    _judge(conn, member_id, into, decision=("same", person, reason))
    conn.execute(
        "update identity.member set person_id = %s, changed_at = now() where person_id = %s",
        [people[into], people[member_id]],
    )


def unlink_member(conn: Connection, member_id: str, *, person: str, reason: str) -> None:
    """Undo a link: the member is a person of its own again. A survivor cannot leave the others behind."""
    person_id = _people(conn, member_id)[member_id]
    if person_id == member_id:
        raise Refusal("request.wrong_state", "this member is the survivor, or not linked")
    _supersede(conn, member_id)
    _judge(conn, member_id, person_id, decision=("different", person, reason))
    conn.execute(
        "update identity.member set person_id = member_id, changed_at = now() where member_id = %s", [member_id]
    )


def person_members(conn: Connection, member_ids: list[str]) -> dict[str, tuple[str, ...]]:
    """For each member every member id of the same person; what a person withdraws holds for all of them."""
    rows = conn.execute(
        """
        select m.member_id, array_agg(p.member_id order by p.member_id) as members
          from identity.member m join identity.member p using (person_id) where m.member_id = any(%s) group by 1
        """,
        [member_ids],
    )
    return {row["member_id"]: tuple(row["members"]) for row in rows}


def _people(conn: Connection, *member_ids: str) -> dict[str, str]:
    # Locked in one order, so that two links at once cannot cross.
    rows = conn.execute(
        "select member_id, person_id from identity.member where member_id = any(%s) order by member_id for update",
        [list(member_ids)],
    )
    people = {row["member_id"]: row["person_id"] for row in rows}
    if len(people) != len(set(member_ids)):
        raise Refusal("request.not_found")
    return people


def _supersede(conn: Connection, member_id: str) -> None:
    conn.execute(
        "update identity.judgement set superseded_at = clock_timestamp() "
        "where kind = 'person' and subject = %s and superseded_at is null",
        [member_id],
    )


def _judge(conn: Connection, member_id: str, other: str, *, decision: tuple[str, str, str]) -> None:
    conn.execute(
        """
        insert into identity.judgement (kind, subject, member_id, decision, member_digest, person, reason)
        select 'person', %s, member_id, %s, digest, %s, %s from identity.member where member_id = %s
        """,
        [member_id, *decision, other],
    )
