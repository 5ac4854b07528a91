"""An operation as the journal keeps it while it is in doubt: written before the call, read back by recovery."""

from __future__ import annotations

import json
from datetime import datetime

import duckdb

from sync_pipeline.model.operation import Action, FieldChange, Operation, Side
from sync_pipeline.warehouse.tables import Row, fetch


def operation_to_json(operation: Operation) -> str:
    """The intent as it is kept until its outcome is known."""
    return json.dumps(
        {
            "operation_id": operation.operation_id,
            "mailbox": operation.mailbox,
            "side": operation.side,
            "action": operation.action,
            "link_id": operation.link_id,
            "outlook_id": operation.outlook_id,
            "salesforce_id": operation.salesforce_id,
            "fields": [{"field": c.field, "before": c.before, "after": c.after} for c in operation.fields],
            "rule": operation.rule,
            "reason": operation.reason,
            "detail": operation.detail,
            "depends_on": operation.depends_on,
            "planned_key": operation.planned_key,
            "planned_stamp": operation.planned_stamp.isoformat() if operation.planned_stamp else None,
            "edited_at": operation.edited_at.isoformat() if operation.edited_at else None,
        },
        ensure_ascii=False,
    )


def operation_from_row(row: Row) -> Operation:
    """An operation from a row of sync.plan, or from the parsed JSON of an intent."""
    fields, detail = row["fields"], row["detail"]
    changes = json.loads(fields) if isinstance(fields, str) else fields
    details = json.loads(detail) if isinstance(detail, str) else detail
    return Operation(
        operation_id=row["operation_id"],
        mailbox=row["mailbox"],
        side=Side(row["side"]),
        action=Action(row["action"]),
        link_id=row["link_id"] or "",
        outlook_id=row["outlook_id"] or "",
        salesforce_id=row["salesforce_id"] or "",
        fields=tuple(FieldChange(change["field"], change["before"], change["after"]) for change in changes or ()),
        rule=row["rule"] or "",
        reason=row["reason"] or "",
        detail=details or {},
        depends_on=row["depends_on"] or "",
        planned_key=row["planned_key"] or "",
        planned_stamp=_moment(row["planned_stamp"]),
        edited_at=_moment(row.get("edited_at")),  # an intent of an older version has none
    )


def _moment(value: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def intents_in_doubt(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, Operation, datetime]]:
    """(run, operation, when it was about to be sent) of every intent without an outcome, oldest first."""
    rows = fetch(
        connection,
        "select run_id, intent, started_at from sync.journal where outcome is null order by started_at, operation_id",
    )
    return [(row["run_id"], operation_from_row(json.loads(row["intent"])), row["started_at"]) for row in rows]
