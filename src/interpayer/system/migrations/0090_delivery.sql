-- What is handed over and what is received: jobs, their files, and where each person's lines lie (room: delivery).
create schema if not exists delivery;

create table delivery.job (
    id text primary key,
    role text not null check (role in ('responder', 'requester')),
    kind text not null check (kind in ('match', 'export')),
    partner_id text not null,
    state text not null check (state in ('kicked_off', 'running', 'ready', 'fetched', 'failed', 'expired', 'deleted')),
    reason text,
    batch_id text,
    exchange_id text,
    url text not null,
    progress integer not null default 0 check (progress between 0 and 100),
    detail jsonb not null default '{}',
    created_at timestamptz not null,
    state_at timestamptz not null,
    transaction_time timestamptz,
    expires_at timestamptz,
    -- How many part numbers were ever given out; objects are named by them.
    parts integer not null default 0,
    -- The job's own key, wrapped by the KEK; request and files are sealed with it.
    data_key bytea not null,
    request bytea not null
);
alter table delivery.job alter column request set storage external;
create index job_partner on delivery.job (partner_id, created_at);
create index job_expiry on delivery.job (expires_at) where state in ('ready', 'fetched');
create index job_batch on delivery.job (batch_id) where batch_id is not null;

create table delivery.file (
    id text primary key,
    job_id text not null references delivery.job (id) on delete cascade,
    kind text not null check (kind in ('output', 'error', 'deleted')),
    type text not null,
    lines bigint not null,
    plain_length bigint not null,
    gzip_length bigint not null,
    -- Of the whole plain NDJSON; null from the moment a member is dropped until the file is rebuilt.
    sha256 text,
    -- Counts the changes of the content: part of the ETag.
    revision integer not null default 0,
    fetched_at timestamptz
);
create index file_job on delivery.file (job_id);

-- One object of a few megabytes, sealed as a whole.
create table delivery.part (
    file_id text not null references delivery.file (id) on delete cascade,
    position integer not null,
    -- The object is named by job and number; a rebuilt part gets a new number.
    number integer not null,
    primary key (file_id, position)
);

-- One gzip member inside a part: the lines of one person, or one shared resource with the members that depend on it.
-- (No foreign key: it would be asked for every one of millions of rows that one statement writes for one file.)
create table delivery.segment (
    file_id text not null,
    position integer not null,
    part integer not null,
    start integer not null,
    gzip_length integer not null,
    plain_length bigint not null,
    lines integer not null,
    sha256 text not null,
    member_id text,
    dependents text[],
    dropped_at timestamptz,
    primary key (file_id, position)
);
create index segment_member on delivery.segment (member_id) where member_id is not null;
create index segment_dropped on delivery.segment (file_id) where dropped_at is not null;
create index segment_dependents on delivery.segment using gin (dependents) where dependents is not null;

-- Lines of the job's error file: OperationOutcomes free of member data.
create table delivery.issue (
    job_id text not null references delivery.job (id) on delete cascade,
    position integer not null,
    code text not null,
    diagnostics text not null,
    severity text not null default 'information',
    primary key (job_id, position),
    unique (job_id, code, diagnostics)
);
