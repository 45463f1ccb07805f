"""Rows: delimited files with their joins, SQL databases by queries (docs/reference/sources/tables.md)."""
