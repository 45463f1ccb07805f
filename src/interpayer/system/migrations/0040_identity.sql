-- People, their ids and what was decided about them (room: identity). What names a person is sealed under the zone
-- key; keys for matching are keyed hashes, which nobody without the key can test a guess against.
create schema if not exists identity;

-- One row per enrolled member of one payer. Members linked as one person share person_id (the id of the survivor).
create table identity.member (
    member_id text primary key,
    person_id text not null,
    payer text not null,
    unique_id text not null unique,
    sealed bytea not null,
    -- Changes with any fact that matching looks at; a negative ruling holds only as long as it stays.
    digest text not null,
    as_of date not null,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);
create index member_person on identity.member (person_id);

create table identity.coverage (
    member_id text not null references identity.member (member_id) on delete cascade,
    position int not null,
    payer text not null,
    line_of_business text,
    starts_on date,
    ends_on date,
    status text not null,
    primary key (member_id, position)
);

-- Blocking keys: one index look-up finds everybody worth comparing.
create table identity.key (
    kind text not null,
    hash text collate "C" not null,
    member_id text not null references identity.member (member_id) on delete cascade,
    primary key (hash, kind, member_id)
);
create index key_member on identity.key (member_id);

-- Which source record is which member. One accepted link per source record, and the database says so.
create table identity.link (
    link_id bigint generated always as identity primary key,
    kind text not null,
    hash text collate "C" not null,
    member_id text not null references identity.member (member_id),
    source text not null,
    linked_at timestamptz not null default now(),
    superseded_at timestamptz
);
create unique index link_accepted_once on identity.link (kind, hash) where superseded_at is null;
create index link_member on identity.link (member_id);

-- What a person decided: about a request (fingerprint) and a member, or about two members. Never erased, only superseded.
create table identity.judgement (
    judgement_id bigint generated always as identity primary key,
    kind text not null check (kind in ('request', 'person')),
    subject text not null,
    member_id text not null references identity.member (member_id),
    decision text not null check (decision in ('same', 'different', 'undecidable')),
    member_digest text not null,
    case_id text,
    person text not null,
    reason text not null,
    decided_at timestamptz not null default now(),
    superseded_at timestamptz
);
create unique index judgement_once on identity.judgement (kind, subject, member_id) where superseded_at is null;
create unique index judgement_one_same on identity.judgement (subject)
    where kind = 'request' and decision = 'same' and superseded_at is null;

-- Cases: decisions that a named person owes.
create table identity.review_case (
    case_id text primary key,
    kind text not null check (kind in ('identity', 'conflict', 'policy', 'recall')),
    state text not null default 'open' check (state in ('open', 'assigned', 'decided', 'closed')),
    reason text not null,
    partner_id text,
    fingerprint text,
    evidence_id text,
    candidates text[] not null default '{}',
    evidence jsonb not null default '[]',
    asked bytea,
    priority text not null default 'normal',
    due_at timestamptz not null,
    opened_at timestamptz not null default now(),
    assigned_to text,
    decision text,
    member_id text,
    decided_by text,
    decided_reason text,
    note text,
    decided_at timestamptz
);
-- A repeated request joins the open case instead of making another.
create unique index review_case_open_once on identity.review_case (coalesce(partner_id, ''), fingerprint)
    where fingerprint is not null and state in ('open', 'assigned');
create index review_case_state on identity.review_case (state, due_at);

create table identity.case_exchange (
    case_id text not null references identity.review_case (case_id),
    exchange_id text not null,
    joined_at timestamptz not null default now(),
    primary key (case_id, exchange_id)
);
create index case_exchange_exchange on identity.case_exchange (exchange_id);

-- Why a match came out as it did, without values.
create table identity.evidence (
    evidence_id text primary key,
    at timestamptz not null default now(),
    disposition text not null,
    reason text not null,
    member_id text,
    rule text,
    rule_version text not null,
    candidates jsonb not null
);
