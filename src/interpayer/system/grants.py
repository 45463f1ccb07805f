"""Who may touch which table or function: `grants.toml` says it, the catalog is made equal to it, a test compares."""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from interpayer.system.cluster import LOGIN_ROLES, user_of
from interpayer.system.database import Connection, identifier, sql

FILE = Path(__file__).parent / "grants.toml"
# The ledger's owner, nobody's login: may ask a function of another schema, and touch no table of it.
AUDITOR = "auditor"
GRANTEES = (*(role for role in LOGIN_ROLES if role != "migrator"), AUDITOR)
PRIVILEGES = frozenset({"select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain"})

# Every right on things of our schemas that is not its owner's. The engine keeps its own rights in its own schema.
CATALOG = """
with zone as (
    select n.oid, n.nspname, n.nspacl, n.nspowner from pg_namespace n join pg_roles r on r.oid = n.nspowner
    where r.rolname in ('interpayer_migrator', 'interpayer_auditor') and n.nspname <> 'engine'
), entry as (
    select 'schema' as kind, quote_ident(nspname) as name, nspowner as owner,
           coalesce(nspacl, acldefault('n', nspowner)) as acl from zone
    union all
    select case c.relkind when 'S' then 'sequence' else 'table' end, format('%I.%I', z.nspname, c.relname), c.relowner,
           coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::"char" else 'r'::"char" end, c.relowner))
    from pg_class c join zone z on z.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'routine', p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
    from pg_proc p join zone z on z.oid = p.pronamespace
)
select e.kind, e.name, case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee,
       lower(a.privilege_type) as privilege
from entry e cross join lateral aclexplode(e.acl) a where a.grantee <> e.owner
"""


class GrantsInvalid(Exception):
    """`grants.toml` names something that does not exist or cannot be granted."""


class Grant(NamedTuple):
    """One right of one role on one thing."""

    kind: str
    name: str
    grantee: str
    privilege: str


def apply_grants(conn: Connection, file: Path = FILE) -> list[str]:
    """Make the catalog equal to the file, in one transaction; returns each right given or taken."""
    with conn.transaction():
        wanted, found = declared_grants(conn, file), granted(conn)
        taken = [f"revoke {g.privilege} on {g.kind} {g.name} from {g.grantee}" for g in sorted(found - wanted)]
        given = [f"grant {g.privilege} on {g.kind} {g.name} to {g.grantee}" for g in sorted(wanted - found)]
        for statement in [*taken, *given]:
            conn.execute(sql(statement))
    return [*taken, *given]


def granted(conn: Connection) -> set[Grant]:
    """The rights that the catalog knows, those of the owners left out."""
    return {Grant(**row) for row in conn.execute(sql(CATALOG)).fetchall()}


def declared_grants(conn: Connection, file: Path = FILE) -> set[Grant]:
    """The rights that the file declares; names are looked up in the database."""
    wanted: set[Grant] = set()
    for schema, roles in tomllib.loads(file.read_text(encoding="utf-8")).items():
        for role, section in roles.items():
            wanted |= _section(conn, identifier(schema), role=role, section=section)
    return wanted


def _section(conn: Connection, schema: str, *, role: str, section: dict[str, Any]) -> set[Grant]:
    if role not in GRANTEES:
        raise GrantsInvalid(f"[{schema}.{role}]: rights are given to {', '.join(GRANTEES)}")
    if unknown := set(section) - ({"functions"} if role == AUDITOR else {"tables", "functions"}):
        raise GrantsInvalid(f"[{schema}.{role}]: unknown key {', '.join(sorted(unknown))}")
    user = "interpayer_auditor" if role == AUDITOR else user_of(role)
    grants = {Grant("schema", schema, user, "usage")}
    for table, privileges in section.get("tables", {}).items():
        if wrong := set(privileges) - PRIVILEGES:
            raise GrantsInvalid(f"[{schema}.{role}] {table}: unknown privilege {', '.join(sorted(wrong))}")
        name = _look_up(conn, "to_regclass", f"{schema}.{identifier(table)}")
        grants |= {Grant("table", name, user, privilege) for privilege in privileges}
    for function in section.get("functions", []):
        look_up = "to_regprocedure" if "(" in function else "to_regproc"
        grants.add(Grant("routine", _look_up(conn, look_up, f"{schema}.{function}"), user, "execute"))
    return grants


def _look_up(conn: Connection, function: str, name: str) -> str:
    cast = "regclass" if function == "to_regclass" else "regprocedure"
    row = conn.execute(sql(f"select {function}(%s)::oid::{cast}::text as name"), [name]).fetchone()
    if row is None or row["name"] is None:
        raise GrantsInvalid(f"grants.toml names {name}, which does not exist (or more than once)")
    return str(row["name"])
