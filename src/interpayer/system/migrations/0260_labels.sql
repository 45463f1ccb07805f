-- Why a record is sensitive (room: records). Null in labels_version: nobody looked yet.
alter table records.record
    add column labels text[] not null default '{}',
    add column labels_version text,
    -- What its own source's form carries, where what goes out is made of several.
    add column own_labels text[];
create index record_labeled on records.record (member_id) where labels <> '{}';

-- Under which limits a member's lines were written: a file never outlives them (room: exchange).
alter table exchange.job_member add column limits jsonb not null default '{}';
