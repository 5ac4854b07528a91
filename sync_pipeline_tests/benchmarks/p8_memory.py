"""P8: the largest that a process's memory gets in an initial load, by the system's accounting once it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sync_pipeline.engine.paths import WAREHOUSE_FILE
from sync_pipeline.warehouse.connection import MEMORY_LIMIT
from sync_pipeline_tests.benchmarks.measure import Finished, Size, finished, same
from sync_pipeline_tests.benchmarks.services import Fill, Services, services
from sync_pipeline_tests.benchmarks.table import Goal, Row

GOAL: Final = Goal(at_most=1024.0)
MIB: Final = 2**20
#: Contacts that are also written: the stand-ins take about a minute for them.
WRITTEN: Final = 10_000
#: What a run that leaves something for a person to look at ends with.
DONE: Final = (0, 1)


def measure(size: Size) -> Iterator[Row]:
    planned = (600,) if size.quick else (1_000_000, 100_000)
    if not size.quick:
        with services(size.directory / "p8-load", Fill(in_salesforce=WRITTEN)) as both:
            yield _loaded(f"P8 initial load of {WRITTEN:,} contacts, read, planned and written", both)[0]
    for number, contacts in enumerate(planned):
        with services(size.directory / f"p8-plan-{number}", Fill(in_salesforce=contacts)) as both:
            name = f"P8 initial load of {contacts:,} contacts, read and planned only"
            row, warehouse = _loaded(name, both, "--plan-only")
            yield row
            if row.figure is not None:
                yield _taken_up(warehouse, contacts, both)
                return


def _loaded(name: str, both: Services, *options: str) -> tuple[Row, Path]:
    """`sync-pipeline run` as a process of its own, without a figure where it fails; and where its warehouse is."""
    settings = both.settings_file("installation")
    command = [str(Path(sys.executable).with_name("sync-pipeline")), "--json", "run", "--yes", *options]
    command += ["--settings", str(settings)]
    ended = finished(command, env={name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"})
    return _row(name, ended, both), settings.with_name("installation") / WAREHOUSE_FILE


def _taken_up(warehouse: Path, contacts: int, both: Services) -> Row:
    take = [sys.executable, "-m", "sync_pipeline_tests.benchmarks.taking_up", str(warehouse)]
    ended = finished(take)
    same("P8, operations taken up for the push", ended.out.strip(), str(contacts))
    return _row(f"P8 the push takes up a plan of {contacts:,} creations, nothing is sent", ended, both)


def _row(name: str, ended: Finished, both: Services) -> Row:
    limit = _mib(MEMORY_LIMIT) + both.page_of_contacts() / MIB
    told = f"{ended.seconds:.0f} s; limit: DuckDB's memory limit and one page of Contacts"
    if ended.code not in DONE:
        told = f"it failed with code {ended.code} when it had grown to {ended.peak_mib:,.0f} MiB; {told}"
    return Row(name, "MiB", ended.peak_mib if ended.code in DONE else None, GOAL, limit, remark=told)


def _mib(limit: str) -> float:
    """DuckDB's MB are of 10**6 bytes."""
    return float(limit.removesuffix("MB")) * 10**6 / MIB
