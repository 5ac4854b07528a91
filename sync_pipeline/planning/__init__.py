"""Planning: tables in, tables out. No clock, no randomness, no network; every join runs over all mailboxes at once."""
