-- One record out of what several sources say (room: records), what each source was asked for an answer (room: exchange),
-- and the hand-off of what partners sent to the plan's own systems (room: delivery).

alter table records.record
    -- What kind of knowledge its source has; decides whose word stands.
    add column role text not null default '',
    -- The record that stands for this one: the same thing, told by another source. Null: it stands for itself.
    add column joined_to text,
    -- The later claim that takes its place. Null: it stands.
    add column replaced_by text,
    -- When its author took it back (a partner's deleted[]).
    add column removed_at timestamptz,
    -- What its own source says, where what goes out (pack_id ...) is made of several; null: the same.
    add column own_pack_id bigint,
    add column own_start integer,
    add column own_length integer,
    add column own_refs text[];
create index record_joined on records.record (joined_to) where joined_to is not null;
create index record_replaced on records.record (replaced_by) where replaced_by is not null;

-- By what records of our own sources are recognized in each other: keyed hashes, never the numbers themselves.
-- u: what means one thing only; i: a number; l: what it says; s: a system of numbers that it has one of; r: the claim
-- number that it takes the place of; n: another number by which one that takes its place may name it.
create table records.mark (
    key uuid not null,
    kind text not null check (kind in ('u', 'i', 'l', 's', 'r', 'n')),
    -- No foreign key: records are never deleted, and a check for each mark would cost half of a load.
    record_id text not null,
    primary key (key, kind, record_id)
);
create index mark_record on records.mark (record_id);

-- Contradictions that stand in a record made of several: the values are sealed with the member's key.
create table records.conflict (
    record_id text not null references records.record (id) on delete cascade,
    element text not null,
    rule text not null,
    rules_version text not null,
    found_at timestamptz not null,
    sealed bytea not null,
    primary key (record_id, element)
);

-- What could be fetched once and no longer stands: told in the next increment's deleted[].
create table records.removal (
    record_id text primary key references records.record (id) on delete cascade,
    member_id text not null,
    type text not null,
    reason text not null,
    replaced_by text,
    removed_at timestamptz not null
);
create index removal_member on records.removal (member_id, removed_at);

-- What another record stands for, or a later claim replaces, does not go.
create or replace function records.goes(r records.record, as_of date, service_from date) returns boolean
language sql immutable parallel safe return
    r.pack_id is not null and r.quarantined_at is null and r.joined_to is null and r.replaced_by is null
    and r.removed_at is null and records.in_window(r, as_of, service_from);

-- What each source was asked for each exchange, and what became of it: the plan of an answer, and its account.
create table exchange.source_asked (
    exchange_id text not null,
    source text not null,
    -- The job, or the exchange itself where there is none ($everything).
    job_id text,
    member_id text not null,
    is_live boolean not null,
    is_essential boolean not null,
    state text not null check (state in ('chosen', 'deferred', 'answered', 'empty', 'partial', 'late', 'unreachable',
        'refused', 'invalid')),
    reason text,
    asked_at timestamptz,
    answered_at timestamptz,
    data_as_of timestamptz,
    freshness text check (freshness in ('fresh', 'stale', 'unknown')),
    types jsonb not null default '{}',
    -- By resource type: why it could not be had; by reason: what could not be taken in.
    missing jsonb not null default '{}',
    put_aside jsonb not null default '{}',
    attempts integer not null default 0,
    primary key (exchange_id, source)
);
create index source_asked_job on exchange.source_asked (job_id);
create index source_asked_member on exchange.source_asked (member_id, source, answered_at desc);

-- What partners sent, given on to the plan's own systems: announced, acknowledged, reconciled.
create table delivery.handoff (
    id text primary key,
    exchange_id text not null unique,
    member_id text not null,
    state text not null check (state in ('ready', 'sent', 'acknowledged', 'differs', 'failed')),
    target text not null,
    counts jsonb not null,
    digest text not null,
    made_at timestamptz not null,
    state_at timestamptz not null,
    attempts integer not null default 0,
    next_at timestamptz,
    reason text,
    acknowledged_by text,
    acknowledged jsonb
);
create index handoff_due on delivery.handoff (next_at) where state = 'ready';
