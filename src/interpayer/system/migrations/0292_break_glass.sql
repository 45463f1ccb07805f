-- Looks at payloads that nobody sees otherwise: asked for with a reason, opened by a second name, over after minutes,
-- and confirmed afterwards by somebody else than who looked.
create table operations.break_glass (
    id text primary key,
    exchange_id text,
    member_id text,
    why text not null,
    minutes integer not null check (minutes > 0),
    asked_by text not null,
    roles text[] not null,
    asked_at timestamptz not null,
    opened_by text,
    opened_at timestamptz,
    expires_at timestamptz,
    policy_version text,
    looks integer not null default 0,
    records integer not null default 0,
    ended_at timestamptz,
    confirmed_by text,
    confirmed_at timestamptz,
    late_at timestamptz,
    check (num_nonnulls(exchange_id, member_id) = 1)
);
create index break_glass_open on operations.break_glass (asked_at) where confirmed_at is null;
