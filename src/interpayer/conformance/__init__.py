"""Checks that any partner, or this server itself, can be run against."""
