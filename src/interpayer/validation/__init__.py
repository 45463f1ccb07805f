"""The built-in contract and the profiles that records are checked against."""
