-- What was sent with a request goes when its retention is over (policy.yaml, retention); the exchange, its checksum and
-- the ledger stay. Nobody else may change what was sent.
create function exchange.empty_requests(ids text[]) returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    done text[];
begin
    with over as (
        select x.id from exchange.exchange x
         where x.id = any (ids)
           and x.state in ('completed', 'failed', 'cancelled', 'expired', 'revoked', 'recalled', 'archived')
           -- The last line: whatever policy said, what is held stays.
           and not operations.is_held(x.member_id, x.id, x.partner_id)
    ), emptied as (
        update exchange.envelope e set sealed = '' from over where e.exchange_id = over.id and e.sealed <> ''
        returning e.exchange_id
    )
    select coalesce(array_agg(exchange_id order by exchange_id), '{}') into done from emptied;
    update exchange.supplement s set sealed = '' where s.exchange_id = any (done);
    return done;
end $$;
create index exchange_settled on exchange.exchange (state_at)
    where state in ('completed', 'failed', 'cancelled', 'expired', 'revoked', 'recalled', 'archived');
