-- Null: no line of the member was written yet.
alter table exchange.job_member alter column limits drop not null, alter column limits drop default;
update exchange.job_member set limits = null;
