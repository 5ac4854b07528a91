"""What the warehouse's and the push's unit tests share: a warehouse in a temporary directory, and short builders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from sync_pipeline.model.fields import apply_mapping
from sync_pipeline.model.operation import Action, FieldChange, Operation, Side
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.schema import migrate
from sync_pipeline.warehouse.tables import fetch, insert
from sync_pipeline.warehouse.writer import Writer

FIELDS = apply_mapping({})
NOW = datetime(2026, 3, 1, 12, 0, 0)
MAILBOX = "anna@example.com"
ORG = "00D000000000001AAA"


@contextmanager
def warehouse(tmp_path: Path) -> Iterator[Writer]:
    """A migrated warehouse with one run, "run-1"."""
    with open_warehouse(tmp_path / "warehouse" / "warehouse.duckdb") as connection:
        migrate(connection, FIELDS)
        writer = Writer(connection, FIELDS)
        writer.begin_run("run-1", NOW, plan_only=False, is_full=False, mailboxes=[MAILBOX])
        yield writer


def operation(operation_id: str, side: Side, action: Action, **given: Any) -> Operation:
    """An operation of MAILBOX; `changes` is {field: (before, after)}."""
    changes = tuple(FieldChange(name, before, after) for name, (before, after) in given.pop("changes", {}).items())
    plain = Operation(
        operation_id=operation_id, mailbox=MAILBOX, side=side, action=action, link_id="link-1", outlook_id="",
        salesforce_id="", fields=changes, rule="R10", reason="Because.",
    )  # fmt: skip
    return replace(plain, **given)


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    return fetch(connection, query)


def plan_link(writer: Writer, **columns: Any) -> None:
    """A row of planning.link_changes."""
    insert(writer.connection, "planning.link_changes", [{"mailbox": MAILBOX, "link_id": "link-1", **columns}])


def plan_base(
    writer: Writer, operation_id: str | None, field: str, outlook: str | None, salesforce: str | None
) -> None:
    """A row of planning.base_updates."""
    row = {"operation_id": operation_id, "link_id": "link-1", "field": field, "outlook_value": outlook}
    insert(writer.connection, "planning.base_updates", [{**row, "salesforce_value": salesforce}])
