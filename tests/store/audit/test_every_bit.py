"""A single changed bit in any stored column is found; the columns are read from the catalog, so none is forgotten."""

import random
from datetime import UTC, datetime, timedelta

from interpayer.system.database import as_json
from tests.support.ledgers import LedgerUnderTest

# The first three only tell the sealer where to look next: changed, an event waits too long (test_attacks: kept from
# the sealer). A key that belongs to no event is a key thrown away: shredding, which must leave no finding.
NO_EVIDENCE = {("event", "xid"), ("checkpoint", "horizon"), ("checkpoint", "cluster"), ("body_key", "event_id")}
TABLES = {"event", "leaf", "checkpoint", "head", "body_key"}
EDITS = 4
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def in_text(text, rng):
    """Another letter or digit, one bit away."""
    place = rng.choice([i for i, letter in enumerate(text) if letter.isalnum()])
    return text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]


def in_bytes(raw, rng):
    place = rng.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ (1 << rng.randrange(8))]) + raw[place + 1 :]


def one_bit_away(value, rng):
    match value:
        case bytes():
            return in_bytes(value, rng)
        case str():
            return in_text(value, rng)
        case int():
            return value ^ (1 << rng.randrange(8, 40))
        case datetime():
            moved = (value - EPOCH) // timedelta(microseconds=1) ^ (1 << rng.randrange(50))
            return EPOCH + timedelta(microseconds=moved)
        case list():
            place = rng.randrange(len(value))
            return [in_bytes(item, rng) if i == place else item for i, item in enumerate(value)]
        case dict():
            name = rng.choice(sorted(value))
            if rng.random() < 0.2:
                return {in_text(name, rng) if key == name else key: item for key, item in value.items()}
            return value | {name: in_text(value[name], rng)}
    raise TypeError(type(value))


def columns(conn):
    rows = conn.execute(
        "select table_name, column_name from information_schema.columns c"
        " where table_schema = 'audit' and exists (select from information_schema.tables t"
        " where t.table_schema = 'audit' and t.table_name = c.table_name and t.table_type = 'BASE TABLE')"
    ).fetchall()
    return {(row["table_name"], row["column_name"]) for row in rows}


def is_found(book: LedgerUnderTest) -> bool:
    """By verification, or for the keys of bodies, which are not public, by opening the bodies."""
    if not book.verdict().intact:
        return True
    with book.database.operator.transaction() as conn:
        ids = [row["id"] for row in conn.execute("select id from audit.evidence where body is not null")]
        return bool(book.ledger.damaged(conn, ids))


def test_every_column_is_evidence_or_named_as_none(book):
    with book.database.owner.transaction() as conn:
        assert columns(conn) >= NO_EVIDENCE
        assert {table for table, _ in columns(conn)} == TABLES


def test_one_bit_in_any_column_is_found(book):
    rng = random.Random(7)
    book.fill(30, checkpoints=3)
    _drop_constraints(book)
    missed = []
    with book.database.owner.transaction() as conn:
        wanted = sorted(columns(conn) - NO_EVIDENCE)
    for table, column in wanted:
        for _ in range(EDITS):
            with book.database.owner.transaction() as conn:
                rows = conn.execute(f"select ctid::text as place, {column} as value from audit.{table}").fetchall()
            row = rng.choice([row for row in rows if row["value"] is not None])
            edited = one_bit_away(row["value"], rng)
            place = _write(book, table, column, place=row["place"], value=edited)
            if not is_found(book):
                missed.append((table, column, row["value"], edited))
            _write(book, table, column, place=place, value=row["value"])
    assert missed == []
    assert book.verdict(with_witness=True).intact, "every edit was undone"


def _write(book, table, column, *, place, value):
    with book.attacker() as conn:
        wrapped = as_json(value) if isinstance(value, dict) else value
        where = f"update audit.{table} set {column} = %s where ctid = %s::tid returning ctid::text as place"
        return conn.execute(where, (wrapped, place)).fetchone()["place"]


def _drop_constraints(book):
    """Duplicates, loose ends and edited identities are possible, too: verification must not lean on the catalog."""
    with book.attacker() as conn:
        conn.execute("alter table audit.event alter column id drop identity")
        for table in sorted(TABLES):
            names = conn.execute(
                "select conname from pg_constraint where conrelid = %s::regclass and contype in ('p', 'u', 'f')",
                (f"audit.{table}",),
            ).fetchall()
            for row in names:
                conn.execute(f"alter table audit.{table} drop constraint if exists {row['conname']} cascade")
