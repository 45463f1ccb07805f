-- Legal holds, forgetting, the versions of the wrapping key, and partners kept apart row by row.

-- A legal hold beats every purge and every forgetting (floor: rooms ask operations.is_held). Exactly one of member,
-- exchange and partner is named, or none: then everything is held.
create table operations.legal_hold (
    hold_id bigint generated always as identity primary key,
    member_id text,
    -- The name under which the ledger knows the member.
    pseudonym text,
    exchange_id text,
    partner_id text,
    reason text not null,
    placed_by text not null,
    placed_at timestamptz not null default clock_timestamp(),
    released_by text,
    released_at timestamptz,
    release_reason text,
    constraint legal_hold_of_one check (num_nonnulls(member_id, exchange_id, partner_id) <= 1),
    constraint legal_hold_released_by_somebody check ((released_at is null) = (released_by is null))
);
create unique index legal_hold_once on operations.legal_hold
    (coalesce(member_id, ''), coalesce(exchange_id, ''), coalesce(partner_id, '')) where released_at is null;

-- Whether something about this member (by id, or as the ledger names it), exchange or partner must be kept.
-- Null is not asked about.
create function operations.is_held(member text, exchange text, partner text) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select exists (
        select from operations.legal_hold h
         where h.released_at is null
           and (coalesce(h.member_id, h.exchange_id, h.partner_id) is null
                or h.member_id = member or h.pseudonym = member or h.exchange_id = exchange or h.partner_id = partner))
$$;

-- What was forgotten, by two people; the member is named as the ledger does. Restoring an older backup brings a member
-- back: from this table and its copy outside the database the forgetting is done again.
create table operations.forgetting (
    pseudonym text primary key,
    -- Until it is done.
    member_id text,
    reason text not null,
    asked_by text not null,
    asked_at timestamptz not null default clock_timestamp(),
    done_by text,
    done_at timestamptz,
    counts jsonb not null default '{}',
    constraint forgetting_done_by_somebody check ((done_at is null) = (done_by is null))
);

-- How far the change to another version of the wrapping key is, by table; a run that was cut short goes on from here.
create table operations.rewrap (
    kek text not null,
    place text not null,
    after text not null default '',
    seen bigint not null default 0,
    changed bigint not null default 0,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    primary key (kek, place)
);

-- The last line before bytes of a held member are lost, whoever asks.
create function operations.refuse_if_held() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if operations.is_held(old.member_id, null, null) then
        raise exception 'a legal hold keeps this' using errcode = 'insufficient_privilege';
    end if;
    return old;
end $$;
create trigger legal_hold before delete on records.member_key
    for each row execute function operations.refuse_if_held();
create trigger legal_hold before delete on records.record
    for each row execute function operations.refuse_if_held();
create trigger legal_hold before delete on records.pack
    for each row execute function operations.refuse_if_held();
create trigger legal_hold before delete on identity.member
    for each row execute function operations.refuse_if_held();

