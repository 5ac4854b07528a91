"""`python -m sync_pipeline_tests.crashes`: every story killed at every point; `--sample N --seed S` draws some."""

from __future__ import annotations

import argparse
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
    options = parser.parse_args()
    start, told, failed = time.monotonic(), Counter[str](), 0
    with tempfile.TemporaryDirectory() as directory, Bench(Path(directory)) as bench:
        for story in STORIES:
            if options.story and options.story not in story.name:
                continue
            expected = undisturbed(bench, story)
            chosen = list(kills(story, expected))
            if options.sample is not None:
                chosen = random.Random(f"{options.seed}/{story.name}").sample(chosen, min(options.sample, len(chosen)))
            for points in chosen:
                told[" then ".join(point.position for point in points)] += 1
                if message := crashed(bench, story, points, expected):
                    failed += 1
                    print(f"{story.name}, killed {points}: {message}", flush=True)
            print(f"{story.name}: {len(chosen)} kills, {failed} failures so far", file=sys.stderr, flush=True)
    for name, count in sorted(told.items()):
        print(f"  killed {name:<40} {count:>6}")
    print(f"seed {options.seed}, kills {told.total()}, {time.monotonic() - start:.0f} s, failures {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
