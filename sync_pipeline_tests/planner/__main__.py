"""`python -m sync_pipeline_tests.planner [--exhaustive] [--random N] [--seed S] [--json]`: counts, seconds, stories."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from sync_pipeline_tests.planner.combinations import DOUBLE, SINGLE, combination, single
from sync_pipeline_tests.planner.compare import Mismatch, mismatches, unsettled
from sync_pipeline_tests.planner.copies import COUNT, copied
from sync_pipeline_tests.planner.scenario import Scenario
from sync_pipeline_tests.planner.stories import stories

SHOWN = 3


def main() -> int:
    """Runs the chosen sets; 0 only where nothing differs."""
    parser = argparse.ArgumentParser(prog="python -m sync_pipeline_tests.planner", description=__doc__)
    parser.add_argument("--exhaustive", action="store_true", help=f"all {DOUBLE} combinations of two fields")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="random stories")
    parser.add_argument("--seed", type=int, default=1, help="of the random stories (default 1)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--show", type=int, default=SHOWN, help="stories shown of each sort of mismatch")
    options = parser.parse_args()
    sets: dict[str, tuple[int, Iterable[Scenario]]] = {"one field": (SINGLE, map(single, range(SINGLE)))}
    sets["copies"] = (COUNT, map(copied, range(COUNT)))
    if options.exhaustive:
        sets["two fields"] = (DOUBLE, map(combination, range(DOUBLE)))
    if options.random:
        sets[f"random, seed {options.seed}"] = (options.random, stories(options.random, options.seed))
    rows: list[dict[str, object]] = []
    for name, (size, scenarios) in sets.items():
        began = time.monotonic()
        found = list(_progress(name, size, mismatches(scenarios), quiet=options.json))
        rows.append(_row(name, size, began, len(found), _grouped(found, options.show)))
        if not options.json:
            _print(rows[-1])
    if size := options.random // 4:
        began = time.monotonic()
        told = sorted(unsettled(stories(size, options.seed)), key=len)
        groups = [{"sort": "not settled", "count": len(told), "examples": told[: options.show]}] if told else []
        rows.append(_row("random, settled after two runs", size, began, len(told), groups))
        if not options.json:
            _print(rows[-1])
    if options.json:
        print(json.dumps({"rows": rows, "met": not any(row["mismatches"] for row in rows)}, indent=1))
    return int(any(row["mismatches"] for row in rows))


def _row(name: str, size: int, began: float, count: int, groups: list[dict[str, object]]) -> dict[str, object]:
    seconds = round(time.monotonic() - began, 1)
    return {"set": name, "scenarios": size, "seconds": seconds, "mismatches": count, "stories": groups}


def _progress(name: str, size: int, judged: Iterator[Mismatch | None], *, quiet: bool) -> Iterator[Mismatch]:
    for number, entry in enumerate(judged, 1):
        if not quiet and number % 100_000 == 0:
            print(f"{name}: {number} of {size}", file=sys.stderr, flush=True)
        if entry is not None:
            yield entry


def _grouped(found: list[Mismatch], most: int) -> list[dict[str, object]]:
    """The mismatches by the parts that differ and the sort of holding, the commonest first, each with some stories."""
    sorts = Counter(_sort(entry) for entry in found)
    return [
        {"sort": sort, "count": count, "examples": [e.story() for e in _smallest(found, sort)[:most]]}
        for sort, count in sorts.most_common()
    ]


def _smallest(found: list[Mismatch], sort: str) -> list[Mismatch]:
    return sorted((entry for entry in found if _sort(entry) == sort), key=lambda entry: len(entry.story()))


def _sort(entry: Mismatch) -> str:
    parts = []
    for holding in entry.scenario.holdings:
        link = "no link" if holding.link is None else holding.link.closed or "linked"
        state = entry.scenario.contacts[holding.contact].state
        seen = "in view" if holding.in_view else "out of view"
        parts.append(f"{holding.item.place if holding.item else 'no item'}/{link}/{state}, {seen}")
    return f"{'+'.join(entry.parts)} ({'; '.join(parts)})"


def _print(row: dict[str, object]) -> None:
    print(f"{row['set']}: {row['scenarios']} scenarios, {row['seconds']} s, {row['mismatches']} mismatches")
    stories_of = row["stories"]
    assert isinstance(stories_of, list)
    for group in stories_of:
        print(f"\n── {group['count']} × {group['sort']}")
        for story in group["examples"]:
            print(story)


if __name__ == "__main__":
    sys.exit(main())
