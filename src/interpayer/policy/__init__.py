"""Our own and the regulator's rules, versioned, with reasons."""
