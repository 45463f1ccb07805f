"""Measurements: ratios against a baseline of the same run, never absolute numbers alone."""
