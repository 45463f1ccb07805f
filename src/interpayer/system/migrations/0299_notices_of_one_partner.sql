-- The door sees notices of recalls of the partner that it serves, as everything else that belongs to partners (0280).
alter table exchange.recall_received enable row level security;
create policy partner_served on exchange.recall_received to interpayer_door
    using (partner_id = current_setting('interpayer.partner', true))
    with check (partner_id = current_setting('interpayer.partner', true));
create policy every_partner on exchange.recall_received to interpayer_worker, interpayer_operator
    using (true) with check (true);
