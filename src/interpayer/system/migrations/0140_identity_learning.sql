-- What was trained and calibrated (room: identity): the files in force and those before, so that every version that is
-- named in evidence can still be read. Nothing here is about one person.
create table identity.adopted (
    adopted_id bigint generated always as identity primary key,
    kind text not null check (kind in ('model', 'thresholds')),
    version text not null,
    content text not null,
    adopted_at timestamptz not null default now(),
    adopted_by text not null,
    why text not null,
    superseded_at timestamptz
);
create unique index adopted_once on identity.adopted (kind) where superseded_at is null;

-- Evidence is kept for its time and then goes, oldest first.
create index evidence_at on identity.evidence (at);
