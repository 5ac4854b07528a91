"""`python -m sync_pipeline_tests.benchmarks.profile [--links N] [--quiet] [--full]`: a plan's time, by statement."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import duckdb

from sync_pipeline.planning import plan
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.writer import Writer
from sync_pipeline_tests.benchmarks.links import FIELDS, NOW, RUN, Links, plan_context

SHOWN = 25
_SUBJECT = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*"
    r"(?P<verb>create or replace (?:temp )?(?:table|view|macro)|insert into|update|delete from|begin|commit|select)"
    r"\s*(?P<name>[\w.]*)",
    re.IGNORECASE,
)


class TimedConnection:
    """A connection that runs a script statement by statement and keeps the seconds of each."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seconds: dict[str, float]) -> None:
        self._connection, self._seconds = connection, seconds
        self.stage = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, query: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        """As the connection's own."""
        if parameters is not None:
            return self._timed(query, lambda: self._connection.execute(query, parameters))
        for statement in self._connection.extract_statements(query):
            self._timed(statement.query, lambda one=statement: self._connection.execute(one))
        return self._connection

    def _timed(self, query: str, call: Any) -> duckdb.DuckDBPyConnection:
        began = time.perf_counter()
        call()
        match = _SUBJECT.match(query)
        label = f"{match['verb'].lower()} {match['name']}" if match else " ".join(query.split())[:50]
        self._seconds[f"{self.stage}: {label}"] += time.perf_counter() - began
        return self._connection


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sync_pipeline_tests.benchmarks.profile", description=__doc__)
    parser.add_argument("--links", type=int, default=100_000)
    parser.add_argument("--full", action="store_true", help="every link is compared, not only what was touched")
    parser.add_argument("--quiet", action="store_true", help="nothing changed, instead of 1 %% on each side")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as directory:
        links = Links(Path(directory) / "profile.duckdb", options.links, 1)
        if not options.quiet:
            links.change()
        seconds, stages = statements(links, full=options.full)
    total = sum(stages.values())
    print(
        f"{options.links:,} links, {'nothing changed' if options.quiet else '1 % changed on each side'}: {total:.2f} s"
    )
    for stage, spent in stages.items():
        print(f"  {stage:<72}{spent:8.2f} s {spent / total:6.1%}")
    print("by statement:")
    for label, spent in sorted(seconds.items(), key=lambda entry: -entry[1])[:SHOWN]:
        print(f"  {label:<72.72}{spent:8.2f} s {spent / total:6.1%}")
    return 0


def statements(links: Links, *, full: bool = False) -> tuple[dict[str, float], dict[str, float]]:
    """One plan of them: seconds by statement, and by stage, what opening and closing the file takes included."""
    seconds: dict[str, float] = defaultdict(float)
    stages: dict[str, float] = {}
    context = replace(plan_context(), full=full)
    for stage in (plan.match_contacts, plan.compare_fields, plan.resolve_companies, plan.build_plan):
        began = time.perf_counter()
        with open_warehouse(links.path) as opened:
            timed = TimedConnection(opened, seconds)
            timed.stage = stage.__name__
            connection = cast(duckdb.DuckDBPyConnection, timed)
            stage(connection, context)
            if stage is plan.build_plan:
                timed.stage = "record_plan"
                Writer(connection, FIELDS).record_plan(RUN, NOW, plan_only=True)
        stages[stage.__name__] = time.perf_counter() - began
        own = (f"{stage.__name__}:", "record_plan:") if stage is plan.build_plan else (f"{stage.__name__}:",)
        told = sum(spent for label, spent in seconds.items() if label.startswith(own))
        seconds[f"{stage.__name__}: opening, closing, Python"] = stages[stage.__name__] - told
    return dict(seconds), stages


if __name__ == "__main__":
    sys.exit(main())
