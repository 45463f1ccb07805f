-- What a match grant leaves out of every later read, as the consent and the policy of the match said (room: consent).
alter table consent.match_grant add column limits jsonb not null default '{}';
