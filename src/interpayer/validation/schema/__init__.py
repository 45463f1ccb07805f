"""Profiles as JSON Schema 2020-12: each constraint that JSON Schema can say, with the words for when it is broken."""
