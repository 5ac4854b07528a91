"""The journal: intents before the calls, receipts after them.

A receipt changes mirrors, links, bases and history in one transaction."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import duckdb

from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Action, FieldChange, Operation, Side
from sync_pipeline.warehouse.receipt import Outcome, Receipt
from sync_pipeline.warehouse.tables import Row, fetch, insert, scalar, staged, statement, transaction, upsert

_JOURNAL_TYPES = dict.fromkeys(
    ("run_id", "operation_id", "mailbox", "side", "action", "link_id", "outlook_id", "salesforce_id", "intent"),
    "VARCHAR",
) | {"started_at": "TIMESTAMP"}
_RECEIPT_TYPES = dict.fromkeys(
    ("run_id", "operation_id", "mailbox", "outcome", "outlook_id", "salesforce_id", "code", "message", "remedy",
     "result", "subject", "field"), "VARCHAR",
) | {"finished_at": "TIMESTAMP", "candidates": "INTEGER"}  # fmt: skip
_WRITTEN_TYPES = dict.fromkeys(("mailbox", "outlook_id", "salesforce_id", "change_key", "display_name"), "VARCHAR") | {
    "has_stamp": "BOOLEAN",
    "modstamp": "TIMESTAMP",
}
_RETURNED_TYPES = dict.fromkeys(("run_id", "operation_id", "link_id", "side", "field", "value"), "VARCHAR") | {
    "is_rewritten": "BOOLEAN"
}
#: Nothing was sent, so they are no part of the history; the journal and the plan tell of them.
_UNPUSHED = (Outcome.STALE, Outcome.SKIPPED, Outcome.UNSENT)


class Journal:
    """The half of the writer that follows the push. Every public method is one transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, fields: Iterable[Field]) -> None:
        self.connection = connection
        self.fields = tuple(fields)

    def open_intents(self, run_id: str, operations: Sequence[Operation], now: datetime) -> None:
        """Writes what is about to be sent, with everything that its receipt will change."""
        if not operations:
            return
        rows = [
            {
                "run_id": run_id,
                "operation_id": operation.operation_id,
                "mailbox": operation.mailbox,
                "side": operation.side,
                "action": operation.action,
                "link_id": operation.link_id,
                "outlook_id": operation.outlook_id,
                "salesforce_id": operation.salesforce_id,
                "intent": operation_to_json(operation),
                "started_at": now,
            }
            for operation in operations
        ]
        with transaction(self.connection), staged(self.connection, "intents", rows, _JOURNAL_TYPES):
            self.connection.execute(statement("open_intents"))

    def close(self, receipts: Sequence[Receipt], now: datetime) -> None:
        """Writes the ends of operations whose intents are open."""
        if not receipts:
            return
        rows = [_receipt_row(receipt, now) for receipt in receipts]
        with transaction(self.connection), staged(self.connection, "receipts", rows, _RECEIPT_TYPES):
            self._mirror(receipts)
            self.connection.execute(
                "create or replace temp view done as select * from receipts where outcome = 'done';"
                + statement("due_links")
            )
            self._apply_due(receipts[0].run_id, now)
            self._mark_written(receipts)
            self._count_rewrites(receipts)
            self._record_problems(receipts)
            self._record_history(receipts, now)
            self.connection.execute(statement("close_journal"))

    def apply_link_changes(self, run_id: str, now: datetime) -> None:
        """Applies the planned changes of links and bases that need no write on either service, once."""
        with transaction(self.connection):
            self.connection.execute(statement("due_agreements"))
            agreements = scalar(self.connection, "select count(*) from due_bases")
            self._apply_due(run_id, now)
            if agreements:
                with self._moment(run_id, now):
                    self.connection.execute(statement("record_agreements"))
            self.connection.execute("delete from planning.link_changes where operation_id is null")
            self.connection.execute("delete from planning.base_updates where operation_id is null")

    def _moment(self, run_id: str, now: datetime) -> Any:
        return staged(
            self.connection,
            "moment",
            [{"run_id": run_id, "happened_at": now}],
            {"run_id": "VARCHAR", "happened_at": "TIMESTAMP"},
        )

    def _apply_due(self, run_id: str, now: datetime) -> None:
        with self._moment(run_id, now):
            self.connection.execute(statement("apply_links"))
        present = {name for (name,) in self.connection.execute("select distinct field from due_bases").fetchall()}
        fields = [field for field in self.fields if field.name in present]
        if not fields:
            return
        columns = ", ".join(
            f"max({side}_value) filter (field = '{field.name}') as {side}_{field.name}"
            for field in fields
            for side in ("outlook", "salesforce")
        )
        sets = ", ".join(
            f"{side}_{field.name} = coalesce(due.{side}_{field.name}, link.{side}_{field.name})"
            for field in fields
            for side in ("outlook", "salesforce")
        )
        self.connection.execute(
            f"create or replace temp table due_rows as select link_id, {columns} from due_bases group by link_id"
        )
        self.connection.execute(
            f"update sync.links as link set {sets} from due_rows as due where link.link_id = due.link_id"
        )
        if lists := [field for field in fields if field.is_list]:
            # A mapped entry is recognised in its list later by what the list held when the base was taken.
            sets = ", ".join(
                f"{column} = case when due.outlook_{field.name} is null then link.{column}"
                f" else coalesce(item.{field.list_column}, link.{column}) end"
                for field in lists
                for column in [f"outlook_{field.list_column}"]
            )
            self.connection.execute(
                f"update sync.links as link set {sets} from due_rows as due, outlook.contacts as item "
                "where link.link_id = due.link_id and item.mailbox = link.mailbox and item.id = link.outlook_id"
            )

    def _mirror(self, receipts: Sequence[Receipt]) -> None:
        items = [receipt.item for receipt in receipts if receipt.item is not None]
        items += [
            {"mailbox": receipt.operation.mailbox, "id": receipt.deleted_item, "place": "deleted"}
            for receipt in receipts
            if receipt.deleted_item
        ]
        upsert(self.connection, "outlook.contacts", ("mailbox", "id"), items)
        upsert(self.connection, "salesforce.contacts", ("id",), [r.contact for r in receipts if r.contact is not None])
        forgotten = [
            {"mailbox": receipt.operation.mailbox, "outlook_id": receipt.forgotten_item}
            for receipt in receipts
            if receipt.forgotten_item
        ]
        if forgotten:
            with staged(self.connection, "forgotten", forgotten, {"mailbox": "VARCHAR", "outlook_id": "VARCHAR"}):
                self.connection.execute(
                    "delete from outlook.contacts where (mailbox, id) in (select (mailbox, outlook_id) from forgotten)"
                )
        for receipt in receipts:
            if receipt.outcome is Outcome.DONE:
                self._mirror_set_up(receipt)

    def _mirror_set_up(self, receipt: Receipt) -> None:
        mailbox = receipt.operation.mailbox
        if receipt.operation.action is Action.CREATE_FOLDER:
            folder = {**receipt.result, "mailbox": mailbox, "role": "ours"}
            self.connection.execute("delete from outlook.folders where mailbox = ? and role = 'ours'", [mailbox])
            insert(self.connection, "outlook.folders", [folder])
            row = {"mailbox": mailbox, "folder_id": receipt.result["id"], "folder_state": "present"}
            upsert(self.connection, "outlook.mailboxes", ("mailbox",), [row])
        elif receipt.operation.action is Action.CREATE_CATEGORY:
            upsert(self.connection, "outlook.mailboxes", ("mailbox",), [{"mailbox": mailbox, "category_listed": True}])

    def _mark_written(self, receipts: Sequence[Receipt]) -> None:
        written = [
            {
                "mailbox": receipt.operation.mailbox,
                "outlook_id": receipt.outlook_id if receipt.operation.side is Side.OUTLOOK else "",
                "salesforce_id": receipt.salesforce_id,
                "change_key": (receipt.item or {}).get("change_key"),
                "display_name": (receipt.item or {}).get("display_name"),
                "has_stamp": bool(receipt.operation.detail["stamp"]) if "stamp" in receipt.operation.detail else None,
                "modstamp": receipt.written_stamp,
            }
            for receipt in receipts
            if receipt.outcome is Outcome.DONE
        ]
        if written:
            with staged(self.connection, "written", written, _WRITTEN_TYPES):
                self.connection.execute(statement("written_by_us"))

    def _count_rewrites(self, receipts: Sequence[Receipt]) -> None:
        returned = [
            {
                "run_id": receipt.run_id,
                "operation_id": receipt.operation.operation_id,
                "link_id": receipt.operation.link_id,
                "side": receipt.operation.side,
                "field": value.field,
                "value": value.value,
                "is_rewritten": value.is_rewritten,
            }
            for receipt in receipts
            for value in receipt.returned
        ]
        frozen = scalar(self.connection, "select count(*) from sync.frozen")
        if frozen or any(row["is_rewritten"] for row in returned):
            with staged(self.connection, "returned", returned, _RETURNED_TYPES):
                self.connection.execute(statement("rewrites"))

    def _record_problems(self, receipts: Sequence[Receipt]) -> None:
        open_problems = scalar(self.connection, "select count(*) from sync.problems where attempts > 0")
        if open_problems or any(receipt.outcome is Outcome.REFUSED for receipt in receipts):
            self.connection.execute(
                "create or replace temp view refused as select * from receipts where outcome = 'refused';"
                "create or replace temp view solved as select mailbox, subject from receipts where outcome = 'done';"
                + statement("problems")
            )

    def _record_history(self, receipts: Sequence[Receipt], now: datetime) -> None:
        events, values = [], []
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
            ]
        insert(self.connection, "sync.history", events)
        insert(self.connection, "sync.history_values", values)


