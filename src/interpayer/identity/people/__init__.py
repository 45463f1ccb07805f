"""The graph of people: which members hang together, and every id that names them, now and before."""
