"""Migrations: numbered plain-SQL files, forward only, each with a checksum, each in one transaction.

The first lines of a file may say how it runs:
``-- as owner``        as the connected owner; without it as interpayer_migrator, who owns every schema but audit
``-- as auditor``      as interpayer_auditor, who owns the schema audit and cannot log in
``-- no-transaction``  statement by statement (each ends with ``;`` at a line's end), for concurrent indexes; such a
                       file must be able to run twice, because it can stop half-way
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from interpayer.system.database import Connection, DatabaseError, sql
from interpayer.system.grants import apply_grants
from interpayer.system.roles import make_roles

FOLDER = Path(__file__).parent / "migrations"
FILE_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
ADVISORY_LOCK = 0x1A7E4  # one number for "somebody migrates this database"
LOCK_TIMEOUT = "3s"
ROLES = {"owner": None, "auditor": "interpayer_auditor", "migrator": "interpayer_migrator"}
BOOTSTRAP = """
create schema if not exists system;
create table if not exists system.migration (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
);
"""

# Work of an engine of its own (it has its own schema and tables) that belongs to the same upgrade; says what it did.
Hook = Callable[[], Sequence[str]]


class MigrationFailed(Exception):
    """A migration could not be applied, or its file was changed after it was; the message names the file."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    number: int
    name: str
    text: str
    role: str
    in_transaction: bool

    @property
    def checksum(self) -> str:
        """What a later change of the file is recognized by."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """The files in order; a badly named file or a number used twice raises ``MigrationFailed``."""
    migrations: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        named = FILE_NAME.match(path.name)
        if named is None:
            raise MigrationFailed(f"{path.name}: the name must be like 0001_what_it_does.sql")
        number = int(named.group(1))
        if number in migrations:
            raise MigrationFailed(f"{path.name}: the number is taken by {migrations[number].name}")
        migrations[number] = _read(number, path)
    return list(migrations.values())


def _read(number: int, path: Path) -> Migration:
    text = path.read_text(encoding="utf-8")
    head = re.match(r"(?:--.*\n|\s*\n)*", text)
    marks = set(re.findall(r"^-- (as owner|as auditor|no-transaction)\s*$", head.group() if head else "", re.MULTILINE))
    role = next((mark.removeprefix("as ") for mark in marks if mark.startswith("as ")), "migrator")
    return Migration(number, path.name, text, role, "no-transaction" not in marks)


def migrate(
    conn: Connection, *, hooks: Sequence[Hook] = (), folder: Path = FOLDER, upto: int | None = None
) -> list[str]:
    """Apply what is missing, then the hooks, then the grants; returns what was done.

    The connection is the owner's, in autocommit or idle; two runs at once wait for each other. With ``upto``,
    stops after that number, before hooks and grants.
    """
    before = conn.autocommit
    conn.autocommit = True
    try:
        conn.execute("select pg_advisory_lock(%s)", [ADVISORY_LOCK])
        conn.execute(sql(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
        make_roles(conn)
        conn.execute(sql(BOOTSTRAP))
        done = [_apply(conn, migration) for migration in _missing(conn, folder, upto)]
        if upto is None:
            done.extend(line for hook in hooks for line in hook())
            done.extend(apply_grants(conn))
        return done
    finally:
        if not conn.closed:
            conn.execute("reset lock_timeout")
            conn.execute("select pg_advisory_unlock(%s)", [ADVISORY_LOCK])
            conn.autocommit = before


def pending(conn: Connection, *, folder: Path = FOLDER) -> list[str]:
    """The names of the files that are not applied yet; any login role may ask."""
    known = conn.execute("select to_regclass('system.migration') is not null as known").fetchone()
    if known is None or not known["known"]:
        return [migration.name for migration in read_migrations(folder)]
    return [migration.name for migration in _missing(conn, folder, None)]


def _missing(conn: Connection, folder: Path, upto: int | None) -> list[Migration]:
    rows = conn.execute("select number, name, checksum from system.migration").fetchall()
    applied = {row["number"]: row for row in rows}
    missing = []
    for migration in read_migrations(folder):
        row = applied.get(migration.number)
        if row is None and (upto is None or migration.number <= upto):
            missing.append(migration)
        elif row is not None and row["checksum"] != migration.checksum:
            raise MigrationFailed(f"{migration.name}: the file was changed after it was applied; add a new one instead")
    return missing


def _apply(conn: Connection, migration: Migration) -> str:
    try:
        if migration.in_transaction:
            with conn.transaction():
                _run(conn, migration, [migration.text])
        else:
            _run(conn, migration, _statements(migration.text))
    except DatabaseError as error:
        # The primary message only: details of an error can hold the values of a row.
        raise MigrationFailed(f"{migration.name}: {error.diag.message_primary or type(error).__name__}") from None
    return f"applied {migration.name}"


def _run(conn: Connection, migration: Migration, statements: Sequence[str]) -> None:
    role = ROLES[migration.role]
    if role is not None:
        conn.execute(sql(f"set role {role}"))
    try:
        for statement in statements:
            conn.execute(sql(statement))
    finally:
        if conn.info.transaction_status.name != "INERROR":
            conn.execute("reset role")
    conn.execute(
        "insert into system.migration (number, name, checksum) values (%s, %s, %s)",
        [migration.number, migration.name, migration.checksum],
    )


def _statements(text: str) -> list[str]:
    bare = re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE)
    return [part for part in re.split(r";\s*$", bare, flags=re.MULTILINE) if part.strip()]
