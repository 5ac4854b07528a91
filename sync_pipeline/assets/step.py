"""What every asset shares: the decorator with its common arguments, and an engine step's result as Dagster's metadata.

Numbers and mailbox addresses only: events stay for ever, so no contact's data may stand in them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

import dagster as dg

from sync_pipeline.engine import Session, StepResult
from sync_pipeline.transport import redact

OWNERS = ["team:data"]
#: More rows than people read; the warehouse has them all.
MOST_ROWS = 20


class Step(Protocol):
    """One of the engine's steps."""

    __name__: str

    def __call__(self, session: Session) -> StepResult: ...


def perform(step: Step, session: Session, *counts: str) -> dg.MaterializeResult[None]:
    """Runs one step of the engine and reports its counts, its seconds and the mailboxes that need a look.

    `counts` are reported in every run, as 0 where the step names none, so that their plots have no holes.
    """
    started = time.monotonic()
    session.progress(step.__name__, 0, None)
    try:
        result = step(session)
    except BaseException as error:
        # Dagster closes resources of a failed run like those of a good one, so the session would not hear of it.
        with session.warehouse() as connection:
            session.writer(connection).finish_run(
                session.run_id,
                session.clock.now(),
                status="failed",
                planned=0,
                pushed=0,
                failed=0,
                message=redact(str(error)),
            )
        raise
    numbers: dict[str, Any] = dict.fromkeys(counts, 0) | {str(name): count for name, count in result.counts.items()}
    numbers["seconds"] = round(time.monotonic() - started, 3)
    return dg.MaterializeResult(metadata={**numbers, "attention": attention_table(result.attention)})


def attention_table(rows: Sequence[dict[str, str | int]]) -> dg.TableMetadataValue:
    """The first rows as a table; empty where no mailbox needs a look."""
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["mailbox"]
    kinds = {name: "int" if rows and isinstance(rows[0].get(name), int) else "string" for name in names}
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: row.get(name, "") for name in names}) for row in rows[:MOST_ROWS]],
        schema=dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in kinds.items()]),
    )
