"""Code systems and their maps; an unknown code is the state `unmapped`."""
