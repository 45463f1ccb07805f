"""Members as they are kept: sealed profile and comparable form, keys, coverages; written for thousands at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from interpayer.identity.blocking import person_keys
from interpayer.identity.comparison import Nicknames
from interpayer.identity.index.codec import encode
from interpayer.identity.index.copying import Cell, Small, copy_rows
from interpayer.identity.index.frequencies import ValueCounts
from interpayer.identity.index.keys import IndexKeys
from interpayer.identity.index.store import new_numbers, remove_blocks, write_blocks
from interpayer.identity.standardize import Standard, as_document
from interpayer.identity.store import Held, seal_profile
from interpayer.model.member import IdKind
from interpayer.system.database import Connection
from interpayer.system.keys import Vault

# Kept with the keys, asked for by nobody outside: the plan's own key of a row.
OWN_KEY = "own_key"

_COPY_MEMBER = b"""
copy identity.member (member_no, member_id, person_id, payer, unique_id, sealed, digest, as_of, standard)
from stdin (format binary)
"""
_COPY_COVERAGE = b"""
copy identity.coverage (member_id, position, payer, line_of_business, starts_on, ends_on, status)
from stdin (format binary)
"""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What keeping members needs: the keys, what names may stand for, and where values are counted."""

    vault: Vault
    keys: IndexKeys
    nicknames: Nicknames
    counts: ValueCounts


def keep_new(conn: Connection, keeping: Keeping, members: Sequence[Held]) -> None:
    """Write members that were not held before."""
    if not members:
        return
    rows: list[tuple[Cell, ...]] = []
    pairs: list[tuple[int, int]] = []
    for number, member in zip(new_numbers(conn, len(members)), members, strict=True):
        standard = member.standard
        rows.append((number, *_row(keeping, member, standard)))
        pairs += [(hashed, number) for hashed in member_hashes(keeping, member, standard)]
        keeping.counts.add(standard)
    copy_rows(conn, _COPY_MEMBER, rows)
    write_blocks(conn, pairs)
    copy_rows(conn, _COPY_COVERAGE, [_coverage(m, n) for m in members for n in range(len(m.profile.coverages))])


def keep_changed(conn: Connection, keeping: Keeping, changed: Mapping[str, tuple[Held, Held]]) -> None:
    """Write members as they are now; `changed` has each one before and after, by member id."""
    if not changed:
        return
    after = [now for _, now in changed.values()]
    numbers = _update(conn, keeping, after)
    gone: list[tuple[int, int]] = []
    fresh: list[tuple[int, int]] = []
    for member_id, (before, now) in changed.items():
        old, new = before.standard, now.standard
        was, becomes = set(member_hashes(keeping, before, old)), set(member_hashes(keeping, now, new))
        gone += [(hashed, numbers[member_id]) for hashed in was - becomes]
        fresh += [(hashed, numbers[member_id]) for hashed in becomes - was]
        keeping.counts.add(old, times=-1)
        keeping.counts.add(new)
    remove_blocks(conn, gone)
    write_blocks(conn, fresh)
    _update_coverages(conn, after)


def own_key(member: Held) -> str | None:
    """The plan's own key of the member, where a load named one."""
    return next((i.value for i in member.profile.demographics.identifiers if i.kind is IdKind.OWN), None)


def own_key_hash(keys: IndexKeys, payer: str, value: str) -> int:
    """Under what a plan's own key is found."""
    return keys.hashes([(OWN_KEY, value)], payer)[0]


def member_hashes(keeping: Keeping, member: Held, standard: Standard) -> list[int]:
    """The hashed keys under which a member is found."""
    return hashes_of(keeping, standard, member.payer, own=own_key(member))


def hashes_of(keeping: Keeping, standard: Standard, payer: str, *, own: str | None) -> list[int]:
    """The hashed keys of a comparable form, with the plan's own key where there is one."""
    keys = person_keys(standard, keeping.nicknames)
    if own:
        keys.add((OWN_KEY, own))
    return keeping.keys.hashes(keys, payer)


def _row(keeping: Keeping, member: Held, standard: Standard) -> tuple[Cell, ...]:
    owner = member.member_id
    sealed = seal_profile(keeping.vault, member.profile, owner)
    digest = keeping.vault.pseudonym("identity.digest", orjson.dumps(as_document(standard)).decode())
    form = keeping.keys.seal(encode(standard, own_key(member), member.profile.coverages), owner)
    return (owner, member.person_id, member.payer, member.unique_id, sealed, digest, member.profile.as_of, form)


def _update(conn: Connection, keeping: Keeping, members: Sequence[Held]) -> dict[str, int]:
    rows = [_row(keeping, member, member.standard) for member in members]
    ids, _, _, _, sealed, digests, days, forms = (list(column) for column in zip(*rows, strict=True))
    updated = conn.execute(
        """
        update identity.member m
           set sealed = r.sealed, digest = r.digest, as_of = r.as_of, standard = r.form, changed_at = now()
          from unnest(%s::text[], %s::bytea[], %s::text[], %s::date[], %s::bytea[])
               r (member_id, sealed, digest, as_of, form)
         where m.member_id = r.member_id returning m.member_id, m.member_no
        """,
        [ids, sealed, digests, days, forms],
    )
    return {row["member_id"]: row["member_no"] for row in updated}


def _coverage(member: Held, position: int) -> tuple[Cell, ...]:
    c = member.profile.coverages[position]
    return (member.member_id, Small(position), c.payer, c.line_of_business, c.starts_on, c.ends_on, c.status)


def _update_coverages(conn: Connection, members: Sequence[Held]) -> None:
    rows = [_coverage(m, n) for m in members for n in range(len(m.profile.coverages))]
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
