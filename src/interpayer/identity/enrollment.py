"""Enrollment rows into members: idempotent, corrections seen, history kept, thousands of rows in a few statements."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from interpayer.identity.holding import Change, Profile, merge
from interpayer.identity.index.frequencies import ValueCounts
from interpayer.identity.index.keys import IndexKeys
from interpayer.identity.index.store import add_counts, members_by_key, publish
from interpayer.identity.keeping import Keeping, keep_changed, keep_new, own_key, own_key_hash
from interpayer.identity.resolve import default_rules
from interpayer.identity.standardize import clean_id
from interpayer.identity.store import Held, hash_key, held_members, link_hash, write_links
from interpayer.model.member import Enrollment, Identifier, IdKind
from interpayer.system.database import Connection
from interpayer.system.ids import new_id
from interpayer.system.keys import Vault

_Anchor = tuple[str, str]


@dataclass(frozen=True, slots=True)
class EnrollmentOutcome:
    """What became of one row: new, changed, corrected, unchanged or refused (with the reason)."""

    row: int
    member_id: str | None
    change: str
    reason: str | None = None


def upsert_enrollments(conn: Connection, vault: Vault, rows: Sequence[Enrollment]) -> list[EnrollmentOutcome]:
    """Bring the members up to date; the outcome of each row, in order. The same rows twice change nothing."""
    lock_loads(conn)
    keeping = keeping_of(vault)
    outcomes = take_rows(conn, keeping, rows)
    add_counts(conn, keeping.counts.hashed())
    publish(conn)
    return outcomes


def lock_loads(conn: Connection) -> None:
    """Wait for whoever loads members now: two loads at once could both miss a new member."""
    conn.execute("select pg_advisory_xact_lock(hashtextextended('identity.upsert_enrollments', 0))")


def lock_all_loads(conn: Connection) -> None:
    """As `lock_loads`, until the connection ends: for a load in many transactions and processes."""
    conn.execute("select pg_advisory_lock(hashtextextended('identity.upsert_enrollments', 0))")


def keeping_of(vault: Vault) -> Keeping:
    """What one load needs; it counts the values of the members it keeps."""
    keys = IndexKeys(vault)
    return Keeping(vault, keys, default_rules().nicknames, ValueCounts(keys))


def take_rows(conn: Connection, keeping: Keeping, rows: Sequence[Enrollment]) -> list[EnrollmentOutcome]:
    """As `upsert_enrollments`, under the lock of the caller, who also keeps what was counted."""
    anchors = [_anchors(keeping, row) for row in rows]
    known = _known(conn, keeping, [anchor for found in anchors for anchor in found])
    before = {held.member_id: held for held in known.values()}
    now: dict[str, Held] = {}
    linked: dict[_Anchor, str] = {}
    outcomes = []
    for row, found in zip(rows, anchors, strict=True):
        if not found or row.demographics.birth_date is None or not row.demographics.names:
            outcomes.append(EnrollmentOutcome(row.row, None, Change.REFUSED, "record.invalid"))
            continue
        held = _meant(row, found, known)
        merged = merge(held.profile if held else None, row)
        held = replace(held, profile=merged.profile) if held else _new_member(row, merged.profile)
        now[held.member_id] = held
        for anchor in found:
            if known.setdefault(anchor, held).member_id == held.member_id:
                known[anchor] = held
                linked.setdefault(anchor, held.member_id)
        outcomes.append(EnrollmentOutcome(row.row, held.member_id, merged.change, merged.reason))
    keep_new(conn, keeping, [held for member_id, held in now.items() if member_id not in before])
    changed = {m: (before[m], held) for m, held in now.items() if m in before and before[m] != held}
    keep_changed(conn, keeping, changed)
    links = [(*a, m) for a, m in sorted(linked.items()) if a[0] != IdKind.OWN and m not in before]
    write_links(conn, links, "enrollment")
    return outcomes


def _anchors(keeping: Keeping, row: Enrollment) -> list[_Anchor]:
    # The plan's own key is one row; (payer, member id) is one person; a file without either names its own Patient id.
    payer, vault, anchors = row.coverage.payer, keeping.vault, list[_Anchor]()
    if not payer:
        return anchors
    identifiers = row.demographics.identifiers
    if own := next((i.value for i in identifiers if i.kind is IdKind.OWN), None):
        anchors.append((IdKind.OWN.value, str(own_key_hash(keeping.keys, payer, own))))
    if number := clean_id(row.coverage.member_id):
        anchors.append((IdKind.MEMBER.value, hash_key(vault, "link.MB", f"{payer}\0{number}")))
    patient = next((i for i in identifiers if i.kind is IdKind.PATIENT and i.issuer), None)
    return anchors or ([(IdKind.PATIENT.value, link_hash(vault, patient))] if patient else [])


def _meant(row: Enrollment, anchors: Sequence[_Anchor], known: dict[_Anchor, Held]) -> Held | None:
    """The member of the row's strongest anchor; a member number is no anchor for a row of another key."""
    first = known.get(anchors[0])
    if first is not None or len(anchors) == 1:
        return first
    same_number = known.get(anchors[1])
    return same_number if same_number is not None and own_key(same_number) is None else None


def _known(conn: Connection, keeping: Keeping, anchors: Sequence[_Anchor]) -> dict[_Anchor, Held]:
    own = [int(hashed) for kind, hashed in anchors if kind == IdKind.OWN]
    rows = conn.execute(
        "select kind, hash, member_id from identity.link where hash = any(%s) and superseded_at is null",
        [list({hashed for kind, hashed in anchors if kind != IdKind.OWN})],
    ).fetchall()
    ids = {(row["kind"], row["hash"]): row["member_id"] for row in rows}
    if own:
        by_key = members_by_key(conn, own)
        ids |= {(IdKind.OWN.value, str(hashed)): members[0] for hashed, members in by_key.items()}
    held = held_members(conn, keeping.vault, set(ids.values()))
    return {anchor: held[member_id] for anchor, member_id in ids.items()}


def _new_member(row: Enrollment, profile: Profile) -> Held:
    member_id = new_id("m")
    return Held(member_id, member_id, row.coverage.payer, new_id("u"), "", profile)


def patient_identifier(source: str, patient_id: str) -> Identifier:
    """A Patient id of a source, as an enrollment row or a link names it."""
    return Identifier(IdKind.PATIENT, patient_id, source)
