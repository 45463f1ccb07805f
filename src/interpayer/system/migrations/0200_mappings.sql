-- Mappings that records were made by, each version as it was read: an explanation replays the one of then. Room: adapters.
create table sources.mapping (
    version text primary key,
    form text not null,
    kept_at timestamptz not null default now()
);