def _receipt_row(receipt: Receipt, now: datetime) -> Row:
    operation = receipt.operation
    salesforce_id, outlook_id = (
        receipt.salesforce_id or operation.salesforce_id,
        receipt.outlook_id or operation.outlook_id,
    )
    return {
        "run_id": receipt.run_id,
        "operation_id": operation.operation_id,
        "mailbox": operation.mailbox,
        "outcome": receipt.outcome,
        "outlook_id": outlook_id,
        "salesforce_id": salesforce_id,
        "code": receipt.code,
        "message": receipt.message,
        "remedy": receipt.remedy,
        "result": json.dumps(dict(receipt.result)),
        "subject": operation.outlook_id or operation.salesforce_id,
        "field": receipt.refused_field,
        "finished_at": now,
        "candidates": operation.detail.get("account_candidates"),
    }


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
        },
        ensure_ascii=False,
    )


def operation_from_row(row: Row) -> Operation:
    """An operation from a row of sync.plan, or from the parsed JSON of an intent."""
    fields, detail, stamp = row["fields"], row["detail"], row["planned_stamp"]
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
        planned_stamp=datetime.fromisoformat(stamp) if isinstance(stamp, str) else stamp,
    )


def intents_in_doubt(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, Operation, datetime]]:
    """(run, operation, when it was about to be sent) of every intent without an outcome, oldest first."""
    rows = fetch(
        connection,
        "select run_id, intent, started_at from sync.journal where outcome is null order by started_at, operation_id",
    )
    return [(row["run_id"], operation_from_row(json.loads(row["intent"])), row["started_at"]) for row in rows]
