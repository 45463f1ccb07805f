"""The index of people: hashed keys, sealed comparable forms, how common values are, and who comes near a query."""
