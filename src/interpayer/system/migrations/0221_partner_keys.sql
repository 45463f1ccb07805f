-- Key sets as partners publish them: fetched by one process for all, kept as long as the partner allows.
create table partners.published_keys (
    partner_id text primary key references partners.partner (id),
    url text not null,
    jwks jsonb,
    fetched_at timestamptz,
    fresh_until timestamptz,
    asked_at timestamptz not null,
    -- Whoever fetches has it until then; the others wait for what comes.
    asking_until timestamptz not null,
    failing_since timestamptz,
    failure text
);

-- Our own keys for assertions. The private part is sealed with a data key that the KEK wraps; the same set is
-- published by every machine of this installation.
create table partners.own_key (
    kid text primary key,
    algorithm text not null check (algorithm in ('ES384', 'RS384')),
    state text not null check (state in ('next', 'active', 'retiring', 'revoked')),
    public jsonb not null,
    wrapped bytea,
    sealed bytea,
    made_at timestamptz not null default now(),
    state_since timestamptz not null default now(),
    by text not null,
    -- A key that is over keeps its id and its public part, for what it signed; the private part goes.
    check ((state = 'revoked') = (sealed is null))
);
-- One key signs for each algorithm, and at most one waits.
create unique index own_key_one_active on partners.own_key (algorithm) where state = 'active';
create unique index own_key_one_next on partners.own_key (algorithm) where state = 'next';

create view partners.own_public_key as
    select kid, algorithm, state, public, made_at, state_since from partners.own_key;
