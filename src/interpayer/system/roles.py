"""The roles of a database: made where they are missing, at every migration and before every restore.

Neither a schema nor a dump of it holds them, so they are no migration.
"""

from interpayer.system.database import Connection, sql

ROLES = """
do $$
declare
    role_name text;
begin
    foreach role_name in array array['door', 'worker', 'operator', 'migrator', 'auditor'] loop
        role_name := 'interpayer_' || role_name;
        if not exists (select from pg_roles where rolname = role_name) then
            -- The auditor owns the ledger and is nobody's login.
            execute format('create role %I %s', role_name,
                           case role_name when 'interpayer_auditor' then 'nologin' else 'login' end);
        end if;
        -- An owner who is no superuser makes objects for these roles, so must be able to become them.
        if not pg_has_role(current_user, role_name, 'set') then
            execute format('grant %I to current_user', role_name);
        end if;
    end loop;

    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect, temporary on database %I to interpayer_door, interpayer_worker, '
                   'interpayer_operator, interpayer_migrator', current_database());
    execute format('grant create on database %I to interpayer_migrator', current_database());
end
$$;
"""


def make_roles(conn: Connection) -> None:
    """The roles that schema and grants speak of, and their way into this database; the connection is the owner's."""
    conn.execute(sql(ROLES))
