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
    "history": "select event.* from sync.history as event",
    "history_values": "select v.* from sync.history_values as v join sync.history as event using (event_id)",
}
#: As a range, because the history lies in order of time: DuckDB then reads the blocks of that day only.
_OF_DAY = "event.happened_at >= '{day}'::timestamp and event.happened_at < '{day}'::timestamp + interval 1 day"


def export(connection: duckdb.DuckDBPyConnection, directory: Path, *, since: datetime) -> dict[str, int]:
    """Writes the tables, and the history of the days from that of `since` (UTC) on. Returns rows by name.

    Each file appears whole or not at all; nobody but the owner reads it.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    counts = {name: write_parquet(connection, query, directory / f"{name}.parquet") for name, query in TABLES.items()}
    days = connection.execute(
        "select distinct happened_at::date as day from sync.history where happened_at >= ?::date order by day", [since]
    ).fetchall()
    for name, query in DAILY.items():
        (directory / name).mkdir(exist_ok=True, mode=0o700)
        written = (
            write_parquet(connection, f"{query} where {_OF_DAY.format(day=day)}", directory / name / f"{day}.parquet")
            for (day,) in days
        )
        counts[name] = sum(written)
    return counts


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """The result of a query as a file that appears whole or not at all; nobody but the owner reads it. Returns rows."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    rows = scalar(connection, f"copy ({query}) to '{_quoted(unfinished)}' (format parquet)")
    unfinished.chmod(0o600)
    os.replace(unfinished, path)
    return int(rows)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
