"""What makes work durable: the fence of steps, leases, dead letters, parking; the engine itself only dispatches."""
