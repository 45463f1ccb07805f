"""Mappings as data: read, checked, compiled to one function each, explained (docs/reference/mapping-language.md)."""
