-- What the workflow engine does not give: the fence of steps, leases, dead letters, parking (room: exchange).
-- The engine's own tables stand in schema `engine`; a login role reaches them only through the functions below.

-- One row per step that has an outcome. A transactional step writes it in its own transaction: that makes it exactly once.
create table exchange.step_done (
    workflow_id text not null,
    step_no integer not null,
    name text not null,
    outcome text not null check (outcome in ('value', 'postponed', 'refused', 'fault', 'continued')),
    result json,
    done_at timestamptz not null default now(),
    primary key (workflow_id, step_no)
);

-- The budget of a step that waits for somebody else; counted over all runs of one root.
create table exchange.step_round (
    root text not null,
    name text not null,
    rounds integer not null,
    unsure boolean not null,
    reason text not null,
    first_at timestamptz not null default now(),
    primary key (root, name)
);

-- An executor that lives renews its lease; an expired one is dead and its work is taken over.
create table exchange.lease (
    executor text primary key,
    host text not null,
    process integer not null,
    since timestamptz not null default now(),
    beat_at timestamptz not null default now(),
    expires_at timestamptz not null
);

create table exchange.dead_letter (
    id text primary key,
    root text not null,
    workflow_id text not null unique,
    workflow_name text not null,
    argument text not null,
    step text,
    kind text not null,
    reason text not null,
    detail text not null,
    attempts integer not null,
    policy_version text,
    registry_version text,
    last_route text,
    payload_checksum text,
    next_action text,
    kept_at timestamptz not null default now(),
    replayed_at timestamptz,
    replayed_by text,
    replay_reason text,
    replay_id text,
    check ((replayed_at is null) = (replayed_by is null) and (replayed_at is null) = (replay_reason is null)
           and (replayed_at is null) = (replay_id is null))
);
create index dead_letter_root on exchange.dead_letter (root);
create index dead_letter_open on exchange.dead_letter (kept_at) where replayed_at is null;

-- Work that waits for a person: one row, no thread, no timer.
create table exchange.parked (
    id bigint generated always as identity primary key,
    key text not null,
    root text not null generated always as (split_part(key, ':', 1)) stored,
    workflow_name text not null,
    argument text not null,
    reason text not null,
    priority integer not null default 0,
    partition text,
    parked_at timestamptz not null default now(),
    continued_at timestamptz,
    decision text,
    check ((continued_at is null) = (decision is null))
);
create unique index parked_once on exchange.parked (key) where continued_at is null;
create index parked_root on exchange.parked (root);

-- Keep work in the caller's transaction. The same id again changes nothing.
create function exchange.enqueue(
    kept_name text, kept_id text, kept_argument text, delay_s double precision, priority integer, partition text
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform engine.enqueue_workflow(
        workflow_name => kept_name,
        queue_name => 'exchange',
        positional_args => array[to_json(kept_argument)],
        workflow_id => kept_id,
        application_name => 'interpayer',
        priority => enqueue.priority,
        queue_partition_key => coalesce(enqueue.partition, '-'),
        delay_until_epoch_ms => case when delay_s > 0
            then (extract(epoch from clock_timestamp()) * 1000 + delay_s * 1000)::bigint end
    );
end $$;

-- The runs of one root, in the words of our own port.
create function exchange.runs_of(of_root text) returns table (
    workflow_id text, workflow_name text, status text, executor text, priority integer, partition text,
    dispatches bigint, kept_at timestamptz, due_at timestamptz, ended_at timestamptz
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
    select w.workflow_uuid, w.name,
           case w.status when 'DELAYED' then 'delayed' when 'ENQUEUED' then 'queued' when 'PENDING' then 'running'
                         when 'SUCCESS' then 'done' when 'CANCELLED' then 'cancelled' else 'dead' end,
           w.executor_id, w.priority, w.queue_partition_key, w.recovery_attempts,
           to_timestamp(w.created_at / 1000.0), to_timestamp(w.delay_until_epoch_ms / 1000.0),
           to_timestamp(w.completed_at / 1000.0)
      from engine.workflow_status w
     where split_part(w.workflow_uuid, ':', 1) = of_root
     order by w.created_at, w.workflow_uuid;
end $$;

-- Stop every unfinished run of one root and what is parked for it. A run that is at work cannot record a step any more.
create function exchange.cancel_root(of_root text) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    runs integer;
    waiting integer;
begin
    update engine.workflow_status w
       set status = 'CANCELLED', owner_xid = null, queue_name = null, deduplication_id = null, started_at_epoch_ms = null,
           updated_at = (extract(epoch from clock_timestamp()) * 1000)::bigint,
           completed_at = (extract(epoch from clock_timestamp()) * 1000)::bigint
     where split_part(w.workflow_uuid, ':', 1) = of_root and w.status in ('DELAYED', 'ENQUEUED', 'PENDING');
    get diagnostics runs = row_count;
    update exchange.parked p set continued_at = clock_timestamp(), decision = 'cancelled'
     where p.root = of_root and p.continued_at is null;
    get diagnostics waiting = row_count;
    return runs + waiting;
end $$;

-- Retention: finished runs with all that belongs to them. A run with an open dead letter stays.
create function exchange.purge_finished(before timestamptz, at_most integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone text[];
begin
    select coalesce(array_agg(old.id), '{}') into gone from (
        select w.workflow_uuid as id from engine.workflow_status w
         where w.completed_at < extract(epoch from before) * 1000
           and w.status not in ('DELAYED', 'ENQUEUED', 'PENDING')
           and not exists (select 1 from exchange.dead_letter d
                            where d.workflow_id = w.workflow_uuid and d.replayed_at is null)
         order by w.completed_at limit at_most) old;
    delete from exchange.step_done where workflow_id = any (gone);
    delete from exchange.dead_letter where workflow_id = any (gone);
    delete from engine.operation_outputs where workflow_uuid = any (gone);
    delete from engine.workflow_input where workflow_uuid = any (gone);
    delete from engine.workflow_output where workflow_uuid = any (gone);
    delete from engine.workflow_status where workflow_uuid = any (gone);
    delete from exchange.parked where continued_at < before;
    delete from exchange.step_round where first_at < before and not exists (
        select 1 from engine.workflow_status w where split_part(w.workflow_uuid, ':', 1) = step_round.root);
    return cardinality(gone);
end $$;

revoke all on function exchange.enqueue(text, text, text, double precision, integer, text) from public;
revoke all on function exchange.runs_of(text) from public;
revoke all on function exchange.cancel_root(text) from public;
revoke all on function exchange.purge_finished(timestamptz, integer) from public;
