"""The crash sweep: canonical stories, killed at every call and every commit, and killed again while recovering."""
