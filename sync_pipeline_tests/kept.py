"""What an installation keeps of a value: in its files' bytes, in every table of its warehouse, in its exports."""

from __future__ import annotations

from pathlib import Path

import duckdb


def kept(directory: Path, token: str) -> list[str]:
    """Where a token stands below a directory: files by their bytes, warehouses and exports by every value they hold."""
    found = [str(path) for path in directory.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    for path in directory.rglob("*.duckdb"):
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute(
                "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
            ).fetchall()
            for schema, table in tables:
                rows = connection.execute(f'select * from "{schema}"."{table}"').fetchall()
                found += [f"{path}:{schema}.{table}" for row in rows if token in repr(row)]
    for path in directory.rglob("*.parquet"):
        rows = duckdb.execute("select * from read_parquet(?)", [str(path)]).fetchall()
        found += [str(path) for row in rows if token in repr(row)]
    return found
