-- Who tried invitations lately, by address: the one route that needs no login is held to a rate (GCRA).
create table partners.invitation_try (
    bucket text primary key,
    arrival timestamptz not null
);
