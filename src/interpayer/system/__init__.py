"""The technical floor; it knows no word of the field."""
