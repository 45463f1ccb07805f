-- Where partners answer, what they can do there, and how they fare (room: routing).
create schema if not exists routing;

create table routing.endpoint (
    endpoint_id text primary key,
    partner_id text not null,
    fhir_base text not null check (fhir_base like 'https://%'),
    capabilities text[] not null,
    version text not null,
    environment text not null check (environment in ('production', 'test')),
    status text not null default 'active' check (status in ('active', 'suspended', 'quarantined', 'retired')),
    requires_mtls boolean not null default true,
    maximum_members int not null default 1000 check (maximum_members > 0),
    added_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);
create index endpoint_partner on routing.endpoint (partner_id);

-- The payers that an endpoint answers for: 'system|value' or a bare value.
create table routing.answers_for (
    endpoint_id text not null references routing.endpoint (endpoint_id),
    identifier text not null,
    value text not null,
    primary key (endpoint_id, identifier)
);
create index answers_for_value on routing.answers_for (value);

create table routing.maintenance (
    endpoint_id text not null references routing.endpoint (endpoint_id),
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    primary key (endpoint_id, starts_at),
    constraint maintenance_ends_later check (ends_at > starts_at)
);

-- Bumped by every change, so that a decision can name the registry it saw.
create table routing.revision (
    only_row boolean primary key default true check (only_row),
    value bigint not null,
    changed_at timestamptz not null default now()
);
insert into routing.revision (value) values (1);

-- One breaker per endpoint, shared by all processes; the row is the lock.
create table routing.breaker (
    endpoint_id text primary key references routing.endpoint (endpoint_id),
    state text not null default 'closed' check (state in ('closed', 'open', 'half_open')),
    failures int not null default 0,
    -- How often it opened without a success in between: each time it rests longer.
    openings int not null default 0,
    open_until timestamptz,
    probe_until timestamptz,
    changed_at timestamptz not null default now()
);
