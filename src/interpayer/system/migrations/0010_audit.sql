-- as auditor
-- The ledger (floor.md "The ledger"): one hash chain per exchange, sealed into one Merkle tree.
-- Everything here belongs to interpayer_auditor, a role nobody logs in as. Services execute the functions
-- and read the views they are granted; nobody updates, deletes or truncates an event.

-- The end of each chain. Its row is the lock that puts the events of one chain in order.
create table audit.head (
    chain text collate "C" primary key check (length(chain) between 1 and 200),
    seq bigint not null,
    hash bytea not null,
    at timestamptz not null
) with (fillfactor = 70);

-- Evidence: chain, seq, at, prev and header are what `hash` covers. name, partner, member and exchange are copies
-- out of the header for searching; verification compares them. body is sealed; its frames are hashed in the header.
-- xid is no evidence: it only tells the sealer which events can no longer be overtaken.
create table audit.event (
    id bigint generated always as identity primary key,
    chain text collate "C" not null,
    seq bigint not null,
    at timestamptz not null,
    prev bytea not null,
    header bytea not null,
    hash bytea not null,
    name text not null,
    partner text,
    member text,
    exchange text,
    body jsonb,
    xid xid8 not null default pg_current_xact_id(),
    unique (chain, seq)
);
create index event_xid on audit.event (xid);
create index event_at on audit.event using brin (at);
create index event_member on audit.event (member, id) where member is not null;
create index event_partner on audit.event (partner, id) where partner is not null;
create index event_exchange on audit.event (exchange, id) where exchange is not null and exchange <> chain;

-- The wrapped data keys of sealed bodies, one per field. Deleting a row shreds a body, removing a field redacts it;
-- headers, hashes and proofs stay valid.
create table audit.body_key (
    event_id bigint primary key references audit.event (id),
    keys jsonb not null
);

-- The global order: stored membership, so that nothing later depends on transaction ids or clocks.
create table audit.leaf (
    position bigint primary key,
    event_id bigint not null unique references audit.event (id),
    checkpoint bigint not null
);

-- Signed heads of the Merkle tree (RFC 9162; note in the shape of C2SP tlog-checkpoint). frontier is what the next
-- checkpoint grows from. horizon and cluster are no evidence: they bound the sealer's next search.
create table audit.checkpoint (
    number bigint primary key,
    size bigint not null unique,
    root bytea not null,
    at timestamptz not null,
    frontier bytea[] not null,
    note text not null,
    horizon xid8 not null,
    cluster bigint not null
);

-- Second line behind the grants: not even a slip of the owner changes the past. (Proof is the hashes, not this.)
create function audit.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'the ledger is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger append_only before update or delete or truncate on audit.event
    for each statement execute function audit.refuse_change();
create trigger append_only before update or delete or truncate on audit.leaf
    for each statement execute function audit.refuse_change();
create trigger append_only before update or delete or truncate on audit.checkpoint
    for each statement execute function audit.refuse_change();
create trigger append_only before delete or truncate on audit.head
    for each statement execute function audit.refuse_change();
create trigger append_only before truncate on audit.body_key
    for each statement execute function audit.refuse_change();

-- Appends any number of events to any number of chains; answers the seq of the last one. The caller gives them ordered
-- by chain (bytes), so heads are locked in that order and two calls cannot deadlock. at never runs backwards within a
-- chain, whatever the clock does.
-- hash = sha256(0x00, length of chain, chain, seq, microseconds, prev, header): an RFC 9162 leaf hash.
create function audit.append(chains text[], headers bytea[], bodies text[], keys text[]) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    current text collate "C" := '';
    public jsonb;
    v_seq bigint; v_at timestamptz; v_prev bytea; v_hash bytea; v_lead bytea; v_id bigint;
