-- Cases and the graph (room: identity): risk beside age, two names where the limits ask, decisions that can be undone,
-- labels for calibration; links with source, confidence, dates and judge, superseded and never erased.

-- risk: how much is at stake if this is decided wrongly, 0 to 100. score: the best candidate's, in bits;
-- two_names_below: a "same" about a candidate below it needs two names; null: one is enough.
alter table identity.review_case add column risk smallint not null default 40 check (risk between 0 and 100);
alter table identity.review_case add column score double precision;
alter table identity.review_case add column two_names_below double precision;
alter table identity.review_case add column rule_version text;
alter table identity.review_case add column model_version text;
alter table identity.review_case add column threshold_version text;
update identity.review_case set risk = case kind when 'recall' then 100 when 'conflict' then 70 when 'policy' then 20 else 40 end;
create index case_by_kind on identity.review_case (kind, state);

-- What each person said about a case. A case is decided when enough names agree; what is undone stays readable.
create table identity.case_ruling (
    ruling_id bigint generated always as identity primary key,
    case_id text not null references identity.review_case (case_id),
    person text not null,
    decision text not null check (decision in ('same', 'different', 'undecidable')),
    member_id text,
    reason text not null,
    note text,
    given_at timestamptz not null default clock_timestamp(),
    superseded_at timestamptz,
    superseded_by text,
    superseded_why text
);
-- Two names are two people: nobody counts twice.
create unique index case_ruling_once on identity.case_ruling (case_id, lower(person)) where superseded_at is null;
create index case_ruling_case on identity.case_ruling (case_id, given_at);

-- What people decided about pairs, with the numbers of that day and without a value: what calibration learns from.
create table identity.label (
    label_id bigint generated always as identity primary key,
    case_id text not null references identity.review_case (case_id),
    evidence_id text,
    member_id text not null,
    decision text not null check (decision in ('same', 'different', 'undecidable')),
    score double precision,
    personal double precision,
    household double precision,
    comparisons jsonb not null,
    rule_version text,
    model_version text,
    threshold_version text,
    names smallint not null default 1,
    decided_at timestamptz not null default clock_timestamp(),
    superseded_at timestamptz
);
create unique index label_once on identity.label (case_id, member_id) where superseded_at is null;

-- Judgements about two members are the edges of the graph.
alter table identity.judgement add column source text not null default 'person';
alter table identity.judgement add column confidence real not null default 1 check (confidence between 0 and 1);
alter table identity.judgement add column effective_from date;
alter table identity.judgement add column effective_to date;
alter table identity.judgement add column superseded_by text;
alter table identity.judgement add column superseded_why text;
alter table identity.judgement add constraint judgement_dates check (effective_from <= effective_to);
alter table identity.judgement add constraint judgement_of_two check (kind <> 'person' or subject <> member_id);
create index judgement_member on identity.judgement (member_id) where kind = 'person';
create index judgement_case on identity.judgement (case_id) where case_id is not null;

-- Links of outside ids: the issuer gives an id its meaning, the value is sealed, `hash` finds it.
alter table identity.link add column issuer text;
alter table identity.link add column sealed bytea;
alter table identity.link add column confidence real not null default 1 check (confidence between 0 and 1);
alter table identity.link add column effective_from date;
alter table identity.link add column effective_to date;
alter table identity.link add column judged_by text;
alter table identity.link add column why text;
alter table identity.link add column superseded_by text;
alter table identity.link add column superseded_why text;
alter table identity.link add constraint link_dates check (effective_from <= effective_to);

-- Never erased, only superseded: what was said stays as it was said, for whoever asks the table.
create function identity.only_superseded() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    free constant text[] := array['superseded_at', 'superseded_by', 'superseded_why', 'effective_to'];
begin
    if tg_op = 'UPDATE' and old.superseded_at is null and to_jsonb(new) - free = to_jsonb(old) - free then
        return new;
    end if;
    raise exception 'what was judged is superseded, never changed or erased' using errcode = 'insufficient_privilege';
end $$;
create trigger only_superseded before update or delete on identity.link
    for each row execute function identity.only_superseded();
create trigger only_superseded before update or delete on identity.judgement
    for each row execute function identity.only_superseded();
create trigger only_superseded before update or delete on identity.case_ruling
    for each row execute function identity.only_superseded();
create trigger only_superseded before update or delete on identity.label
    for each row execute function identity.only_superseded();
