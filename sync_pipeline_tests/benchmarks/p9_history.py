"""P9: a history of many operations, asked for one contact's story and exported for one day.

Of a day its export is measured, not its marts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.export import export
from sync_pipeline.warehouse.reader import Reader
from sync_pipeline.warehouse.schema import migrate
from sync_pipeline_tests.benchmarks.limits import history_scan
from sync_pipeline_tests.benchmarks.links import FIELDS
from sync_pipeline_tests.benchmarks.measure import Size, fastest, same
from sync_pipeline_tests.benchmarks.table import Goal, Row

FIRST_DAY: Final = date(2025, 1, 1)
DAYS: Final = 365
#: Operations of one contact on average.
EACH: Final = 10
OF_A_SCAN: Final = 1.5
STORY_SECONDS: Final = 0.5


def measure(size: Size) -> Iterator[Row]:
    yield from asked(size.directory / "p9", 100_000 if size.quick else 10_000_000, size.seed)


def asked(directory: Path, operations: int, seed: int) -> Iterator[Row]:
    """Fills a history and asks it. Raises DifferentOutput where a scan gives something else."""
    directory.mkdir(parents=True)
    warehouse, exports = directory / "warehouse.duckdb", directory / "exports"
    contact, item = _fill(warehouse, operations, seed)
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    with open_warehouse(warehouse, read_only=True) as connection:
        reader = Reader(connection)
        ours, limit = fastest(
            3,
            lambda: reader.history(contact_keys=[contact, item]),
            lambda: history_scan.story(connection, contact, item),
        )
        events = reader.history(contact_keys=[contact, item])
        same("P9, one contact's story", events, history_scan.story(connection, contact, item))
        yield Row(
            f"P9 one contact's story among {operations:,} operations", "s", ours,
            Goal(of_limit=OF_A_SCAN, at_most=STORY_SECONDS), limit,
            remark=f"{len(events)} events; limit: a scan of the same columns",
        )  # fmt: skip
    with open_warehouse(warehouse) as connection:
        since = datetime.combine(last, datetime.min.time())
        ours, limit = fastest(
            3, lambda: export(connection, exports, since=since), lambda: history_scan.day(connection, last)
        )
        for table, scanned in (("history", "day_events"), ("history_values", "day_values")):
            file = f"read_parquet('{exports / table / f'{last}.parquet'}')"
            same(f"P9, the exported {table}", _difference(connection, file, scanned), 0)
        [(count,)] = connection.execute("select count(*) from day_events").fetchall()
        yield Row(
            f"P9 export of one day of {operations:,} operations", "s", ours,
            Goal(of_limit=OF_A_SCAN), limit, remark=f"{count:,} operations; limit: a scan of the same columns",
        )  # fmt: skip


def _fill(path: Path, operations: int, seed: int) -> tuple[str, str]:
    """A Contact and its item that have events."""
    with duckdb.connect(str(path)) as connection:
        migrate(connection, FIELDS)
        numbers = {"operations": operations, "contacts": max(1, operations // EACH), "days": DAYS, "seed": seed}
        for name, number in numbers.items():
            connection.execute(f"set variable {name} = {number}")
        connection.execute(Path(__file__).with_name("history.sql").read_text(encoding="utf-8"))
        [(contact, item)] = connection.execute(
            "select salesforce_id, outlook_id from sync.history order by happened_at desc, event_id limit 1"
        ).fetchall()
    return contact, item


def _difference(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> int:
    """Rows that stand in one of two relations only."""
    query = (
        f"select count(*) from ((from {one} except all from {other}) union all (from {other} except all from {one}))"
    )
    [(count,)] = connection.execute(query).fetchall()
    return int(count)
