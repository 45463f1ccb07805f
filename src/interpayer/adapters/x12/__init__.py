"""X12 005010 files (837, 835, 834, 278) as records: one per claim, payment, member and patient event."""
