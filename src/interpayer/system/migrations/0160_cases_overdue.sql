-- A case whose promised time passed is flagged once (room: identity).
alter table identity.review_case add column overdue_at timestamptz;
create index case_not_yet_overdue on identity.review_case (due_at)
    where overdue_at is null and state in ('open', 'assigned');
