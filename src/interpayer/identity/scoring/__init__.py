"""The probabilistic tier: what each agreement is worth, and how much of it is enough."""
