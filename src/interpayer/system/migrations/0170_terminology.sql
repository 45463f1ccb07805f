-- Code systems, value sets and maps between them (room: terminology), as loaded from files. Codes are facts; what
-- describes them may be licensed and then comes from the customer's own files only.
create schema if not exists terminology;

-- One loaded version of one list. What was loaded last counts where nobody asks for a version.
create table terminology.release (
    release_id bigint generated always as identity primary key,
    kind text not null check (kind in ('code_system', 'value_set', 'concept_map')),
    url text collate "C" not null,
    version text collate "C" not null,
    name text not null,
    -- Of the content; the same content again changes nothing.
    digest text not null,
    -- Complete: a code that is not in it does not exist. A fragment or an example proves nothing by its silence.
    is_complete boolean not null,
    entries int not null,
    loaded_at timestamptz not null default now(),
    loaded_by text not null,
    unique (kind, url, version)
);
create index release_last on terminology.release (url, kind, release_id desc);

-- The codes of a code system.
create table terminology.concept (
    release_id bigint not null references terminology.release on delete cascade,
    code text collate "C" not null,
    display text,
    valid_from date,
    valid_to date,
    is_active boolean not null default true,
    primary key (release_id, code)
);

-- What a value set includes or excludes: one code, a whole system (no code), or another value set.
create table terminology.inclusion (
    release_id bigint not null references terminology.release on delete cascade,
    position int not null,
    is_excluded boolean not null,
    system text collate "C",
    code text collate "C",
    value_set text collate "C",
    -- A rule that is not evaluated here (a filter); then nobody can say what the set holds in full.
    rule text,
    primary key (release_id, position)
);
create index inclusion_code on terminology.inclusion (release_id, system, code);

-- What a code becomes in another system; no target code: the map says that there is none.
create table terminology.target (
    release_id bigint not null references terminology.release on delete cascade,
    position int not null,
    from_system text collate "C" not null,
    from_code text collate "C" not null,
    to_system text collate "C" not null,
    to_code text collate "C",
    to_display text,
    equivalence text not null,
    primary key (release_id, position)
);
create index target_from on terminology.target (release_id, from_system, from_code);
create index target_systems on terminology.target (from_system, from_code);
