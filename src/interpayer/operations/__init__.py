"""Every act of a named person or own system: load, decide, save, event, in one transaction."""
