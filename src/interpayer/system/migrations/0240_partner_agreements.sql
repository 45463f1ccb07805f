-- What is agreed with a partner: whom it acts for and since when, contacts, limits, contract, certificates, the gate.

-- Dates and proof of "acts for" (exchange.md section 2). A payer has one partner at a time; when a vendor follows
-- another, both rows stand, with their dates.
alter table partners.organization
    add column since date not null default (now() at time zone 'UTC')::date,
    add column until date,
    add column proof text,
    add column line_of_business text,
    add constraint organization_ends_later check (until is null or until >= since);
drop index partners.organization_once;
-- Ranges alone, so that no extension is needed: the hash of the identifier as a range of one number.
alter table partners.organization
    add constraint organization_once exclude using gist (
        numrange(hashtextextended(identifier, 0)::numeric, hashtextextended(identifier, 0)::numeric, '[]') with &&,
        daterange(since, until, '[]') with &&
    ) where (live);

alter table partners.partner
    -- SANs that its client certificates may carry; empty: any name, when its thumbprint is listed.
    add column certificate_names text[] not null default '{}',
    add column limits jsonb not null default '{}',
    add column pace jsonb not null default '{}',
    add column contract jsonb not null default '{}',
    add column profile jsonb not null default '{}',
    -- How it came: a person's registration, an invitation, UDAP.
    add column origin text not null default 'person' check (origin in ('person', 'invitation', 'udap')),
    add column udap_uri text,
    add column udap_community text;
-- One living partner per community and name; one that has retired may come again under a new client id.
create unique index partner_udap_once on partners.partner (udap_community, udap_uri) where status <> 'retired';

create table partners.contact (
    partner_id text not null references partners.partner (id),
    position int not null,
    role text not null check (role in ('incident', 'privacy', 'technical', 'business')),
    name text not null,
    email text,
    phone text,
    primary key (partner_id, position),
    check (email is not null or phone is not null)
);

-- Client certificates one by one: those given whole tell when they expire; `leaves_at` ends one that was replaced.
create table partners.certificate (
    partner_id text not null references partners.partner (id),
    thumbprint text not null,
    subject text,
    names text[] not null default '{}',
    issuer text,
    starts_at timestamptz,
    expires_at timestamptz,
    leaves_at timestamptz,
    added_at timestamptz not null default now(),
    added_by text not null,
    primary key (partner_id, thumbprint)
);
insert into partners.certificate (partner_id, thumbprint, added_by)
    select id, unnest(certificates), 'migration' from partners.partner;

-- Keys that were replaced and still count for a while.
create table partners.leaving_key (
    partner_id text not null references partners.partner (id),
    kid text not null,
    leaves_at timestamptz not null,
    primary key (partner_id, kid)
);

-- One-time tokens by which a partner hands in its own registration; only their hashes.
create table partners.invitation (
    id text primary key,
    partner_id text not null references partners.partner (id),
    secret_hash bytea not null unique,
    expires_at timestamptz not null,
    made_by text not null,
    made_at timestamptz not null default now(),
    used_at timestamptz
);

-- What was tried against a partner's endpoint, check by check; the latest run counts for the gate.
create table partners.trial (
    id bigint generated always as identity primary key,
    partner_id text not null references partners.partner (id),
    run text not null,
    at timestamptz not null default now(),
    endpoint_id text,
    check_name text not null,
    state text not null check (state in ('passed', 'failed', 'skipped')),
    words text not null,
    by text not null
);
create index trial_partner on partners.trial (partner_id, id);

-- Samples of what a partner sends, good and malformed, sealed: they become checks of our readers.
create table partners.sample (
    id text primary key,
    partner_id text not null references partners.partner (id),
    kind text not null,
    is_good boolean not null,
    name text not null,
    sha256 text not null,
    sealed bytea not null,
    added_at timestamptz not null default now(),
    added_by text not null,
    unique (partner_id, sha256)
);

-- What working with a partner taught: by a person, or counted by a process.
create table partners.lesson (
    id text primary key,
    partner_id text not null references partners.partner (id),
    topic text not null,
    words text not null,
    learned_at timestamptz not null default now(),
    learned_by text not null,
    exchange_id text,
    closed_at timestamptz,
    closed_by text
);
create index lesson_partner on partners.lesson (partner_id, learned_at);

-- Warnings about what runs out, each given once.
create table partners.warned (
    partner_id text not null references partners.partner (id),
    what text not null,
    days int not null,
    at timestamptz not null default now(),
    primary key (partner_id, what, days)
);

-- Organizations, keys and certificates as they count now (UTC days); what is past or yet to come is in the tables.
-- `is_pinned` stays true when every certificate has run out: a list that empties itself must not open the door.
drop view partners.known;
create view partners.known as
    select p.id, p.name, p.status, p.client_id, p.scopes, p.jwks_url, p.environment, p.attested_by_contract,
           p.contact, p.our_client_id, p.assertion_style, p.algorithm, p.certificate_names, p.limits, p.pace,
           p.contract, p.profile, p.origin, p.udap_uri, p.udap_community, p.created_at, p.changed_at,
           jsonb_build_object('keys', coalesce(
               (select jsonb_agg(k.key order by k.position)
                  from jsonb_array_elements(p.jwks -> 'keys') with ordinality as k (key, position)
                 where not exists (select from partners.leaving_key l where l.partner_id = p.id
                                     and l.kid = k.key ->> 'kid' and l.leaves_at <= now())), '[]'::jsonb)) as jwks,
           coalesce((select array_agg(c.thumbprint order by c.added_at, c.thumbprint) from partners.certificate c
                      where c.partner_id = p.id and (c.leaves_at is null or c.leaves_at > now())
                        and (c.expires_at is null or c.expires_at > now())), '{}') as certificates,
           exists (select from partners.certificate c where c.partner_id = p.id) as is_pinned,
           coalesce((select array_agg(o.identifier order by o.position) from partners.organization o
                      where o.partner_id = p.id and o.since <= (now() at time zone 'UTC')::date
                        and (o.until is null or o.until >= (now() at time zone 'UTC')::date)), '{}') as organizations
    from partners.partner p;

-- The list of thumbprints lives in partners.certificate now; a process of the version before still writes the column.
create function partners.keep_certificates() returns trigger language plpgsql as $$
begin
    insert into partners.certificate (partner_id, thumbprint, added_by)
        select new.id, unnest(new.certificates), 'registration' on conflict do nothing;
    return null;
end $$;
create trigger keep_certificates after insert or update of certificates on partners.partner
    for each row when (cardinality(new.certificates) > 0) execute function partners.keep_certificates();

-- The pace of calls to an endpoint, shared by all workers: GCRA, and a rest that the partner asked for.
create table routing.pace (
    endpoint_id text primary key references routing.endpoint (endpoint_id),
    arrival timestamptz,
    rest_until timestamptz,
    -- Learnt from being throttled: calls a minute that it seems to bear; null: no limit was met yet.
    learned_per_minute double precision,
    throttled int not null default 0,
    changed_at timestamptz not null default now()
);
