-- Partners: the payers we exchange with, their keys, whom they act for, and how they came and went.
create table partners.partner (
    id text primary key,
    name text not null,
    status text not null check (status in ('invited', 'testing', 'active', 'quarantined', 'suspended', 'retired')),
    client_id text not null unique,
    scopes text[] not null,
    -- Public keys only, checked when they were registered (SMART Backend Services).
    jwks jsonb not null,
    jwks_url text,
    -- x5t#S256 of the client certificates agreed; empty: any certificate of the accepted authorities.
    certificates text[] not null default '{}',
    environment text not null check (environment in ('production', 'test')),
    -- Enrollment and opt-in are vouched for by contract (exchange.md section 2, attestation).
    attested_by_contract boolean not null,
    contact text,
    -- How we are known there, and how our own assertion must look.
    our_client_id text,
    assertion_style text not null check (assertion_style in ('client', 'patient')),
    algorithm text not null check (algorithm in ('ES384', 'RS384')),
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);

-- The payers a partner acts for: 'system|value' or a bare value. Live for one partner only, so that a payer never
-- has two answers to "who calls for it?".
create table partners.organization (
    partner_id text not null references partners.partner (id),
    identifier text not null,
    value text not null,
    position int not null,
    live boolean not null default true,
    primary key (partner_id, identifier)
);
create unique index organization_once on partners.organization (identifier) where live;
create index organization_value on partners.organization (value) where live;

create view partners.known as
    select p.*, coalesce((select array_agg(o.identifier order by o.position) from partners.organization o
                          where o.partner_id = p.id), '{}') as organizations
    from partners.partner p;

-- Every change, with who and why; never updated.
create table partners.history (
    id bigint generated always as identity primary key,
    partner_id text not null references partners.partner (id),
    at timestamptz not null default now(),
    change text not null,
    status_from text,
    status_to text,
    by text not null,
    reason text
);
create index history_partner on partners.history (partner_id, id);
