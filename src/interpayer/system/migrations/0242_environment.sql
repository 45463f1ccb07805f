-- A database belongs to production or to test, for ever: the first process that works on it says which.
create table operations.environment (
    only_row boolean primary key default true check (only_row),
    name text not null check (name in ('production', 'test')),
    set_at timestamptz not null default now()
);
