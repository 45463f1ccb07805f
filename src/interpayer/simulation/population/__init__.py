"""Populations to measure identity by: what a plan holds, what is asked, and who is meant."""
