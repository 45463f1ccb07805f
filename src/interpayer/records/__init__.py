"""What this plan holds: bodies as bytes beside extracted columns."""
