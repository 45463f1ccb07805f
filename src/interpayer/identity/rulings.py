"""What named persons decided about people: kept per request and member, never erased, only superseded."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Judgement:
    """One ruling about one request (fingerprint): a decision for each of some members, by whom and why."""

    fingerprint: str
    decisions: Mapping[str, str]
    case_id: str
    person: str
    reason: str


def rulings(conn: Connection, fingerprints: Collection[str]) -> dict[str, dict[str, tuple[str, str]]]:
    """For each request what people decided: member id to (decision, digest of the member at that time)."""
    rows = conn.execute(
        """
        select subject, member_id, decision, member_digest from identity.judgement
         where kind = 'request' and subject = any(%s) and superseded_at is null
        """,
        [list(fingerprints)],
    )
    found: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for row in rows:
        found[row["subject"]][row["member_id"]] = (row["decision"], row["member_digest"])
    return dict(found)


def spread(decision: str, candidates: Sequence[str], member_id: str | None) -> dict[str, str]:
    """What a ruling says of each candidate: "same" about one is "different" about the others."""
    if decision == "same":
        return {member: "same" if member == member_id else "different" for member in candidates}
    return {member: decision for member in candidates if member_id in (None, member)}


def keep_judgement(conn: Connection, judgement: Judgement) -> None:
    """Put a ruling in force; what was said before about the same request and members is superseded."""
    members, decisions = list(judgement.decisions), list(judgement.decisions.values())
    conn.execute(
        """
        update identity.judgement set superseded_at = clock_timestamp()
         where kind = 'request' and subject = %s and superseded_at is null
           and (member_id = any(%s) or (decision = 'same' and 'same' = any(%s)))
        """,
        [judgement.fingerprint, members, decisions],
    )
    conn.execute(
        """
        insert into identity.judgement (kind, subject, member_id, decision, member_digest, case_id, person, reason)
        select 'request', %s, r.member_id, r.decision, m.digest, %s, %s, %s
          from unnest(%s::text[], %s::text[]) r (member_id, decision) join identity.member m using (member_id)
        """,
        [judgement.fingerprint, judgement.case_id, judgement.person, judgement.reason, members, decisions],
    )


def supersede_of_case(conn: Connection, case_id: str, *, person: str, reason: str) -> None:
    """Take back what one case decided; it stays readable, with who took it back and why."""
    conn.execute(
        """
        update identity.judgement
           set superseded_at = clock_timestamp(), superseded_by = %s, superseded_why = %s
         where case_id = %s and superseded_at is null
        """,
        [person, reason, case_id],
    )
