-- Exchanges whose content counts no more (recalled, or not our member's after all): what came by none but these is
-- served no more, however many of them brought it. Arrivals themselves are never changed.
create table records.set_aside (
    exchange_id text primary key,
    at timestamptz not null
);
insert into records.set_aside (exchange_id, at)
select distinct exchange_id, quarantined_at from records.record
where quarantined_at is not null and exchange_id is not null
on conflict do nothing;
