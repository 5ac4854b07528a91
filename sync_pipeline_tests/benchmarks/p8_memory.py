"""P8: the largest that a process's memory gets in an initial load, by the system's accounting once it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sync_pipeline.warehouse.connection import MEMORY_LIMIT
from sync_pipeline_tests.benchmarks.measure import Finished, Size, finished, same
from sync_pipeline_tests.benchmarks.services import Fill, Services, services
from sync_pipeline_tests.benchmarks.table import Goal, Row

GOAL: Final = Goal(at_most=1024.0)
MIB: Final = 2**20
#: What a run that leaves something for a person to look at ends with.
DONE: Final = (0, 1)


def measure(size: Size) -> Iterator[Row]:
    loaded, planned = (100, 1_000) if size.quick else (10_000, 1_000_000)
    with services(size.directory / "p8-load", Fill(in_salesforce=loaded)) as both:
        settings = both.settings_file("installation")
        ended = _ended("run", "--yes", "--settings", str(settings))
        yield _row(f"P8 initial load of {loaded:,} contacts, read, planned and written", ended, both)
    with services(size.directory / "p8-plan", Fill(in_salesforce=planned)) as both:
        settings = both.settings_file("installation")
        ended = _ended("run", "--plan-only", "--yes", "--settings", str(settings))
        yield _row(f"P8 initial load of {planned:,} contacts, read and planned only", ended, both)
        warehouse = settings.with_name("installation") / "warehouse.duckdb"
        take = [sys.executable, "-m", "sync_pipeline_tests.benchmarks.taking_up", str(warehouse)]
        ended = finished(take)
        same("P8, operations taken up for the push", (ended.code, int(ended.out)), (0, planned))
        yield _row(f"P8 the push takes up a plan of {planned:,} creations, nothing is sent", ended, both)


def _ended(*arguments: str) -> Finished:
    command = [str(Path(sys.executable).with_name("sync-pipeline")), "--json", *arguments]
    ended = finished(command, env={name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"})
    same("P8, whether the run ended well", ended.code in DONE, True)
    return ended


def _row(name: str, ended: Finished, both: Services) -> Row:
    limit = _mib(MEMORY_LIMIT) + both.page_of_contacts() / MIB
    return Row(
        name, "MiB", ended.peak_mib, GOAL, limit,
        remark=f"{ended.seconds:.0f} s; limit: DuckDB's memory limit and one page of Contacts",
    )  # fmt: skip


def _mib(limit: str) -> float:
    """DuckDB's MB are of 10**6 bytes."""
    return float(limit.removesuffix("MB")) * 10**6 / MIB
