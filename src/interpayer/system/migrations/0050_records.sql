-- What this plan holds: records beside the columns that decisions need; bodies sealed with the member's key (room: records).
create schema if not exists records;

-- One data key per member, wrapped by the KEK; the empty member id is the key of shared resources.
create table records.member_key (
    member_id text primary key,
    wrapped bytea not null,
    made_at timestamptz not null default now()
);

-- Bodies lie in packs: what arrived together for one member (released: of one type) is compressed and sealed as one,
-- what is released as gzip, because that is how it leaves.
-- A pack never changes; a newer content lies in another pack, and the former is found again through records.superseded.
create sequence records.pack_number;
create table records.pack (
    id bigint primary key,
    member_id text,
    kind text not null check (kind in ('released', 'original')),
    -- Of what is released; originals lie together whatever their type.
    type text,
    plain_length integer not null,
    -- Of the plain bytes of what is released, so that an export need not hash them again.
    sha256 text,
    frame bytea not null
) with (toast_tuple_target = 8160);
-- Already compressed; the server must not try again.
alter table records.pack alter column frame set storage external;

create function records.next_packs(count integer) returns bigint[]
language sql security definer set search_path = pg_catalog, pg_temp return
    array(select nextval('records.pack_number') from generate_series(1, count));

create table records.record (
    id text primary key,
    type text not null,
    -- Null: a shared resource (Practitioner, Organization, Location ...).
    member_id text,
    author text not null,
    original_id text not null,
    source text not null,
    sender text,
    exchange_id text,
    digest text not null,
    excluded text,
    removed jsonb not null default '{}',
    service_from date,
    service_to date,
    status text,
    pa_changed_on date,
    pa_ends_on date,
    refs text[] not null default '{}',
    -- When it became available here; what increments (_since) go by.
    available_at timestamptz not null,
    -- The author's own version time, carried through relays.
    updated_at timestamptz,
    -- What decides between contents: when the author said so last (else when it came), and whether directly to us.
    decided_at timestamptz not null,
    is_direct boolean not null,
    version integer not null default 1,
    quarantined_at timestamptz,
    -- What may leave: a slice of a pack; null when the payload rules exclude the whole record.
    pack_id bigint,
    start integer,
    length integer,
    -- The bytes as they came; read seldom.
    original_pack bigint not null,
    original_start integer not null,
    original_length integer not null,
    constraint record_excluded_or_released check ((excluded is null) = (pack_id is not null))
);
create index record_member on records.record (member_id, type);
create index record_exchange on records.record (exchange_id) where exchange_id is not null;

-- Former contents of a record, newest last.
create table records.superseded (
    record_id text not null references records.record (id) on delete cascade,
    version integer not null,
    member_id text,
    digest text not null,
    exchange_id text,
    available_at timestamptz not null,
    updated_at timestamptz,
    replaced_at timestamptz not null,
    pack_id bigint,
    start integer,
    length integer,
    original_pack bigint not null,
    original_start integer not null,
    original_length integer not null,
    primary key (record_id, version)
);

-- Every way by which a record came: one record may have several provenances.
create table records.arrival (
    record_id text not null,
    source text not null,
    exchange_id text not null default '',
    digest text not null,
    sender text,
    local_id text not null,
    outcome text not null check (outcome in ('new', 'same', 'changed', 'older', 'echo')),
    received_at timestamptz not null,
    primary key (record_id, source, exchange_id, digest)
);
create index arrival_exchange on records.arrival (exchange_id) where exchange_id <> '';

-- What a sender's local id means here, so that its references can be rewritten, today and in later increments.
create table records.alias (
    source text not null,
    type text not null,
    local_id text not null,
    record_id text not null,
    primary key (source, type, local_id)
);

-- Received, kept, but no record: broken, foreign, of nobody.
create table records.quarantine (
    id bigint generated always as identity primary key,
    reason text not null,
    type text not null,
    source text not null,
    sender text,
    exchange_id text,
    rules text[] not null default '{}',
    received_at timestamptz not null default now(),
    body bytea not null
);
alter table records.quarantine alter column body set storage external;
create index quarantine_exchange on records.quarantine (exchange_id);

-- The window: service dates (42 CFR 422.121(b)(4)(ii)); a prior authorization goes while it holds, or when its status
-- changed within a year (PDex 2.2). Without a last service date, or without a window, everything goes.
create function records.in_window(r records.record, as_of date, service_from date) returns boolean
language sql immutable parallel safe return
    case when r.pa_changed_on is null and r.pa_ends_on is null
        then service_from is null or r.service_to is null or r.service_to >= service_from
        else coalesce(r.pa_ends_on >= as_of, false) or coalesce(r.pa_changed_on >= as_of - interval '1 year', false)
    end;

create function records.goes(r records.record, as_of date, service_from date) returns boolean
language sql immutable parallel safe return
    r.pack_id is not null and r.quarantined_at is null and records.in_window(r, as_of, service_from);

-- What a request asks for; null asks for everything. Since and until go by when a record became available here.
create function records.asked(r records.record, types text[], since timestamptz, until timestamptz) returns boolean
language sql immutable parallel safe return
    (types is null or r.type = any (types))
    and (since is null or r.available_at > since) and (until is null or r.available_at <= until);
