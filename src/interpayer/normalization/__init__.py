"""From many source shapes to one canonical record, conflicts shown."""
