-- What a token is bound to beside the certificate: one member (PDex names one in `sub`), and the purpose and
-- organization that were asserted to get it (UDAP hl7-b2b).
alter table gateway.access_token
    add column subject text,
    add column asserted jsonb;
