-- Which policy is in force, who put it there, and what was decided on which facts (room: policy).

-- A plan's own files beside the composed ones: an upgrade lays them over what it ships.
alter table policy.bundle add column own jsonb not null default '{}';

-- The newest row is in force; without any row, what ships. Nobody changes or deletes a row.
create table policy.release (
    number bigint generated always as identity primary key,
    version text not null references policy.bundle (version),
    act text not null check (act in ('publish', 'rollback')),
    released_by text not null,
    approved_by text,
    reason text not null,
    released_at timestamptz not null default now()
);

-- What waits for a second name; kept when it was approved or taken back.
create table policy.proposal (
    id text primary key,
    version text not null references policy.bundle (version),
    proposed_by text not null,
    reason text not null,
    proposed_at timestamptz not null default now(),
    state text not null default 'open' check (state in ('open', 'approved', 'withdrawn')),
    ended_by text,
    ended_at timestamptz
);
create index proposal_open on policy.proposal (proposed_at) where state = 'open';

-- The facts of decisions, without any member's data: what `interpayer policy diff` asks again.
create table policy.decision (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    version text not null,
    kind text not null,
    facts jsonb not null,
    allow boolean not null,
    policies text[] not null,
    reasons text[] not null,
    obligations text[] not null,
    -- How many times it was asked in one transaction: a thousand members bring few distinct facts.
    times integer not null,
    subject text
);
create index decision_at on policy.decision using brin (at);
create index decision_subject on policy.decision (subject) where subject is not null;
