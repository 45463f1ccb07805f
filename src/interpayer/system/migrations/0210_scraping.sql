-- What partners did at the door besides what was answered (room: partners). Nobody can be read out of it: addresses
-- are kept as keyed hashes.

-- An address that a partner asked for and has no part in. Counts only; a crash may forget them.
create unlogged table partners.missed (
    partner_id text not null,
    mark text collate "C" not null,
    is_counting boolean not null,
    at timestamptz not null,
    primary key (partner_id, mark)
);
create index missed_at on partners.missed (at);

-- A partner's calls per day (UTC): what is usual for it.
create table partners.calls (
    partner_id text not null,
    day date not null,
    number bigint not null,
    primary key (partner_id, day)
);

-- A pattern reached a level: said once on the ledger, and here, where operators see what is in force.
create table partners.alarm (
    alarm_id bigint generated always as identity primary key,
    partner_id text not null,
    pattern text not null check (pattern in ('missing', 'counting', 'volume')),
    level smallint not null check (level between 1 and 3),
    number bigint not null,
    raised_at timestamptz not null,
    last_at timestamptz not null,
    pardoned_at timestamptz
);
create index alarm_last on partners.alarm (last_at);
create index alarm_partner on partners.alarm (partner_id, pattern);
