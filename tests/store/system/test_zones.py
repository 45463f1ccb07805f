"""Each login role does what grants.toml gives it and nothing else: every table and function is tried, by each role."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from interpayer.system.cluster import folder_of
from interpayer.system.database import Connection, DatabaseError, DatabaseGone, connect
from interpayer.system.grants import declared_grants
from tests.support.databases import ScratchDatabase

REFUSED = "42501"
# A view that joins takes no change, whoever asks.
NO_SUCH_CHANGE = "55000"
ROLES = ("door", "worker", "operator")
TRIES = {
    "select": "select from {table} limit 0",
    "insert": "insert into {table} default values",
    "update": "update {table} set {column} = null where false",
    "delete": "delete from {table} where false",
    "truncate": "truncate {table}",
}
TABLES = """
select c.oid::regclass::text as name, c.relkind as kind, (select quote_ident(attname) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and a.attgenerated = '' and a.attidentity = '' limit 1) as column
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = n.nspowner
 where r.rolname in ('interpayer_migrator', 'interpayer_auditor') and n.nspname <> 'engine'
   and c.relkind in ('r', 'p', 'v')
"""
FUNCTIONS = """
select p.oid::regprocedure::text as name, p.oid::regproc::text as plain,
       array(select format_type(t, null) from unnest(p.proargtypes) t) as given
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_roles r on r.oid = n.nspowner
 where r.rolname in ('interpayer_migrator', 'interpayer_auditor') and n.nspname <> 'engine'
   and p.prorettype <> 'trigger'::regtype
"""


def outcome(conn: Connection, statement: str) -> str | None:
    """The code of the refusal, None when it was done; whatever it did is undone."""
    try:
        conn.execute(statement.encode())
    except DatabaseError as error:
        return error.sqlstate
    finally:
        conn.rollback()
    return None


def tries(database: ScratchDatabase, role: str) -> Iterator[tuple[str, str, bool]]:
    """(what, statement, whether it is granted) for every table, privilege and function there is."""
    with database.owner.transaction() as conn:
        given = {(g.name, g.privilege) for g in declared_grants(conn) if g.grantee == f"interpayer_{role}"}
        tables = conn.execute(TABLES).fetchall()
        functions = conn.execute(FUNCTIONS).fetchall()
    for table in tables:
        for privilege, form in TRIES.items():
            if table["kind"] == "v" and privilege == "truncate":
                continue
            statement = form.format(table=table["name"], column=table["column"])
            yield f"{privilege} {table['name']}", statement, (table["name"], privilege) in given
    for function in functions:
        nothing = ", ".join(f"null::{kind}" for kind in function["given"])
        yield function["name"], f"select {function['plain']}({nothing})", (function["name"], "execute") in given


@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_granted_is_refused_when_it_is_tried(database: ScratchDatabase, role: str) -> None:
    asked = list(tries(database, role))
    with connect(database.url(role)) as conn:
        got_in = [
            what
            for what, statement, granted in asked
            if not granted and outcome(conn, statement) not in (REFUSED, NO_SUCH_CHANGE)
        ]
        kept_out = [
            what
            for what, statement, granted in asked
            if granted and what.startswith("select ") and outcome(conn, statement) == REFUSED
        ]
    assert got_in == []
    assert kept_out == []
    assert len(asked) > 400


@pytest.mark.parametrize("role", ROLES)
def test_a_process_needs_its_own_password_and_no_other(database: ScratchDatabase, tmp_path: Path, role: str) -> None:
    """A process whose account can read one file logs in as that role; the same secret opens no other."""
    own = folder_of(database.home) / "passwords" / role
    (tmp_path / role).write_text(own.read_text())
    (tmp_path / role).chmod(0o600)
    user, place = f"interpayer_{role}", quote(str(tmp_path / role), safe="")
    url = database.url(role).replace(quote(str(own), safe=""), place)
    assert url != database.url(role)
    with connect(url) as conn:
        assert conn.execute("select session_user::text as name").fetchone() == {"name": user}
    for other in {*ROLES, "migrator"} - {role}:
        stolen = tmp_path / f"{role}-as-{other}"
        stolen.write_text(own.read_text().replace(user, f"interpayer_{other}"))
        stolen.chmod(0o600)
        with pytest.raises(DatabaseGone, match="password authentication failed"):
            connect(url.replace(f"//{user}@", f"//interpayer_{other}@").replace(place, quote(str(stolen), safe="")))


@pytest.mark.parametrize("role", ROLES)
def test_no_role_becomes_another_or_lifts_its_limits(database: ScratchDatabase, role: str) -> None:
    others = [f"interpayer_{name}" for name in (*ROLES, "migrator", "auditor") if name != role] + ["postgres"]
    statements = [
        *(f"set role {name}" for name in others),
        "set session authorization postgres",
        "alter table delivery.job disable row level security",
        "create policy mine on delivery.job using (true)",
        "alter table records.pack disable trigger legal_hold",
        "set session_replication_role = replica",
        "copy (select 1) to program 'true'",
        "select pg_read_file('/etc/passwd')",
        f"alter role interpayer_{role} bypassrls",
        "select * from pg_authid",
    ]
    with connect(database.url(role)) as conn:
        assert {statement: outcome(conn, statement) for statement in statements} == dict.fromkeys(statements, REFUSED)
