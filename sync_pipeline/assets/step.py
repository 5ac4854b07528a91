"""What every asset shares: an engine step run and its result as Dagster's metadata.

Numbers and mailbox addresses only: events stay for ever, so no contact's data may stand in them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import dagster as dg

from sync_pipeline.engine import Session
from sync_pipeline.engine.steps import Step, run_step
from sync_pipeline.warehouse.tables import fetch

OWNERS = ["team:data"]
#: More rows than people read; the warehouse has them all.
MOST_ROWS = 20


def perform(step: Step, session: Session, *counts: str) -> dg.MaterializeResult[None]:
    """Runs one step of the engine and reports its counts, its seconds and the mailboxes that need a look.

    `counts` are reported in every run, as 0 where the step names none, so that their plots have no holes.
    """
    started = time.monotonic()
    result = run_step(session, step)
    numbers: dict[str, Any] = dict.fromkeys(counts, 0) | {str(name): count for name, count in result.counts.items()}
    numbers["seconds"] = round(time.monotonic() - started, 3)
    tables = {"attention": first_rows(result.attention)}
    if result.operations:
        tables["operations"] = first_rows(result.operations)
    return dg.MaterializeResult(metadata={**numbers, **tables})


def first_rows(rows: Sequence[dict[str, str | int]]) -> dg.TableMetadataValue:
    """The first rows as a table; an empty one where there are none."""
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["mailbox"]
    kinds = {name: "int" if rows and isinstance(rows[0].get(name), int) else "string" for name in names}
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: row.get(name, "") for name in names}) for row in rows[:MOST_ROWS]],
        schema=dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in kinds.items()]),
    )


def query(session: Session, name: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of `sql/<name>.sql` in the run's warehouse."""
    with session.warehouse() as connection:
        return fetch(connection, _statement(name), parameters)


@cache
def _statement(name: str) -> str:
    return resources.files("sync_pipeline.assets").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
