"""The JSON door for the plan's own systems and the command line."""
