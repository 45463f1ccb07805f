-- as auditor
-- A legal hold beats redaction and shredding too; wrapped keys of bodies can be wrapped anew.
-- Whether one thing is held says operations.is_held, which this role may execute (grants.toml).

create or replace function audit.redact(event bigint, field text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    about audit.event;
begin
    select * into about from audit.event e where e.id = event;
    if operations.is_held(about.member, about.exchange, about.partner) then
        raise exception 'a legal hold keeps this' using errcode = 'insufficient_privilege';
    end if;
    update audit.body_key k set keys = k.keys - field where k.event_id = event and k.keys ? field;
    return found;
end $$;

create or replace function audit.shred(pseudonym text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone bigint;
begin
    if exists (select from (select distinct e.exchange, e.partner from audit.event e where e.member = pseudonym) about
                where operations.is_held(pseudonym, about.exchange, about.partner)) then
        raise exception 'a legal hold keeps this' using errcode = 'insufficient_privilege';
    end if;
    delete from audit.body_key k using audit.event e where e.id = k.event_id and e.member = pseudonym;
    get diagnostics gone = row_count;
    return gone;
end $$;

-- Wrapped keys in the order of events, for wrapping them anew.
create function audit.wrapped_after(after bigint, most int) returns table (event_id bigint, keys jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select k.event_id, k.keys from audit.body_key k where k.event_id > after order by k.event_id limit most
$$;

-- The same keys, wrapped by another version; a row that changed meanwhile (redacted, shredded) is left as it is.
create function audit.rewrap(ids bigint[], former jsonb[], later jsonb[]) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    done bigint;
begin
    update audit.body_key k set keys = u.later
      from unnest(ids, former, later) as u (id, former, later)
     where k.event_id = u.id and k.keys = u.former;
    get diagnostics done = row_count;
    return done;
end $$;
