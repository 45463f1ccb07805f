"""Reading, mapping and checking, each against a baseline measured in the same run."""
