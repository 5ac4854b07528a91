"""P1: a plan of many links, of which one in a hundred changed on each side."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb

from sync_pipeline.warehouse.connection import MEMORY_LIMIT
from sync_pipeline_tests.benchmarks.limits import three_way_join
from sync_pipeline_tests.benchmarks.links import FIELDS, MORE_MEMORY, Change, Links
from sync_pipeline_tests.benchmarks.measure import Size, fastest, same, timed
from sync_pipeline_tests.benchmarks.peers import pandas_merge
from sync_pipeline_tests.benchmarks.table import Goal, Row

OF_THE_JOIN = 1.3
FASTER_THAN_PANDAS = 7


def measure(size: Size) -> Iterator[Row]:
    links = Links(size.directory / "p1.duckdb", 10_000 if size.quick else 1_000_000, size.seed)
    yield from plans_of(links, size.rounds)


def plans_of(links: Links, rounds: int = 1) -> Iterator[Row]:
    """Plans, joins and merges the same tables in the product's memory, and where one does not fit into it, in more.

    Raises DifferentOutput where they do not find the same changes.
    """
    links.change()
    peer, merged = timed(lambda: _merged(links))
    for memory in (MEMORY_LIMIT, MORE_MEMORY):
        row = _plan_of(links, memory, rounds, peer, merged)
        yield row
        if memory == MEMORY_LIMIT:
            yield _plan_of(links, memory, rounds, peer, merged, full=True)
        if row.figure is not None and row.limit is not None:
            return


def _merged(links: Links) -> set[Change]:
    """By pandas, which reads the tables from the warehouse as the others do."""
    with links.opened(MORE_MEMORY) as connection:
        frames = pandas_merge.load(connection, FIELDS)
    return pandas_merge.changes(frames, FIELDS)


def _plan_of(links: Links, memory: str, rounds: int, peer: float, merged: set[Change], *, full: bool = False) -> Row:
    def joined() -> None:
        with links.opened(memory) as connection:
            connection.execute(three_way_join.join_sql(FIELDS))

    ours, limit = _seconds(rounds, lambda: links.plan(memory, full=full)), _seconds(rounds, joined)
    remark = f"limit: bare join{'' if limit else ', out of memory'}; peer: pandas, which has no limit of memory"
    if ours is not None:
        planned = links.planned()
        same("P1, pandas", planned, merged)
        remark = f"{len(planned):,} fields to write; {remark}"
    if limit is not None:
        with links.opened(memory) as connection:
            same("P1, the bare join", three_way_join.changes(connection, FIELDS), merged)
    return Row(
        f"P1 plan of {links.count:,} links, 1 % changed on each side, {memory}{', --full' if full else ''}", "s", ours,
        Goal(of_limit=OF_THE_JOIN if limit is not None else None, faster_than_peer=FASTER_THAN_PANDAS), limit, peer,
        remark=remark if ours is not None else f"out of memory; {remark}",
    )  # fmt: skip


def _seconds(rounds: int, call: Callable[[], None]) -> float | None:
    """The fastest of so many rounds; None where the memory does not do."""
    try:
        return fastest(rounds, call)[0]
    except duckdb.OutOfMemoryException:
        return None
