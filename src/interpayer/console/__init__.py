"""The HTML door for the plan's people."""
