"""What a report is about, one run or one day (UTC), and what the warehouse says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from sync_pipeline.engine.run_ids import resolve_run
from sync_pipeline.warehouse.reader import Reader
from sync_pipeline.warehouse.tables import fetch

Rows = list[dict[str, Any]]
#: So many days up to the report's own are shown beside it.
TREND_DAYS = 30


@dataclass(frozen=True)
class Scope:
    """`run_id` is None for a day; `first` to before `until` is the run's time, or the day's (UTC)."""

    name: str
    title: str
    run_id: str | None
    first: datetime
    until: datetime

    @property
    def day(self) -> date:
        """The last day that it touches."""
        return (self.until - timedelta(microseconds=1)).date()


def of_run(connection: duckdb.DuckDBPyConnection, run_id: str) -> Scope:
    """`run_id` may be the beginning of one. Raises SettingsInvalid where no run is known by it."""
    reader = Reader(connection)
    run_id = resolve_run(reader, run_id)
    run = reader.run(run_id) or {}
    first: datetime = run["started_at"]
    ended: datetime = run["finished_at"] or first
    until = max(ended, first) + timedelta(seconds=1)
    return Scope(f"run-{run_id}", f"Run {run_id}, {first:%Y-%m-%d %H:%M} UTC: {run['status']}", run_id, first, until)


def of_day(day: date) -> Scope:
    """A day in UTC; the one in progress as far as it has got."""
    first = datetime.combine(day, time.min)
    return Scope(day.isoformat(), f"{day:%A, %d %B %Y} (UTC)", None, first, first + timedelta(days=1))


def newest_day(connection: duckdb.DuckDBPyConnection) -> date | None:
    """The day of the last run; None where there was none."""
    run = Reader(connection).run()
    started: datetime | None = run["started_at"] if run else None
    return started.date() if started else None


def nothing_of(connection: duckdb.DuckDBPyConnection, scope: Scope) -> str:
    """Why the report of a day is empty, in a sentence; "" where a run or the history tells of it."""
    told = fetch(
        connection,
        "select 1 from sync.runs where started_at < $until and coalesce(finished_at, started_at) >= $first "
        "union all select 1 from sync.history where happened_at >= $first and happened_at < $until limit 1",
        {"first": scope.first, "until": scope.until},
    )
    if scope.run_id is not None or told:
        return ""
    [known] = fetch(connection, "select min(started_at) as first, max(started_at) as last from sync.runs")
    between = f"the known runs are of {known['first']:%Y-%m-%d} to {known['last']:%Y-%m-%d}" if known["first"] else ""
    return f"There is nothing of this day: no run was then, and nothing was done{'; ' if between else ''}{between}."


def read(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Mapping[str, Rows]:
    """The rows of every query of `sql/`, by its name."""
    moments: dict[str, Any] = {
        "run": scope.run_id,
        "first": scope.first,
        "until": scope.until,
        "last": scope.day,
        "since": scope.day - timedelta(days=TREND_DAYS - 1),
    }
    found = {}
    for name, text in _queries().items():
        found[name] = fetch(connection, text, {key: value for key, value in moments.items() if f"${key}" in text})
    return found


@cache
def _queries() -> dict[str, str]:
    folder = Path(__file__).parent / "sql"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
