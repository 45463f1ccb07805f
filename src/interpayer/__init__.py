"""Interpayer: the open payer-to-payer exchange."""
