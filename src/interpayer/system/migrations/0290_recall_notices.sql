-- A recall reaches the other payers by machine: whom we told and what they answered, and what they told us.

-- The clock of the incident, and where a recall began: at a person here, or at a partner that told us of its own.
alter table exchange.recall
    add column due_at timestamptz,
    add column told_by text,
    add column their_recall text;
update exchange.recall set due_at = opened_at + interval '1 day';
alter table exchange.recall alter column due_at set not null;
create unique index recall_theirs on exchange.recall (told_by, their_recall) where told_by is not null;

create table exchange.recall_recipient (
    recall_id text not null references exchange.recall,
    partner_id text not null,
    state text not null check (state in ('ready', 'sent', 'letter', 'answered', 'silent')),
    sent_at timestamptz,
    reason text,
    reply text,
    replied_at timestamptz,
    replied_by text,
    primary key (recall_id, partner_id)
);

-- Notices of partners as they came, sealed; the same notice again is the same line.
create table exchange.recall_received (
    id text primary key,
    partner_id text not null,
    notice text not null,
    kind text not null check (kind in ('recall', 'reply')),
    received_at timestamptz not null,
    sealed bytea not null,
    handled_at timestamptz,
    outcome text,
    unique (partner_id, notice)
);

-- The plan's own systems are told when what they were given is recalled.
alter table delivery.handoff drop constraint handoff_state_check;
alter table delivery.handoff add constraint handoff_state_check
    check (state in ('ready', 'sent', 'acknowledged', 'differs', 'failed', 'recalled'));
