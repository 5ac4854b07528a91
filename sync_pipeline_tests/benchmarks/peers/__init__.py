"""Other ways to do the same work."""
