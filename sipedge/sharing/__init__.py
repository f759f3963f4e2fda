"""Edge processes of one machine that share their addresses, and what they pass to each other."""
