-- What a partner tried and was told "no" for (room: identity): keyed hashes only, nobody can read a person out of them.

-- One row per anchor and request; the same request again is the same row, so a repeat is no further try.
create table identity.guess_try (
    partner_id text not null,
    kind text not null check (kind in ('person', 'name', 'card')),
    anchor text collate "C" not null,
    variant text collate "C" not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (partner_id, kind, anchor, variant)
);
create index guess_try_last on identity.guess_try (last_at);

-- A partner's requests per hour; several slots, so that calls at once do not wait for one row.
create table identity.guess_tally (
    partner_id text not null,
    hour timestamptz not null,
    slot smallint not null,
    asked int not null,
    misses int not null,
    near int not null,
    last_at timestamptz,
    primary key (partner_id, hour, slot)
) with (fillfactor = 70);

-- A pattern reached a level: said once, on the ledger and here, where operators see what is still in force.
create table identity.guess_alarm (
    alarm_id bigint generated always as identity primary key,
    partner_id text not null,
    pattern text not null,
    anchor text collate "C" not null default '',
    level smallint not null check (level between 1 and 3),
    tries int not null,
    exchange_id text,
    raised_at timestamptz not null
);
create index guess_alarm_partner on identity.guess_alarm (partner_id, pattern, anchor, raised_at);
create index guess_alarm_raised on identity.guess_alarm (raised_at);

-- A named person found the pattern harmless: what came before counts no more. Nothing is erased for it.
create table identity.guess_pardon (
    partner_id text not null,
    pardoned_at timestamptz not null,
    person text not null,
    reason text not null,
    primary key (partner_id, pardoned_at)
);
