-- The gateway: assertions that were used, tokens that are out, how often somebody calls, answers kept for repeats.

-- An assertion is good once (SMART Backend Services). Rows live until the assertion could no longer be accepted anyway.
create table gateway.jti (
    issuer text not null,
    jti text not null,
    expires_at timestamptz not null,
    primary key (issuer, jti)
);
create index jti_expires on gateway.jti (expires_at);

-- Only the hash of a token is kept; it is bound to the certificate that it was asked for with (RFC 8705).
create table gateway.access_token (
    hash bytea primary key check (length(hash) = 32),
    token_id text not null unique,
    partner_id text not null,
    client_id text not null,
    scopes text[] not null,
    thumbprint text not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null
);
create index access_token_expires on gateway.access_token (expires_at);

-- Theoretical arrival times of the GCRA. A crash empties it: everybody starts rested, which harms nobody.
create unlogged table gateway.rate (
    bucket text primary key,
    arrival timestamptz not null
) with (fillfactor = 50);

-- Answers under an Idempotency-Key, sealed. Without an answer the key only remembers which request it stands for.
create table gateway.idempotency (
    partner_id text not null,
    key text not null,
    fingerprint bytea not null,
    answer bytea,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (partner_id, key)
);
create index idempotency_expires on gateway.idempotency (expires_at);
