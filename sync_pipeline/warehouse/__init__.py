"""The warehouse: one DuckDB file with the mirrors, the links, the plan, the journal and the history; read and write halves."""
