"""P2: the plan of a run in which nothing changed, of few links and of a hundred times as many."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline_tests.benchmarks.links import Links
from sync_pipeline_tests.benchmarks.measure import Size, fastest, same
from sync_pipeline_tests.benchmarks.table import Goal, Row

GOAL = Goal(at_most=1.5)


def measure(size: Size) -> Iterator[Row]:
    few, *larger = (100, 10_000) if size.quick else (10_000, 100_000, 1_000_000)
    least = quiet_seconds(Links(size.directory / f"p2-{few}.duckdb", few, size.seed), size.rounds)
    for many in larger:
        seconds = quiet_seconds(Links(size.directory / f"p2-{many}.duckdb", many, size.seed), size.rounds)
        yield Row(
            f"P2 plan of a quiet run, {few:,} → {many:,} links", "×", seconds / least, GOAL, limit=1.0,
            remark=f"{least:.2f} s → {seconds:.2f} s; limit: no growth",
        )  # fmt: skip


def quiet_seconds(links: Links, rounds: int = 1) -> float:
    """Seconds of a plan in which nothing is planned. Raises DifferentOutput where something is."""
    [seconds] = fastest(rounds, links.plan)
    same("P2, a quiet run's plan", links.planned(), set())
    return seconds
