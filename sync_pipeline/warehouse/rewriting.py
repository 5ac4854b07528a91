"""Writes the warehouse into a new file: what was deleted is then in no freed block of it, nor in its log.

The new file takes the place of the old one in one step, so a crash leaves one of the two, whole."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import duckdb

from sync_pipeline.model.errors import WarehouseUnusable
from sync_pipeline.warehouse.connection import MEMORY_LIMIT, THREADS, is_locked, open_warehouse, unwritable
from sync_pipeline.warehouse.export import quoted

_ATTEMPTS = 5


def rewrite(path: Path, now: datetime) -> None:
    """Copies everything but free blocks, and closes the erasures that waited for it (`finished_at`).

    The caller holds the runner's lock. Raises WarehouseUnusable where other programs keep writing into the file, or the
    copy does not hold what the original does.
    """
    fresh = path.with_name(f"{path.name}.rewritten")
    for _ in range(_ATTEMPTS):
        with open_warehouse(path) as connection:
            connection.execute("checkpoint")
        try:
            if _copied(path, fresh, now):
                return
        except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
            if not is_locked(error):
                raise unwritable(path, error) from error
        finally:
            _removed(fresh)
    raise WarehouseUnusable(
        f"The warehouse {path} is being written by another program, so it cannot be rewritten.",
        remedy="Close what has it open, then run the same command again: it finishes what is left.",
        code="warehouse_locked",
    )


def _copied(path: Path, fresh: Path, now: datetime) -> bool:
    """False where somebody wrote in between."""
    log = path.with_name(f"{path.name}.wal")
    _removed(fresh)
    # In the order of the rows: the history lies in order of time, and is read by day.
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT, "threads": str(THREADS), "preserve_insertion_order": "true",
        "temp_directory": str(path.with_name(f"{path.name}.tmp")),
    }  # fmt: skip
    # Attached for reading it cannot be opened for writing by anybody else until the new file is in its place.
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute(f"attach '{quoted(path)}' as old (read_only)")
        if log.exists():
            return False
        connection.execute(f"attach '{quoted(fresh)}' as fresh")
        fresh.chmod(0o600)
        connection.execute("copy from database old to fresh")
        if _rows(connection, "old") != _rows(connection, "fresh"):
            raise WarehouseUnusable(
                f"The copy of the warehouse {path} does not hold what it holds; it stays as it is.",
                remedy="Make room on its disk and run the same command again.",
                code="warehouse_unwritable",
            )
        connection.execute("update fresh.sync.erasures set finished_at = ? where finished_at is null", [now])
        connection.execute("checkpoint fresh")
        connection.execute("detach fresh")
        with fresh.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(fresh, path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    return True


def _removed(fresh: Path) -> None:
    for left in (fresh, fresh.with_name(f"{fresh.name}.wal")):
        left.unlink(missing_ok=True)


def _rows(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, int]:
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ? order by all", [database]
    ).fetchall()
    return {
        f"{schema}.{table}": int(
            connection.execute(f'select count(*) from {database}.{schema}."{table}"').fetchall()[0][0]
        )
        for schema, table in tables
    }
