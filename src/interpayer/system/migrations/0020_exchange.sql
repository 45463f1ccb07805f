-- Exchanges, their envelopes, batches, match groups, standing requests (room: exchange).
create schema if not exists exchange;

create table exchange.exchange (
    id text primary key,
    role text not null check (role in ('requester', 'responder')),
    state text not null,
    correlation_id text not null,
    partner_id text,
    organization text,
    member_id text,
    consent_id text,
    batch_id text,
    standing_id text,
    case_id text,
    purpose text not null,
    basis text not null,
    priority text not null default 'normal',
    action text not null default 'history',
    reason text,
    answer text check (answer in ('complete', 'partial', 'empty')),
    partner_member text,
    follows text references exchange.exchange (id),
    supersedes text references exchange.exchange (id),
    window_from date,
    window_to date,
    received_at timestamptz not null,
    due_at timestamptz not null,
    give_up_at timestamptz not null,
    state_at timestamptz not null,
    overdue_at timestamptz,
    attempt integer not null default 0,
    version integer not null default 0,
    details jsonb not null default '{}'
);
create index exchange_state on exchange.exchange (state, role);
create index exchange_partner on exchange.exchange (partner_id, received_at);
create index exchange_member on exchange.exchange (member_id, received_at);
create index exchange_batch on exchange.exchange (batch_id);
create index exchange_received on exchange.exchange (received_at);
create index exchange_due on exchange.exchange (due_at) where overdue_at is null;
create index exchange_correlation on exchange.exchange (correlation_id);

-- The request as it came, kept unchanged: written once, never updated.
create table exchange.envelope (
    exchange_id text primary key references exchange.exchange (id),
    received_at timestamptz not null,
    sha256 text not null,
    sealed bytea not null
);
alter table exchange.envelope alter column sealed set storage external;

-- What was supplied later; the envelope itself stays as it came.
create table exchange.supplement (
    exchange_id text not null references exchange.exchange (id),
    number integer not null,
    supplied_at timestamptz not null,
    actor_id text not null,
    sealed bytea not null,
    primary key (exchange_id, number)
);

create table exchange.idempotency (
    scope text not null,
    key text not null,
    fingerprint text not null,
    result_id text not null,
    kept_at timestamptz not null default now(),
    primary key (scope, key)
);

create table exchange.batch (
    id text primary key,
    role text not null,
    partner_id text not null,
    endpoint_id text,
    mode text not null,
    state text not null,
    opened_at timestamptz not null,
    attempt integer not null default 0,
    match_url text,
    export_url text,
    group_ids text[] not null default '{}',
    transaction_time timestamptz,
    answer_sealed bytea,
    correlation_id text not null,
    details jsonb not null default '{}'
);
create unique index batch_collecting on exchange.batch (partner_id, endpoint_id, mode) where state = 'collecting' and role = 'requester';

-- The Groups of one bulk match, as they are answered (contained Patients: sealed).
create table exchange.match_group (
    id text primary key,
    job_id text not null,
    partner_id text not null,
    kind text not null check (kind in ('match', 'nomatch', 'consentconstraint')),
    members integer not null,
    made_at timestamptz not null,
    sealed bytea not null
);
create index match_group_partner on exchange.match_group (partner_id, made_at);

create table exchange.group_member (
    group_id text not null references exchange.match_group (id),
    member_id text not null,
    exchange_id text not null,
    primary key (group_id, member_id)
);

create table exchange.standing (
    id text primary key,
    member_id text not null,
    organization text not null,
    relation text not null check (relation in ('previous', 'concurrent')),
    basis text not null,
    consent_id text,
    prior_sealed bytea not null,
    known_on date not null,
    watermark timestamptz,
    next_due_at timestamptz,
    phase text not null,
    fired integer not null default 0,
    state text not null check (state in ('active', 'stopped')),
    stopped_reason text,
    changed_at timestamptz not null,
    unique (member_id, organization)
);
create index standing_due on exchange.standing (next_due_at) where state = 'active';

-- Recalls: the undoing of a wrong release.
create table exchange.recall (
    id text primary key,
    exchange_ids text[] not null,
    reason text not null,
    state text not null check (state in ('open', 'contained', 'told', 'closed')),
    opened_by text not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    scope jsonb not null default '{}'
);

-- What a bulk match decided for each submitted member, in the order of the request.
create table exchange.match_outcome (
    job_id text not null,
    place integer not null,
    exchange_id text not null,
    kind text not null check (kind in ('match', 'nomatch', 'consentconstraint', 'incomplete')),
    member_id text,
    primary key (job_id, place)
);

-- Which exchange a member's part of an export job belongs to.
create table exchange.job_member (
    job_id text not null,
    member_id text not null,
    exchange_id text not null,
    primary key (job_id, member_id)
);
create index job_member_exchange on exchange.job_member (exchange_id);
