"""Where a request goes: capabilities, the chosen route and why."""
