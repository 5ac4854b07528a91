"""P2: the plan of a run in which nothing changed, of few links and of a hundred times as many."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from sync_pipeline.warehouse.connection import MEMORY_LIMIT
from sync_pipeline_tests.benchmarks.links import MORE_MEMORY, Links
from sync_pipeline_tests.benchmarks.measure import Size, fastest, same
from sync_pipeline_tests.benchmarks.table import Goal, Row

GOAL = Goal(at_most=1.5)


def measure(size: Size) -> Iterator[Row]:
    few, *larger = (100, 10_000) if size.quick else (10_000, 100_000, 1_000_000)
    least = quiet_seconds(Links(size.directory / f"p2-{few}.duckdb", few, size.seed), rounds=size.rounds)
    for many in larger:
        links = Links(size.directory / f"p2-{many}.duckdb", many, size.seed)
        for memory in (MEMORY_LIMIT, MORE_MEMORY):
            try:
                seconds = quiet_seconds(links, memory, size.rounds)
            except duckdb.OutOfMemoryException:
                yield Row(_name(few, many, memory), "×", None, GOAL, limit=1.0, remark="out of memory")
                continue
            yield Row(
                _name(few, many, memory), "×", seconds / least, GOAL, limit=1.0,
                remark=f"{least:.2f} s → {seconds:.2f} s; limit: no growth",
            )  # fmt: skip
            break


def quiet_seconds(links: Links, memory: str = MEMORY_LIMIT, rounds: int = 1) -> float:
    """Seconds of a plan in which nothing is planned. Raises DifferentOutput where something is."""
    [seconds] = fastest(rounds, lambda: links.plan(memory))
    same("P2, a quiet run's plan", links.planned(), set())
    return seconds


def _name(few: int, many: int, memory: str) -> str:
    return f"P2 plan of a quiet run, {few:,} → {many:,} links, {memory}"
