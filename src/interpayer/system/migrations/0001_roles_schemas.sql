-- as owner
-- One schema per zone. The roles are made by system/roles.py.

revoke all on schema public from public;

create schema identity authorization interpayer_migrator;
create schema records authorization interpayer_migrator;
create schema consent authorization interpayer_migrator;
create schema partners authorization interpayer_migrator;
create schema routing authorization interpayer_migrator;
create schema exchange authorization interpayer_migrator;
create schema delivery authorization interpayer_migrator;
create schema gateway authorization interpayer_migrator;
create schema operations authorization interpayer_migrator;
create schema engine authorization interpayer_migrator;
-- Owned by a role without login: no service, and no migration but those that say so, can drop or disable anything in it.
create schema audit authorization interpayer_auditor;

-- A function is nobody's to call until grants.toml says so.
alter default privileges for role interpayer_migrator revoke execute on functions from public;
alter default privileges for role interpayer_auditor revoke execute on functions from public;

-- Every process may ask whether the schema is the one it was written for.
grant usage on schema system to interpayer_door, interpayer_worker, interpayer_operator, interpayer_migrator;
grant select on system.migration to interpayer_door, interpayer_worker, interpayer_operator, interpayer_migrator;

set local role interpayer_migrator;

-- While a row is open nothing is released, whatever its kind.
create table operations.hold (
    hold_id bigint generated always as identity primary key,
    kind text not null,
    since timestamptz not null default now(),
    reason text not null,
    cleared_by text,
    cleared_at timestamptz,
    constraint hold_cleared_by_somebody check ((cleared_by is null) = (cleared_at is null))
);
create unique index hold_open_once_per_kind on operations.hold (kind) where cleared_at is null;

reset role;
