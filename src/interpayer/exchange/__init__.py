"""The story of an exchange: one file per role, its durable steps, and the engine they run on."""
