"""Documents as they lie in a store: C-CDA, PDF, images, text (docs/reference/sources/documents.md)."""
