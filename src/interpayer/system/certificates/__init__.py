"""Whom a certificate belongs to and whether it still counts: chains up to anchors we hold, and revocation."""
