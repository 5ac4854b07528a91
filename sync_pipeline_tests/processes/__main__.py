"""`python -m sync_pipeline_tests.processes [--kills N] [--loads] [--seed S] [--json]`: kills real processes, and tells.

--loads: loads of 2,000 contacts that are killed in their middle, or for which the disk has no room."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sync_pipeline_tests.processes.stories import Undisturbed, everyday, load, moments

SHARES = (0.4, 0.6, 0.8)
MEGABYTES = (2, 6)
Json = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sync_pipeline_tests.processes", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="processes killed at random moments (default 20)")
    parser.add_argument("--loads", action="store_true", help="the loads of 2,000 contacts, too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for row in _rows(Path(directory), options.kills, options.seed, with_loads=options.loads):
            rows.append(row)
            if not options.json:
                print(f"{row['name']}: {row['times']}{row['said']}, {len(row['failures'])} failures", flush=True)
            for failure in row["failures"]:
                print(failure, file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps({"seed": options.seed, "rows": rows}, indent=1))
    return int(any(row["failures"] for row in rows))


def _rows(directory: Path, kills: int, seed: int, *, with_loads: bool) -> Iterator[Json]:
    yield _killed("killed at a random moment", Undisturbed(directory / "everyday", everyday), kills, seed)
    if with_loads:
        whole = Undisturbed(directory / "load", load)
        yield _load(
            "load of 2,000 killed in its middle", whole, [("kill_after", share * whole.seconds) for share in SHARES], -9
        )
        yield _load(
            "load of 2,000 without room on the disk", whole, [("largest_file", size * 2**20) for size in MEGABYTES], 3
        )


def _killed(name: str, undisturbed: Undisturbed, kills: int, seed: int) -> Json:
    before_end, failures = 0, list[str]()
    for moment in moments(undisturbed, seed, kills):
        ended, differs = undisturbed.disturbed(lambda one, after=moment: one.run(kill_after=after))  # type: ignore[misc]
        before_end += ended.code < 0
        failures += [f"killed after {moment:.2f} s: {row}" for row in differs]
    if before_end <= kills / 3:
        failures.append(f"only {before_end} of {kills} processes had not ended by themselves")
    return {"name": name, "times": kills, "said": f" processes, {before_end} before their end", "failures": failures}


def _load(name: str, whole: Undisturbed, disturbances: list[tuple[str, Any]], code: int) -> Json:
    failures = list[str]()
    for option, value in disturbances:
        ended, differs = whole.disturbed(lambda one, o=option, v=value: one.run(**{o: v}))  # type: ignore[misc]
        failures += [f"{option} {value}: {row}" for row in differs]
        if ended.code != code:
            failures.append(f"{option} {value}: exit code {ended.code} instead of {code}: {ended.err[-300:]}")
    return {"name": name, "times": len(disturbances), "said": " processes", "failures": failures}


if __name__ == "__main__":
    sys.exit(main())
