-- How fast an endpoint was called lately, so that being throttled teaches a pace.
alter table routing.pace
    add column window_started_at timestamptz,
    add column window_calls int not null default 0;
