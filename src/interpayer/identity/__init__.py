"""Which person is meant: evidence, decision, graph and cases."""