begin
    for i in 1 .. cardinality(chains) loop
        if chains[i] is distinct from current then
            if chains[i] < current then
                raise exception 'events must be ordered by chain' using errcode = 'data_exception';
            end if;
            if v_seq is not null then
                update audit.head set seq = v_seq, hash = v_prev, at = v_at where chain = current;
            end if;
            current := chains[i];
            select seq, hash, at into v_seq, v_prev, v_at from audit.head where chain = current for update;
            if not found then
                v_seq := 0; v_prev := sha256(''); v_at := '-infinity';
                insert into audit.head values (current, v_seq, v_prev, v_at) on conflict (chain) do nothing;
                if not found then
                    select seq, hash, at into v_seq, v_prev, v_at from audit.head where chain = current for update;
                end if;
            end if;
            v_lead := convert_to(current, 'UTF8');
            v_lead := '\x00'::bytea || int2send(length(v_lead)::int2) || v_lead;
        end if;
        v_seq := v_seq + 1;
        v_at := greatest(clock_timestamp(), v_at);
        v_hash := sha256(v_lead || int8send(v_seq) || int8send((extract(epoch from v_at) * 1000000)::bigint)
                         || v_prev || headers[i]);
        public := convert_from(headers[i], 'UTF8');
        insert into audit.event (chain, seq, at, prev, header, hash, name, partner, member, exchange, body)
        values (current, v_seq, v_at, v_prev, headers[i], v_hash, public ->> 'name', public ->> 'partner',
                public ->> 'member', public ->> 'exchange', bodies[i]::jsonb) returning id into v_id;
        if keys[i] is not null then
            insert into audit.body_key values (v_id, keys[i]::jsonb);
        end if;
        v_prev := v_hash;
    end loop;
    update audit.head set seq = v_seq, hash = v_prev, at = v_at where chain = current;
    return v_seq;
end $$;

-- Events that no running transaction can still precede and that have no position yet. A transaction id at or above
-- the snapshot's end, on a row that is visible, comes from the cluster a backup was taken of: it is over, too.
create function audit.unsealed(most int) returns table (event_id bigint, hash bytea, horizon xid8, floor xid8)
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with life as (
        select coalesce((select c.horizon from audit.checkpoint c, pg_control_system() s
                          where c.cluster = s.system_identifier and c.number = (select max(number) from audit.checkpoint)),
                        '0'::xid8) as floor,
               pg_current_snapshot() as snapshot
    ), open as materialized (
        select e.id, e.hash, pg_snapshot_xmin(life.snapshot) as horizon, life.floor
          from life, audit.event e
         where e.xid >= life.floor
           and (e.xid < pg_snapshot_xmin(life.snapshot) or e.xid >= pg_snapshot_xmax(life.snapshot))
           and not exists (select from audit.leaf l where l.event_id = e.id)
    )
    select * from open order by id limit most
$$;

-- Gives events their positions and keeps the signed head; refused unless it continues the last one.
create function audit.seal(ids bigint[], size_before bigint, root bytea, frontier bytea[], note text, at timestamptz,
                           horizon xid8) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    last audit.checkpoint;
begin
    select * into last from audit.checkpoint c order by c.number desc limit 1;
    if coalesce(last.size, 0) <> size_before then
        raise exception 'another sealer was faster' using errcode = 'serialization_failure';
    end if;
    insert into audit.leaf (position, event_id, checkpoint)
    select size_before + u.ord - 1, u.id, coalesce(last.number, 0) + 1
      from unnest(ids) with ordinality u (id, ord);
    insert into audit.checkpoint
    values (coalesce(last.number, 0) + 1, size_before + cardinality(ids), root, at, frontier, note, horizon,
            (select system_identifier from pg_control_system()));
    return coalesce(last.number, 0) + 1;
end $$;

create function audit.latest_checkpoint() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select note from audit.checkpoint order by number desc limit 1
$$;

-- What people read, without bodies.
create view audit.timeline as
    select e.id, e.chain, e.seq, e.at, e.header, e.hash, e.name, e.partner, e.member, e.exchange, l.position, l.checkpoint
      from audit.event e left join audit.leaf l on l.event_id = e.id;

-- What verification and export read: everything but the keys. Microseconds since 1970, as they were hashed.
create view audit.evidence as
    select e.id, e.chain, e.seq, case when isfinite(e.at) then (extract(epoch from e.at) * 1000000)::bigint end as at_us,
           e.prev, e.header, e.hash, e.name, e.partner, e.member, e.exchange, e.body, l.position, l.checkpoint
      from audit.event e left join audit.leaf l on l.event_id = e.id;
create view audit.tip as
    select chain, seq, hash, case when isfinite(at) then (extract(epoch from at) * 1000000)::bigint end as at_us
      from audit.head;

create function audit.body_keys(ids bigint[]) returns table (event_id bigint, keys jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select k.event_id, k.keys from audit.body_key k where k.event_id = any (ids)
$$;

-- Forgets the key of one field of one event; answers whether there was one.
create function audit.redact(event bigint, field text) returns boolean
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (update audit.body_key k set keys = k.keys - field
                   where k.event_id = event and k.keys ? field returning 1)
    select exists (select from gone)
$$;

-- Forgets the keys of every body about one member (by pseudonym); answers how many.
create function audit.shred(pseudonym text) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (delete from audit.body_key k using audit.event e
                   where e.id = k.event_id and e.member = pseudonym returning 1)
    select count(*) from gone
$$;
