"""`python -m sync_pipeline_tests.benchmarks [--quick] [--seed S] [--only P3] [--json]`: P1–P9 beside limit and peer."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from sync_pipeline_tests.benchmarks import (
    p1_plan,
    p2_quiet_plan,
    p3_accounts,
    p4_initial_load,
    p5_quiet_run,
    p6_latency,
    p7_job,
    p8_memory,
    p9_history,
)
from sync_pipeline_tests.benchmarks.measure import Size
from sync_pipeline_tests.benchmarks.table import Row, document, machine, show

BENCHMARKS: Final[Mapping[str, Callable[[Size], Iterator[Row]]]] = {
    "P1": p1_plan.measure,
    "P2": p2_quiet_plan.measure,
    "P3": p3_accounts.measure,
    "P4": p4_initial_load.measure,
    "P5": p5_quiet_run.measure,
    "P6": p6_latency.measure,
    "P7": p7_job.measure,
    "P8": p8_memory.measure,
    "P9": p9_history.measure,
}


def main() -> int:
    """0 only where every figure keeps its goal."""
    parser = argparse.ArgumentParser(prog="python -m sync_pipeline_tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute for all")
    parser.add_argument("--seed", type=int, default=1, help="of the data (default 1)")
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="this one; may be given again")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    measured_on = machine()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as directory:
        for name in options.only or BENCHMARKS:
            began = time.monotonic()
            with tempfile.TemporaryDirectory(dir=directory) as own:
                for row in BENCHMARKS[name](Size(options.quick, options.seed, Path(own))):
                    rows.append(row)
                    print(f"{row.name}: {row.figure} {row.unit}", file=sys.stderr, flush=True)
            print(f"{name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps(document(rows, measured_on), indent=1))
    else:
        show(rows, Console())
        print(measured_on)
    return 0 if document(rows, measured_on)["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
