-- A restore is told on the ledger, once, by the first worker that finds it.
alter table operations.hold add column told_at timestamptz;
update operations.hold set told_at = since;
