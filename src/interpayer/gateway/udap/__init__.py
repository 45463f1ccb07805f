"""UDAP at the door: signed metadata, dynamic registration, and assertions that bring their certificate."""
