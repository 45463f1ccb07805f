"""Enrollment rows into members: idempotent, corrections seen, history kept, thousands of rows in a few statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from interpayer.identity.blocking import block_keys
from interpayer.identity.comparison import Nicknames
from interpayer.identity.holding import Change, Profile, merge
from interpayer.identity.resolve import default_rules
from interpayer.identity.standardize import as_document as standard_document
from interpayer.identity.standardize import clean_id
from interpayer.identity.store import Held, hash_key, held_members, link_hash, seal_profile, write_links
from interpayer.model.member import Enrollment, Identifier, IdKind
from interpayer.system.database import Connection
from interpayer.system.ids import new_id
from interpayer.system.keys import Vault


@dataclass(frozen=True, slots=True)
class EnrollmentOutcome:
    """What became of one row: new, changed, corrected, unchanged or refused (with the reason)."""

    row: int
    member_id: str | None
    change: str
    reason: str | None = None


def upsert_enrollments(conn: Connection, vault: Vault, rows: Sequence[Enrollment]) -> list[EnrollmentOutcome]:
    """Bring the members up to date; the outcome of each row, in order. The same rows twice change nothing."""
    # Two loads at once could both miss a new member; the second waits here for the first.
    conn.execute("select pg_advisory_xact_lock(hashtextextended('identity.upsert_enrollments', 0))")
    anchors = [_anchor(vault, row) for row in rows]
    known = _known(conn, vault, {anchor for anchor in anchors if anchor})
    before = dict(known)
    outcomes = []
    for row, anchor in zip(rows, anchors, strict=True):
        if anchor is None or row.demographics.birth_date is None or not row.demographics.names:
            outcomes.append(EnrollmentOutcome(row.row, None, Change.REFUSED, "record.invalid"))
            continue
        held = known.get(anchor)
        merged = merge(held.profile if held else None, row)
        known[anchor] = replace(held, profile=merged.profile) if held else _new_member(row, merged.profile)
        outcomes.append(EnrollmentOutcome(row.row, known[anchor].member_id, merged.change, merged.reason))
    _write(conn, vault, [h for a, h in known.items() if before.get(a) != h], default_rules().nicknames)
    write_links(conn, [(*a, h.member_id) for a, h in known.items() if a not in before], "enrollment")
    return outcomes


def _anchor(vault: Vault, row: Enrollment) -> tuple[str, str] | None:
    # (payer, member id) is one person; a file without member ids may name its own Patient id instead.
    if row.coverage.payer and (number := clean_id(row.coverage.member_id)):
        return IdKind.MEMBER.value, hash_key(vault, "link.MB", f"{row.coverage.payer}\0{number}")
    patient = next((i for i in row.demographics.identifiers if i.kind is IdKind.PATIENT and i.issuer), None)
    return (IdKind.PATIENT.value, link_hash(vault, patient)) if patient and row.coverage.payer else None


def _known(conn: Connection, vault: Vault, anchors: set[tuple[str, str]]) -> dict[tuple[str, str], Held]:
    rows = conn.execute(
        "select kind, hash, member_id from identity.link where hash = any(%s) and superseded_at is null",
        [[hashed for _, hashed in anchors]],
    ).fetchall()
    held = held_members(conn, vault, {row["member_id"] for row in rows})
    return {(row["kind"], row["hash"]): held[row["member_id"]] for row in rows}


def _new_member(row: Enrollment, profile: Profile) -> Held:
    member_id = new_id("m")
    return Held(member_id, member_id, row.coverage.payer, new_id("u"), "", profile)


def _write(conn: Connection, vault: Vault, members: Sequence[Held], nicknames: Nicknames) -> None:
    if not members:
        return
    ids = [m.member_id for m in members]
    sealed = [seal_profile(vault, m.profile, m.member_id) for m in members]
    conn.execute(
        """
        insert into identity.member (member_id, person_id, payer, unique_id, sealed, digest, as_of)
        select id, id, payer, unique_id, sealed, digest, as_of
          from unnest(%s::text[], %s::text[], %s::text[], %s::bytea[], %s::text[], %s::date[])
               r (id, payer, unique_id, sealed, digest, as_of)
        on conflict (member_id) do update
           set sealed = excluded.sealed, digest = excluded.digest, as_of = excluded.as_of, changed_at = now()
        """,
        [ids, [m.payer for m in members], [m.unique_id for m in members], sealed,
         [_digest(vault, m) for m in members], [m.profile.as_of for m in members]],
    )  # fmt: skip
    _write_keys(conn, vault, members, nicknames)
    _write_coverages(conn, members)


def _write_keys(conn: Connection, vault: Vault, members: Sequence[Held], nicknames: Nicknames) -> None:
    rows = [
        (kind, hash_key(vault, kind, value), m.member_id)
        for m in members
        for kind, value in block_keys(m.standard, m.payer, nicknames)
    ]
    conn.execute("delete from identity.key where member_id = any(%s)", [[m.member_id for m in members]])
    conn.execute(
        """
        insert into identity.key (kind, hash, member_id)
        select * from unnest(%s::text[], %s::text[], %s::text[]) on conflict do nothing
        """,
        [list(column) for column in zip(*rows, strict=True)],
    )


def _write_coverages(conn: Connection, members: Sequence[Held]) -> None:
    rows = [
        (m.member_id, n, c.payer, c.line_of_business, c.starts_on, c.ends_on, c.status)
        for m in members
        for n, c in enumerate(m.profile.coverages)
    ]
    conn.execute(
        """
        insert into identity.coverage (member_id, position, payer, line_of_business, starts_on, ends_on, status)
        select * from unnest(%s::text[], %s::int[], %s::text[], %s::text[], %s::date[], %s::date[], %s::text[])
        on conflict (member_id, position) do update
           set payer = excluded.payer, line_of_business = excluded.line_of_business, starts_on = excluded.starts_on,
               ends_on = excluded.ends_on, status = excluded.status
        """,
        [list(column) for column in zip(*rows, strict=True)],
    )


def _digest(vault: Vault, member: Held) -> str:
    facts: Mapping[str, object] = standard_document(member.standard)
    return vault.pseudonym("identity.digest", orjson.dumps(facts).decode())


def patient_identifier(source: str, patient_id: str) -> Identifier:
    """A Patient id of a source, as an enrollment row or a link names it."""
    return Identifier(IdKind.PATIENT, patient_id, source)
