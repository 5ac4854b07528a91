"""What people query, as Parquet under data/exports/: any tool reads it at any time, whoever has the warehouse open."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import duckdb

from sync_pipeline.warehouse.tables import scalar

#: By file: what it holds.
TABLES = {
    "plan": "select * from sync.plan where run_id = (select run_id from sync.runs order by number desc limit 1)",
    "problems": "select * from sync.problems",
    "holds": "select * from sync.holds",
    "links": "select * from sync.links",
    "runs": "select * from sync.runs",
    "conflicts": "select * from sync.conflicts",
}
#: By directory, one file for each day: R23.
DAILY = {
    "history": "select event.*, event.happened_at::date as day from sync.history as event",
    "history_values": "select v.*, event.happened_at::date as day "
    "from sync.history_values as v join sync.history as event using (event_id)",
}


def export(connection: duckdb.DuckDBPyConnection, directory: Path, *, since: datetime) -> dict[str, int]:
    """Writes the tables, and the history of the days from that of `since` (UTC) on. Returns rows by name.

    Each file appears whole or not at all; nobody but the owner reads it.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    counts = {name: _copy(connection, query, directory / f"{name}.parquet") for name, query in TABLES.items()}
    for name, query in DAILY.items():
        (directory / name).mkdir(exist_ok=True, mode=0o700)
        days = connection.execute(f"select distinct day from ({query}) where day >= ?::date order by day", [since])
        counts[name] = 0
        for (day,) in days.fetchall():
            selected = f"select * exclude (day) from ({query}) where day = '{day}'::date"
            counts[name] += _copy(connection, selected, directory / name / f"{day}.parquet")
    return counts


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    unfinished = path.with_name(f".{path.name}.unfinished")
    rows = scalar(connection, f"copy ({query}) to '{_quoted(unfinished)}' (format parquet)")
    unfinished.chmod(0o600)
    os.replace(unfinished, path)
    return int(rows)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
