-- The systems that hold this plan's data, and where each record came from in them (room: adapters).
create schema if not exists sources;

create table sources.source (
    name text primary key,
    kind text not null,
    -- The declaration as it was written, and the folder from which its paths begin; it holds no secret.
    declaration text not null,
    folder text not null,
    version text not null,
    status text not null default 'active' check (status in ('active', 'retired')),
    added_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    -- The last time its content was taken in, how current that content was, and the account of it.
    read_at timestamptz,
    data_as_of timestamptz,
    account jsonb
);

-- Which record of a source a record of ours was made from, and by which rules (empty: taken as it was).
create table sources.stamp (
    record_id text not null,
    source text not null,
    entity text not null,
    file text not null,
    position bigint not null,
    key text not null,
    mapping text not null,
    stamped_at timestamptz not null,
    primary key (record_id, source)
);

alter table operations.load drop constraint load_kind_check;
alter table operations.load add constraint load_kind_check check (kind in ('enrollments', 'fhir', 'identity', 'source'));

-- What a source of ours brings again, as broken as before, is kept once: a keyed hash of its bytes and the reason.
alter table records.quarantine add column digest text;
create unique index quarantine_once on records.quarantine (source, digest) where exchange_id is null;
