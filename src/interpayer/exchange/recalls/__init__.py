"""Recalls: a wrong release contained, scoped, told to those who got it, and heard from those who gave it."""
