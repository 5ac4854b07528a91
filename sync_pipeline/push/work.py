"""What is left to push of a run's plan, and what a finished operation means for those that wait for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import duckdb

from sync_pipeline.model.fields import NAME_FIELDS
from sync_pipeline.model.operation import Action, Operation, Side
from sync_pipeline.push.context import RunContext
from sync_pipeline.warehouse.intents import operation_from_row
from sync_pipeline.warehouse.receipt import Outcome, Receipt
from sync_pipeline.warehouse.tables import fetch

#: A stamp that planning could not know: the Contact is created in this very run.
CREATED = "created"


def ready_operations(connection: duckdb.DuckDBPyConnection, run: RunContext, side: Side) -> list[Operation]:
    """The ready operations of the plan without a journal row yet, in the plan's order; none of a stopped mailbox.

    States are read anew at each call, so that a hold set since holds here too.
    """
    rows = fetch(
        connection,
        "select * from sync.plan where run_id = ? and side = ? and state = 'ready' and operation_id not in "
        "(select operation_id from sync.journal where run_id = ?) order by seq",
        [run.run_id, side, run.run_id],
    )
    return [operation_from_row(row) for row in rows if not run.is_stopped(row["mailbox"])]


@dataclass(frozen=True)
class Ended:
    """How an operation of this run ended, and the Contact that it made or changed."""

    outcome: str
    salesforce_id: str
    withheld: frozenset[str] = frozenset()  # fields that were refused, so that the rest went without them
    is_refused_update: bool = False  # all its fields were refused together; `withheld` names them


class Outcomes:
    """The ends of this run's operations, by id: of earlier steps from the journal, of this one as they come."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
        rows = fetch(
            connection,
            "select journal.operation_id, outcome, journal.salesforce_id, journal.action, "
            "result ->> '$.withheld' as withheld, plan.fields ->> '$[*].field' as fields "
            "from sync.journal as journal left join sync.plan as plan using (run_id, operation_id) where run_id = ?",
            [run_id],
        )
        self._ended = {
            row["operation_id"]: _ended(
                row["outcome"] or "in_doubt",
                row["salesforce_id"] or "",
                row["action"],
                fields=row["fields"] if row["fields"] is not None else (),
                withheld=json.loads(row["withheld"] or "[]"),
            )
            for row in rows
        }

    def add(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            contact = receipt.salesforce_id or receipt.operation.salesforce_id
            self._ended[receipt.operation.operation_id] = _ended(
                receipt.outcome,
                contact,
                receipt.operation.action,
                fields=[change.field for change in receipt.operation.fields],
                withheld=[left_out.field for left_out in receipt.withheld],
            )

    def prepare(self, operation: Operation) -> Operation | None:
        """The operation as it can be sent now; None where what it depends on was not done, or nothing is left of it.

        What the operation before it created takes its place as Contact and stamp; a field that was refused there is
        left out here.
        """
        if not operation.depends_on:
            return operation
        before = self._ended.get(operation.depends_on)
        if before is None or (before.outcome != Outcome.DONE and not before.is_refused_update):
            return None
        if operation.action is Action.DELETE and (before.withheld or before.outcome != Outcome.DONE):
            return None  # R18: an edit that could not go up keeps its contact
        detail = dict(operation.detail)
        if detail.get("stamp") == CREATED:
            detail["stamp"] = before.salesforce_id
        prepared = replace(operation, salesforce_id=operation.salesforce_id or before.salesforce_id, detail=detail)
        return _without(prepared, before.withheld)


def _ended(outcome: str, salesforce_id: str, action: str, *, fields: Iterable[str], withheld: Iterable[str]) -> Ended:
    is_refused_update = outcome == Outcome.REFUSED and action == Action.UPDATE
    return Ended(outcome, salesforce_id, frozenset(fields if is_refused_update else withheld), is_refused_update)


def _without(operation: Operation, refused: frozenset[str]) -> Operation | None:
    """R13: what Salesforce refused reaches no other mailbox. None where nothing is left to write."""
    dropped = {change.field for change in operation.fields} & refused
    if not dropped:
        return operation
    detail = dict(operation.detail)
    if dropped & NAME_FIELDS and detail.pop("display_name", None) is not None:
        # The display name was made of all parts of the name, so that they travel together, in the next run.
        dropped |= {change.field for change in operation.fields} & NAME_FIELDS
    kept = tuple(change for change in operation.fields if change.field not in dropped)
    marks = [detail.get(name) for name in ("stamp", "categorise", "display_name")]
    if operation.action is Action.UPDATE and not kept and not any(marks) and detail.get("problem") is None:
        return None
    return replace(operation, fields=kept, detail=detail, left_out=frozenset(dropped))
