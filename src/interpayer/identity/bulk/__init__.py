"""Whole files of members and of queries: several processes, chunk by chunk, resumed where they stopped."""