-- Forgetting a member, room by room. What stays tells nobody who it was: ids without meaning, codes, times.
create function records.forget(member text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone bigint;
begin
    -- The key first: from here on nothing of the member can be read, whatever else still lies somewhere.
    delete from records.member_key where member_id = member;
    delete from records.mark m using records.record r where r.id = m.record_id and r.member_id = member;
    delete from records.alias a using records.record r where r.id = a.record_id and r.member_id = member;
    delete from records.arrival a using records.record r where r.id = a.record_id and r.member_id = member;
    delete from records.record where member_id = member;
    get diagnostics gone = row_count;
    delete from records.pack where member_id = member;
    return gone;
end $$;

-- What was judged is never changed or erased, but for a member who is forgotten.
create or replace function identity.only_superseded() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    free constant text[] := array['superseded_at', 'superseded_by', 'superseded_why', 'effective_to'];
begin
    if tg_op = 'UPDATE' and old.superseded_at is null and to_jsonb(new) - free = to_jsonb(old) - free then
        return new;
    end if;
    -- Only identity.forget runs as the owner with this said.
    if current_user = 'interpayer_migrator' and current_setting('interpayer.forgetting', true) <> '' then
        return case tg_op when 'UPDATE' then new else old end;
    end if;
    raise exception 'what was judged is superseded, never changed or erased' using errcode = 'insufficient_privilege';
end $$;

create function identity.forget(member text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone bigint;
begin
    if operations.is_held(member, null, null) then
        raise exception 'a legal hold keeps this' using errcode = 'insufficient_privilege';
    end if;
    perform set_config('interpayer.forgetting', member, true);
    delete from identity.block b using identity.member m where m.member_no = b.member_no and m.member_id = member;
    delete from identity.key k where k.member_id = member;
    delete from identity.coverage c where c.member_id = member;
    delete from identity.link l where l.member_id = member;
    update identity.evidence e set detail = null, candidates = '[]' where e.member_id = member;
    update identity.case_ruling r set note = null where r.member_id = member and r.note is not null;
    update identity.review_case c set asked = null, note = null
     where c.member_id = member or member = any (c.candidates);
    -- The row stays: judgements name it. It says nothing any more.
    update identity.member m set sealed = '', standard = null, digest = '' where m.member_id = member and m.sealed <> '';
    get diagnostics gone = row_count;
    perform set_config('interpayer.forgetting', '', true);
    return gone;
end $$;

create function consent.forget(member text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone bigint;
begin
    update consent.consent c set document = null, authority = null, signature = null, proof = 'forgotten'
     where c.member_id = member;
    get diagnostics gone = row_count;
    return gone;
end $$;

-- Requests and answers about the member; a Group or a request that names others with the member goes whole.
create function exchange.forget(member text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone bigint;
    ids text[];
begin
    select coalesce(array_agg(x.id), '{}') into ids from exchange.exchange x where x.member_id = member;
    update exchange.envelope e set sealed = '' where e.exchange_id = any (ids) and e.sealed <> '';
    get diagnostics gone = row_count;
    update exchange.supplement s set sealed = '' where s.exchange_id = any (ids);
    update exchange.batch b set answer_sealed = null
     where b.answer_sealed is not null and b.id in (select x.batch_id from exchange.exchange x where x.id = any (ids));
    update exchange.standing s set prior_sealed = '', state = 'stopped', stopped_reason = 'forgotten',
           next_due_at = null where s.member_id = member;
    with mine as (
        delete from exchange.group_member g where g.member_id = member returning g.group_id
    ), others as (
        delete from exchange.group_member g using mine where g.group_id = mine.group_id and g.member_id <> member
    )
    delete from exchange.match_group m using mine where m.id = mine.group_id;
    return gone;
end $$;

create function delivery.forget(job_ids text[]) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone bigint;
begin
    update delivery.job j set request = '' where j.id = any (job_ids) and j.request <> ''
       and j.state in ('fetched', 'failed', 'expired', 'deleted');
    get diagnostics gone = row_count;
    return gone;
end $$;

-- Kept answers of all partners that are over: the door's own rows are those of one partner only.
create function gateway.forget_old_answers(at timestamptz) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (delete from gateway.idempotency i where i.expires_at < at returning 1) select count(*) from gone
$$;

-- Partners apart: the door's role sees, of what belongs to partners, the rows of the one that it serves now
-- (system/database.py says so in each transaction). Worker and operator work for all.
do $$
declare
    place text;
    mine text;
    of_one text := 'partner_id = current_setting(''interpayer.partner'', true)';
    of_job text := 'exists (select from delivery.job j where j.id = job_id)';
    of_file text := 'exists (select from delivery.file f where f.id = file_id)';
    of_exchange text := 'exists (select from exchange.exchange x where x.id = exchange_id)';
begin
    for place, mine in
        values ('delivery.job', of_one), ('exchange.exchange', of_one), ('exchange.batch', of_one),
               ('exchange.match_group', of_one), ('consent.match_grant', of_one), ('gateway.idempotency', of_one),
               ('delivery.file', of_job), ('delivery.issue', of_job), ('delivery.part', of_file),
               ('delivery.segment', of_file), ('exchange.envelope', of_exchange), ('exchange.job_member', of_exchange),
               ('exchange.match_outcome', of_exchange), ('exchange.group_member', of_exchange)
    loop
        execute format('alter table %s enable row level security', place);
        execute format('create policy partner_served on %s to interpayer_door using (%s) with check (%s)',
                       place, mine, mine);
        execute format('create policy every_partner on %s to interpayer_worker, interpayer_operator '
                       'using (true) with check (true)', place);
    end loop;
end $$;
