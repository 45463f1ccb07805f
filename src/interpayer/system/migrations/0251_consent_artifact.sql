-- The whole statement of a member (room: consent): what it does, for which purpose, how far, by whose authority, with
-- which proof; why data may go without an opt-in; and what changes who may speak for a member.
alter table consent.consent
    add column effect text not null default 'permit' check (effect in ('permit', 'narrow', 'deny')),
    add column purpose text not null default 'payer_to_payer',
    add column limits jsonb not null default '{}',
    add column authority jsonb,
    add column issuer text,
    -- when it was said, where the one who took it down told; what came later counts as the member's later word
    add column given_at timestamptz not null default clock_timestamp(),
    add column attested_by text,
    add column attested_at timestamptz,
    add column document_sha256 text,
    add column signature jsonb,
    add column contract text,
    add column basis_id text;
update consent.consent set given_at = recorded_at;
create index consent_basis on consent.consent (basis_id) where basis_id is not null;

create or replace view consent.known as
    select consent_id, member_id, scope, sources, recipients, starts_at, ends_at, performer, proof, proof_sha256, basis,
           received_from, digest, recorded_at, revoked_at, effect, purpose, limits, authority, issuer, given_at,
           attested_by, attested_at, document_sha256, signature, contract, basis_id
      from consent.consent;

-- Why data may go without an opt-in: a contract between a state agency and its plan, or another law. Ended, not deleted.
create table consent.legal_basis (
    basis_id text primary key,
    basis text not null check (basis in ('state_medicaid_contract', 'other_law')),
    contract text not null,
    sources text[] not null,
    recipients text[] not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    proof text not null,
    limits jsonb not null default '{}',
    recorded_by text not null,
    recorded_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    ended_by text,
    constraint ended_by_somebody check ((ended_at is null) = (ended_by is null))
);
alter table consent.consent add constraint consent_rests_on foreign key (basis_id) references consent.legal_basis;

-- Since which day a member is dead, or of full rights before the age of majority. Taken back, not deleted.
create table consent.life_event (
    life_event_id bigint generated always as identity primary key,
    member_id text not null,
    what text not null check (what in ('died', 'emancipated')),
    on_day date not null,
    by text not null,
    proof text not null,
    recorded_at timestamptz not null default clock_timestamp(),
    taken_back_at timestamptz,
    taken_back_by text
);
create unique index life_event_once on consent.life_event (member_id, what) where taken_back_at is null;

alter table consent.history drop constraint history_act_check;
alter table consent.history add constraint history_act_check
    check (act in ('recorded', 'revoked', 'withdrawn', 'lifted', 'died', 'emancipated', 'taken_back'));
