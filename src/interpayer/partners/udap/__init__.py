"""UDAP between payers: trust communities, texts signed with a certificate, our registrations and theirs."""
