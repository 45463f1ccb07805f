-- Operations: people and systems with their roles and tokens, and what was loaded when (room: operations).

-- A name is never given to anybody else: the ledger speaks of people by it.
create table operations.person (
    name text primary key,
    kind text not null check (kind in ('person', 'system')),
    roles text[] not null check (cardinality(roles) > 0),
    added_at timestamptz not null,
    added_by text not null,
    revoked_at timestamptz,
    revoked_by text
);
create unique index person_once on operations.person (lower(name));

-- Bearer tokens as SHA-256 only; the token itself was shown once.
create table operations.token (
    sha256 bytea primary key,
    name text not null references operations.person (name),
    made_at timestamptz not null,
    ended_at timestamptz
);
create index token_person on operations.token (name) where ended_at is null;

-- Every load that ended, with its counts; a hold is cleared only after one.
create table operations.load (
    id text primary key,
    kind text not null check (kind in ('fhir', 'enrollments')),
    ended_at timestamptz not null,
    by text not null,
    counts jsonb not null
);
create index load_kind on operations.load (kind, ended_at);
