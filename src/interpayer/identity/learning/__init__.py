"""Learning from the plan's own records: how alike one person's records are, and how much evidence is enough."""
