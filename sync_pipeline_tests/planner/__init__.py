"""The planner's SQL against a plain-Python oracle: every combination of states, and random stories."""
