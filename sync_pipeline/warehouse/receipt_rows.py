"""Receipts as rows: what the journal's statements read, and what stands in the history and among the problems."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime

from sync_pipeline.model.operation import Operation
from sync_pipeline.warehouse.receipt import Outcome, Receipt
from sync_pipeline.warehouse.tables import Row

JOURNAL_TYPES = dict.fromkeys(
    ("run_id", "operation_id", "mailbox", "side", "action", "link_id", "outlook_id", "salesforce_id", "intent"),
    "VARCHAR",
) | {"started_at": "TIMESTAMP"}
RECEIPT_TYPES = dict.fromkeys(
    ("run_id", "operation_id", "mailbox", "side", "action", "link_id", "outcome", "outlook_id", "salesforce_id", "code",
     "message", "result", "subject"), "VARCHAR",
) | {"finished_at": "TIMESTAMP", "candidates": "INTEGER", "moves_link": "BOOLEAN"}  # fmt: skip
REFUSED_TYPES = dict.fromkeys(
    ("run_id", "mailbox", "subject", "field", "code", "message", "remedy", "salesforce_id", "outlook_id"), "VARCHAR"
) | {"finished_at": "TIMESTAMP"}
WITHHELD_TYPES = dict.fromkeys(("run_id", "operation_id", "field"), "VARCHAR")
WRITTEN_TYPES = dict.fromkeys(("mailbox", "outlook_id", "salesforce_id", "change_key", "display_name"), "VARCHAR") | {
    "has_stamp": "BOOLEAN",
    "modstamp": "TIMESTAMP",
}
RETURNED_TYPES = dict.fromkeys(("link_id", "salesforce_id", "side", "field", "value"), "VARCHAR") | {
    "is_rewritten": "BOOLEAN"
}
EVENT_TYPES = dict.fromkeys(
    ("event_id", "run_id", "mailbox", "contact_key", "link_id", "outlook_id", "salesforce_id", "operation_id", "side",
     "action", "rule", "reason", "outcome", "code", "message", "account_rule"), "VARCHAR",
) | {"happened_at": "TIMESTAMP", "edited_at": "TIMESTAMP"}  # fmt: skip
VALUE_TYPES = dict.fromkeys(("event_id", "contact_key", "field", "before", "after"), "VARCHAR")
#: Nothing was sent, so they are no part of the history; the journal and the plan tell of them.
_UNPUSHED = (Outcome.STALE, Outcome.SKIPPED, Outcome.UNSENT)


def receipt_row(receipt: Receipt, now: datetime) -> Row:
    """A row with RECEIPT_TYPES."""
    operation = receipt.operation
    salesforce_id, outlook_id = (
        receipt.salesforce_id or operation.salesforce_id,
        receipt.outlook_id or operation.outlook_id,
    )
    return {
        "run_id": receipt.run_id,
        "operation_id": operation.operation_id,
        "mailbox": operation.mailbox,
        "side": operation.side,
        "action": operation.action,
        "link_id": operation.link_id,
        "outcome": receipt.outcome,
        "outlook_id": outlook_id,
        "salesforce_id": salesforce_id,
        "code": receipt.code,
        "message": receipt.message,
        "result": json.dumps(dict(receipt.result)),
        "subject": _subject(operation),
        "moves_link": receipt.moves_link,
        "finished_at": now,
        "candidates": operation.detail.get("account_candidates"),
    }


def _subject(operation: Operation) -> str:
    return operation.outlook_id or operation.salesforce_id


def refused_rows(receipt: Receipt, now: datetime) -> list[Row]:
    """Rows with REFUSED_TYPES: the refused write, and each field that was left out of one."""
    operation = receipt.operation
    common = {
        "run_id": receipt.run_id,
        "mailbox": operation.mailbox,
        "subject": _subject(operation),
        "salesforce_id": receipt.salesforce_id or operation.salesforce_id,
        "outlook_id": receipt.outlook_id or operation.outlook_id,
        "finished_at": now,
    }
    rows: list[Row] = [
        {**common, "field": w.field, "code": w.code, "message": w.message, "remedy": w.remedy} for w in receipt.withheld
    ]
    if receipt.outcome is Outcome.REFUSED:
        said = {"code": receipt.code, "message": receipt.message, "remedy": receipt.remedy}
        rows.append({**common, **said, "field": receipt.refused_field})
    return rows


def conflict_rows(receipt: Receipt, now: datetime) -> list[Row]:
    """Rows of sync.conflicts: the values of an original that its copy overruled."""
    operation = receipt.operation
    common = {
        "run_id": receipt.run_id,
        "found_at": now,
        "mailbox": operation.mailbox,
        "link_id": operation.link_id,
        "salesforce_id": operation.salesforce_id,
        "policy": "moved_copy",
        "winner": "outlook",
        "reason": "The original outside the folder and its copy were both edited; the copy's value stays.",
        "is_open": True,
    }
    return [
        {**common, "field": each.field, "outlook_value": each.value, "salesforce_value": each.kept}
        for each in receipt.overruled
    ]


def history_rows(receipts: Sequence[Receipt], now: datetime) -> tuple[list[Row], list[Row]]:
    """Rows with EVENT_TYPES and with VALUE_TYPES; what was never sent is no part of the history."""
    events: list[Row] = []
    values: list[Row] = []
    for receipt in receipts:
        if receipt.outcome in _UNPUSHED:
            continue
        operation, event_id = receipt.operation, str(uuid.uuid4())
        salesforce_id, outlook_id = (
            receipt.salesforce_id or operation.salesforce_id,
            receipt.outlook_id or operation.outlook_id,
        )
        contact_key = salesforce_id or outlook_id
        events.append(
            {
                "event_id": event_id,
                "happened_at": now,
                "run_id": receipt.run_id,
                "mailbox": operation.mailbox,
                "contact_key": contact_key,
                "link_id": operation.link_id,
                "outlook_id": outlook_id,
                "salesforce_id": salesforce_id,
                "operation_id": operation.operation_id,
                "side": operation.side,
                "action": operation.action,
                "rule": operation.rule,
                "reason": operation.reason,
                "outcome": receipt.outcome,
                "code": receipt.code,
                "message": receipt.message,
                "edited_at": operation.edited_at,
                "account_rule": operation.detail.get("account_rule") or None,
            }
        )
        values += [
            {
                "event_id": event_id,
                "contact_key": contact_key,
                "field": c.field,
                "before": c.before,
                "after": c.after,
            }
            for c in operation.fields
            if c.field not in {withheld.field for withheld in receipt.withheld}
        ]
    return events, values
