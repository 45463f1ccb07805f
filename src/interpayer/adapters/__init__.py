"""One interface to the plan's sources; one file per kind of source."""
