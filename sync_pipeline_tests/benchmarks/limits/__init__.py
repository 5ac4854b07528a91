"""The least that each benchmark's work can cost."""
