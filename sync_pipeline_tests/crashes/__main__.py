"""`python -m sync_pipeline_tests.crashes`: every story killed at every point; `--sample N --seed S` draws some."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from sync_pipeline_tests.crashes.stories import STORIES
from sync_pipeline_tests.crashes.sweep import crashed, kills, undisturbed
from sync_pipeline_tests.machine.driver import Bench


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sync_pipeline_tests.crashes", description=__doc__)
    parser.add_argument("--story", help="only the stories whose name contains this")
    parser.add_argument("--sample", type=int, help="so many kills of each story instead of all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    start, told, failures, stories = time.monotonic(), Counter[str](), list[str](), 0
    with tempfile.TemporaryDirectory() as directory, Bench(Path(directory)) as bench:
        for story in STORIES:
            if options.story and options.story not in story.name:
                continue
            stories += 1
            expected = undisturbed(bench, story)
            chosen = list(kills(story, expected))
            if options.sample is not None:
                chosen = random.Random(f"{options.seed}/{story.name}").sample(chosen, min(options.sample, len(chosen)))
            for points in chosen:
                told[" then ".join(point.position for point in points)] += 1
                if message := crashed(bench, story, points, expected):
                    failures.append(f"{story.name}, killed {points}: {message}")
                    print(failures[-1], file=sys.stderr, flush=True)
            print(f"{story.name}: {len(chosen)} kills, {len(failures)} failures so far", file=sys.stderr, flush=True)
    seconds = round(time.monotonic() - start)
    if options.json:
        document = {"seed": options.seed, "stories": stories, "kills": told.total(), "positions": dict(told)}
        print(json.dumps(document | {"seconds": seconds, "failures": failures}, indent=1))
    else:
        for name, count in sorted(told.items()):
            print(f"  killed {name:<40} {count:>6}")
        print(f"seed {options.seed}, kills {told.total()}, {seconds} s, failures {len(failures)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
