"""P1: a plan of many links, of which one in a hundred changed on each side."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline_tests.benchmarks.limits import three_way_join
from sync_pipeline_tests.benchmarks.links import FIELDS, Links
from sync_pipeline_tests.benchmarks.measure import Size, fastest, same, timed
from sync_pipeline_tests.benchmarks.peers import pandas_merge
from sync_pipeline_tests.benchmarks.table import Goal, Row

GOAL = Goal(of_limit=1.3, faster_than_peer=7)


def measure(size: Size) -> Iterator[Row]:
    yield plan_of(Links(size.directory / "p1.duckdb", 10_000 if size.quick else 1_000_000, size.seed), size.rounds)


def plan_of(links: Links, rounds: int = 1) -> Row:
    """Plans, joins and merges the same tables. Raises DifferentOutput where they do not find the same changes."""
    links.change()

    def joined() -> None:
        with open_warehouse(links.path) as connection:
            connection.execute(three_way_join.join_sql(FIELDS))

    ours, limit = fastest(rounds, links.plan, joined)
    planned = links.planned()
    with open_warehouse(links.path) as connection:
        same("P1, the bare join", planned, three_way_join.changes(connection, FIELDS))
        frames = pandas_merge.load(connection, FIELDS)
    peer, merged = timed(lambda: pandas_merge.changes(frames, FIELDS))
    same("P1, pandas", planned, merged)
    return Row(
        f"P1 plan of {links.count:,} links, 1 % changed on each side", "s", ours, GOAL, limit, peer,
        remark=f"{len(planned):,} fields to write; limit: bare join; peer: pandas",
    )  # fmt: skip
