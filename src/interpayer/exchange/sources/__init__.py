"""From what a source has to records of ours: the same way for loads, for live questions and for trying out."""
