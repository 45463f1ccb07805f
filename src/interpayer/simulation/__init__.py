"""Synthetic members, payers and their faults, for the demo, tests and drills."""
