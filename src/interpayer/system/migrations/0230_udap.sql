-- UDAP: what a partner said when it registered over the network, and where we are registered ourselves.

-- One row per partner that came this way. It says what the partner claims and by which certificate; what it may do
-- stands in partners.partner, where a person puts it.
create table partners.udap_registration (
    partner_id text primary key references partners.partner (id),
    community text not null,
    uri text not null,
    -- The certificate by which it registered last, whole (UDAP Dynamic Client Registration 5.1).
    certificate bytea not null,
    thumbprint text not null,
    software_statement text not null,
    client_name text not null,
    contacts text[] not null,
    scopes text[] not null,
    -- Certifications as they came, each with what was found out about it; they are passed on, and decide nothing alone.
    certifications jsonb not null default '[]',
    registered_at timestamptz not null,
    changed_at timestamptz not null,
    cancelled_at timestamptz
);

-- Which of the payers that a partner acts for is meant by an organization_id (a URI) of its hl7-b2b; put by a person.
-- An organization_id that is spelled like an identifier itself needs no row.
create table partners.udap_organization (
    partner_id text not null references partners.partner (id),
    uri text not null,
    identifier text not null,
    added_by text not null,
    added_at timestamptz not null default now(),
    primary key (partner_id, uri)
);

-- Our registrations at partners' servers. The newest that is not cancelled counts for its FHIR base.
create table partners.udap_membership (
    id bigint generated always as identity primary key,
    partner_id text not null references partners.partner (id),
    fhir_base text not null,
    community text not null,
    uri text not null,
    client_id text not null,
    scopes text[] not null,
    registered_at timestamptz not null,
    registered_by text not null,
    cancelled_at timestamptz
);
create unique index udap_membership_once on partners.udap_membership (partner_id, fhir_base) where cancelled_at is null;

-- A registration over the network makes a partner that may do nothing. The door has no other right to make one, and
-- none to change what a person agreed.
create function partners.udap_invite(p_id text, p_name text, p_client_id text, p_scopes text[], p_contact text,
                                     p_environment text, p_community text, p_uri text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into partners.partner (id, name, status, client_id, scopes, jwks, environment, attested_by_contract, contact,
                                  assertion_style, algorithm, origin, udap_community, udap_uri)
    values (p_id, p_name, 'invited', p_client_id, p_scopes, '{"keys": []}', p_environment, false, p_contact,
            'client', 'RS384', 'udap', p_community, p_uri);
    insert into partners.history (partner_id, change, status_to, by) values (p_id, 'registered', 'invited', 'udap');
end $$;

-- What a partner may do to itself by a later statement: rest, come back as somebody to be looked at, or be noted.
create function partners.udap_move(p_id text, p_change text, p_status text, p_scopes text[]) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_before text;
begin
    select status into v_before from partners.partner where id = p_id and origin = 'udap' for update;
    if v_before is null then
        raise exception 'not a partner that registered itself' using errcode = 'insufficient_privilege';
    end if;
    if p_status is distinct from v_before and p_status is not null then
        if (v_before, p_status) not in (('invited', 'suspended'), ('testing', 'suspended'), ('active', 'suspended'),
                                        ('quarantined', 'suspended'), ('suspended', 'invited')) then
            raise exception 'a partner cannot move itself there' using errcode = 'insufficient_privilege';
        end if;
        update partners.partner set status = p_status, changed_at = now() where id = p_id;
    end if;
    -- Until a person looked at it, its wish is all there is; afterwards what was agreed stands.
    if coalesce(p_status, v_before) = 'invited' and p_scopes is not null then
        update partners.partner set scopes = p_scopes, changed_at = now() where id = p_id;
    end if;
    insert into partners.history (partner_id, change, status_from, status_to, by)
    values (p_id, p_change, v_before, coalesce(p_status, v_before), 'udap');
    return v_before;
end $$;
