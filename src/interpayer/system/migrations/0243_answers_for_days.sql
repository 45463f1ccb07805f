-- From which day until which an endpoint answers for a payer: as its partner acts for it; null: no end on that side.
alter table routing.answers_for
    add column since date,
    add column until date;
