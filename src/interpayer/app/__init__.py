"""The one place where objects are built: tools for the steps, the doors, the worker."""
