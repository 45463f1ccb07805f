-- What members allowed, withdrew and may still be read under (room: consent), and the policy versions (room: policy).
create schema if not exists consent;

create table consent.consent (
    consent_id text primary key,
    member_id text,
    scope text not null check (scope in ('regular', 'sensitive')),
    sources text[] not null,
    recipients text[] not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    performer text not null,
    -- The proof stays with who obtained it; kept here are its reference and the digest of what was received.
    proof text not null,
    proof_sha256 text,
    basis text not null check (basis in ('opt_in', 'state_medicaid_contract', 'other_law')),
    received_from text,
    document bytea,
    -- The same consent sent again is the same row, so a revoked one stays revoked.
    digest text unique,
    recorded_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz,
    revoked_by text,
    revoked_reason text,
    constraint revoked_by_somebody check ((revoked_at is null) = (revoked_by is null))
);
create index consent_member on consent.consent (member_id, recorded_at desc);

-- Without the sealed original, which only a person with a reason reads.
create view consent.known as
    select consent_id, member_id, scope, sources, recipients, starts_at, ends_at, performer, proof, proof_sha256, basis,
           received_from, digest, recorded_at, revoked_at
      from consent.consent;

-- A member's own no at this plan: it beats every consent until the member opts in again here.
create table consent.withdrawal (
    withdrawal_id bigint generated always as identity primary key,
    member_id text not null,
    at timestamptz not null,
    by text not null,
    proof text,
    recorded_at timestamptz not null default clock_timestamp(),
    lifted_at timestamptz,
    lifted_by text,
    constraint lifted_by_somebody check ((lifted_at is null) = (lifted_by is null))
);
create unique index withdrawal_open_once on consent.withdrawal (member_id) where lifted_at is null;

-- What stands between a match and every later read.
create table consent.match_grant (
    grant_id text primary key,
    partner_id text not null,
    member_id text not null,
    consent_id text not null references consent.consent (consent_id),
    exchange_id text not null,
    granted_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    withdrawn_at timestamptz
);
create index match_grant_reader on consent.match_grant (partner_id, member_id) where withdrawn_at is null;
create index match_grant_member on consent.match_grant (member_id) where withdrawn_at is null;
create index match_grant_consent on consent.match_grant (consent_id) where withdrawn_at is null;
create index match_grant_exchange on consent.match_grant (exchange_id);

-- Never updated: what happened to a member's consents, by whom.
create table consent.history (
    history_id bigint generated always as identity primary key,
    member_id text,
    consent_id text,
    at timestamptz not null,
    act text not null check (act in ('recorded', 'revoked', 'withdrawn', 'lifted')),
    by text not null,
    detail text
);
create index history_member on consent.history (member_id, history_id);

-- One row, bumped by every revocation and withdrawal; a running download asks for it between two pieces.
create table consent.revision (
    only_row boolean primary key default true check (only_row),
    value bigint not null
);
insert into consent.revision (value) values (0);

create schema if not exists policy;

-- Every policy version that ever decided, with its files: a version on the ledger can always be read.
create table policy.bundle (
    version text primary key,
    files jsonb not null,
    published_by text not null,
    published_at timestamptz not null default now()
);
