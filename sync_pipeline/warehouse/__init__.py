"""The warehouse: one DuckDB file with mirrors, links, plan, journal and history; a half that reads, one that writes."""
