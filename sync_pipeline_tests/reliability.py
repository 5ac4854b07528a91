"""`python -m sync_pipeline_tests.reliability`: every level of reliability testing in turn, and a table of figures."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PYTEST: Final = ("pytest", "-q", "-s", "-p", "no:cacheprovider", "-m", "crash")


@dataclass(frozen=True)
class Level:
    """A level: its module with arguments, short and long, and the lines of its output that hold figures."""

    name: str
    short: tuple[str, ...]
    long: tuple[str, ...]
    figures: str


LEVELS: Final = (
    Level(
        "planner",
        ("sync_pipeline_tests.planner", "--random", "20000", "--seed", "{seed}"),
        ("sync_pipeline_tests.planner", "--exhaustive", "--random", "1000000", "--seed", "{seed}"),
        r"\d+ scenarios, .* mismatches",
    ),
    Level(
        "machine",
        ("sync_pipeline_tests.machine", "--sequences", "40", "--steps", "20", "--seed", "{seed}"),
        ("sync_pipeline_tests.machine", "--sequences", "1000", "--steps", "40", "--seed", "{seed}"),
        r"^sequences |^  fault |never fired",
    ),
    Level(
        "crash sweep",
        ("sync_pipeline_tests.crashes", "--sample", "2", "--seed", "{seed}"),
        ("sync_pipeline_tests.crashes",),
        r"^  killed |^seed ",
    ),
    Level(
        "real process",
        (*PYTEST, "sync_pipeline_tests/processes", "-k", "any_moment"),
        (*PYTEST, "sync_pipeline_tests/processes"),
        r"\d+ processes|passed|failed",
    ),
    Level(
        "tests of the tests",
        ("sync_pipeline_tests.defects", "--jobs", "2"),
        ("sync_pipeline_tests.defects", "--jobs", "2"),
        r"caught|unnoticed",
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sync_pipeline_tests.reliability", description=__doc__)
    parser.add_argument("--long", action="store_true", help="as much as takes a night")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="the levels whose name contains this")
    options = parser.parse_args()
    rows, failed = [], 0
    for level in LEVELS:
        if options.only and options.only not in level.name:
            continue
        arguments = [part.format(seed=options.seed) for part in (level.long if options.long else level.short)]
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        failed += done.returncode != 0
        verdict = "holds" if done.returncode == 0 else f"FAILED ({done.returncode})"
        figures = [line.strip() for line in done.stdout.splitlines() if re.search(level.figures, line)]
        rows.append(f"{level.name:<20}{verdict:<14}{time.monotonic() - start:>8.0f} s")
        rows += [f"    {line}" for line in figures]
        if done.returncode:
            print(done.stdout, file=sys.stderr)
    print("\n".join(rows))
    print(f"seed {options.seed}, levels that failed: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
