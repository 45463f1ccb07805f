"""The append-only, tamper-evident ledger: append, link, prove."""
