"""`python -m sync_pipeline_tests.reliability [--quick | --long] [--seed S] [--json]`: every level in turn, as a table.

Exit 0 only where every level reached its count and found no failure."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One line of the table. `limit` and `peer` are those of the benchmarks' tables; a count has neither."""

    name: str
    figure: str
    goal: str
    met: bool
    limit: None = None
    peer: None = None


@dataclass(frozen=True)
class Sizes:
    """How much of each level is done; `kills_of_a_story` None and `defects` "": all of them."""

    random_stories: int
    exhaustive: bool
    sequences: int
    steps: int
    kills_of_a_story: int | None
    processes: int
    loads: bool
    defects: str


QUICK: Final = Sizes(3_000, False, 4, 15, 1, 2, False, "invariant 1")
USUAL: Final = Sizes(100_000, True, 200, 30, 10, 20, True, "")
LONG: Final = Sizes(1_000_000, True, 1_000, 40, None, 100, True, "")


@dataclass(frozen=True)
class Level:
    """`arguments`: the level's own command, which prints one JSON document; `rows`: what the table tells of it."""

    name: str
    arguments: Callable[[Sizes, int], Sequence[object]]
    rows: Callable[[Json, Sizes], Iterator[Row]]


def _counted(name: str, reached: int, aim: int, failures: int, said: str = "") -> Row:
    figure = f"{reached:,}{said}, {failures} failures"
    return Row(name, figure, f"{aim:,}, 0 failures", reached >= aim and failures == 0)


def _planner(document: Json, sizes: Sizes) -> Iterator[Row]:
    for row in document["rows"]:
        yield _counted(f"planner, {row['set']}", row["scenarios"], row["scenarios"], row["mismatches"])


def _machine(document: Json, sizes: Sizes) -> Iterator[Row]:
    said = f" sequences, {document['steps']:,} steps, {document['runs']:,} runs"
    yield _counted("machine", document["sequences"], sizes.sequences, len(document["failures"]), said)
    faults = {name: count for name, count in document["fired"].items() if name.startswith("fault ")}
    silent = document["never_fired"]
    figure = f"{len(faults)} sorts, {sum(faults.values()):,} times; never: {', '.join(silent) or 'none'}"
    yield Row("machine, faults fired", figure, "every one at least once in a long search", not silent)
    kills = sum(count for name, count in document["fired"].items() if name.startswith("killed "))
    yield Row("machine, runs killed", f"{kills:,}", "1", kills > 0)


def _crashes(document: Json, sizes: Sizes) -> Iterator[Row]:
    aim = document["stories"] * (sizes.kills_of_a_story or 1)
    yield _counted(
        "crash sweep", document["kills"], aim, len(document["failures"]), f" kills, {document['stories']} stories"
    )
    alone = {name: count for name, count in document["positions"].items() if " then " not in name}
    again = document["kills"] - sum(alone.values())
    figure = ", ".join(f"{name} {count}" for name, count in sorted(alone.items()))
    yield Row("crash sweep, positions", f"{figure}; killed again while recovering {again}", "each", len(alone) == 4)


def _processes(document: Json, sizes: Sizes) -> Iterator[Row]:
    for row in document["rows"]:
        yield _counted(f"process, {row['name']}", row["times"], row["times"], len(row["failures"]), row["said"])


def _defects(document: Json, sizes: Sizes) -> Iterator[Row]:
    caught = [row for row in document["rows"] if row["caught_by"]]
    missed = [row["name"] for row in document["rows"] if not row["caught_by"]]
    figure = f"{len(caught)} of {len(document['rows'])} caught" + (f"; NOT {', '.join(missed)}" if missed else "")
    yield Row("seeded defects", figure, "all", document["met"])


LEVELS: Final = (
    Level(
        "planner",
        lambda sizes, seed: [
            "planner", *(["--exhaustive"] if sizes.exhaustive else []),
            "--random", sizes.random_stories, "--seed", seed,
        ],
        _planner,
    ),
    Level(
        "machine",
        lambda sizes, seed: ["machine", "--sequences", sizes.sequences, "--steps", sizes.steps, "--seed", seed],
        _machine,
    ),
    Level(
        "crashes",
        lambda sizes, seed: [
            "crashes", *(["--sample", sizes.kills_of_a_story] if sizes.kills_of_a_story else []), "--seed", seed,
        ],
        _crashes,
    ),
    Level(
        "processes",
        lambda sizes, seed: [
            "processes", "--kills", sizes.processes, *(["--loads"] if sizes.loads else []), "--seed", seed,
        ],
        _processes,
    ),
    Level(
        "defects",
        lambda sizes, seed: ["defects", "--jobs", 2, *(["--only", sizes.defects] if sizes.defects else [])],
        _defects,
    ),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sync_pipeline_tests.reliability", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a few of each, some minutes")
    size.add_argument("--long", action="store_true", help="as much as takes a night and more")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="the levels whose name contains this")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    sizes = QUICK if options.quick else LONG if options.long else USUAL
    rows: list[Row] = []
    for level in LEVELS:
        if options.only in level.name:
            print(f"{level.name} …", file=sys.stderr, flush=True)
            start = time.monotonic()
            rows += _run(level, sizes, options.seed)
            print(f"{level.name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    met = bool(rows) and all(row.met for row in rows)
    if options.json:
        print(json.dumps({"seed": options.seed, "rows": [asdict(row) for row in rows], "met": met}, indent=1))
    else:
        for row in rows:
            print(f"{'met    ' if row.met else 'NOT MET'}  {row.name:<42} {row.figure}   (aim: {row.goal})")
        print(f"seed {options.seed}: {'every level holds' if met else 'NOT every level holds'}")
    return 0 if met else 1


def _run(level: Level, sizes: Sizes, seed: int) -> list[Row]:
    module, *rest = map(str, level.arguments(sizes, seed))
    command = [sys.executable, "-m", f"sync_pipeline_tests.{module}", *rest, "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    try:
        rows = list(level.rows(json.loads(done.stdout), sizes))
    except (ValueError, KeyError) as error:
        return [Row(level.name, f"ended with {done.returncode} and no figures ({error!r})", "figures", met=False)]
    if done.returncode:
        print(done.stdout, file=sys.stderr)  # the stories that failed, with the seed that tells them again
        rows.append(Row(level.name, f"exit code {done.returncode}", "exit code 0", met=False))
    return rows


if __name__ == "__main__":
    sys.exit(main())
