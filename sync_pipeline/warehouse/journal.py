"""The journal: intents before the calls, receipts after them.

A receipt changes mirrors, links, bases and history in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import duckdb

from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Action, Operation, Side
from sync_pipeline.warehouse.intents import operation_to_json
from sync_pipeline.warehouse.marks import mark_contacts, mark_items
from sync_pipeline.warehouse.receipt import Outcome, Receipt
from sync_pipeline.warehouse.receipt_rows import (
    EVENT_TYPES,
    JOURNAL_TYPES,
    RECEIPT_TYPES,
    REFUSED_TYPES,
    RETURNED_TYPES,
    VALUE_TYPES,
    WITHHELD_TYPES,
    WRITTEN_TYPES,
    conflict_rows,
    history_rows,
    receipt_row,
    refused_rows,
)
from sync_pipeline.warehouse.tables import insert, scalar, staged, statement, transaction, upsert


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
        with transaction(self.connection), staged(self.connection, "intents", rows, JOURNAL_TYPES):
            self.connection.execute(statement("open_intents"))
            left_out = [
                (run_id, operation.operation_id, field) for operation in operations for field in operation.left_out
            ]
            self._without_bases(left_out)

    def close(self, receipts: Sequence[Receipt], now: datetime) -> None:
        """Writes the ends of operations; those that were never sent need no intent."""
        if not receipts:
            return
        rows = [receipt_row(receipt, now) for receipt in receipts]
        with transaction(self.connection), staged(self.connection, "receipts", rows, RECEIPT_TYPES):
            self._mirror(receipts)
            self._withhold(receipts)
            self._halve_bases(receipts)
            self.connection.execute(
                "create or replace temp view done as select * from receipts where outcome = 'done';"
                + statement("due_links")
            )
            self._apply_due(receipts[0].run_id, now)
            self._mark_written(receipts)
            self._count_rewrites(receipts)
            self._record_problems(receipts, now)
            self._record_history(receipts, now)
            insert(self.connection, "sync.conflicts", [row for each in receipts for row in conflict_rows(each, now)])
            self.connection.execute(statement("close_journal"))

    def observe(self, receipts: Sequence[Receipt]) -> None:
        """Writes what the service shows of finished operations: mirror rows, our write's version, rewritten values."""
        if receipts:
            with transaction(self.connection):
                self._mirror(receipts)
                self._mark_written(receipts)
                self._count_rewrites(receipts)

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
        if scalar(self.connection, "select count(*) from due_links"):
            with self._moment(run_id, now):
                self.connection.execute(statement("apply_links"))
        self.connection.execute(statement("mark_due"))
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

    def _withhold(self, receipts: Sequence[Receipt]) -> None:
        self._without_bases(
            (receipt.run_id, receipt.operation.operation_id, withheld.field)
            for receipt in receipts
            for withheld in receipt.withheld
        )

    def _without_bases(self, unwritten: Iterable[tuple[str, str, str]]) -> None:
        """Takes (run, operation, field) out of what the receipts will make bases: no base of what was not written."""
        rows = [dict(zip(WITHHELD_TYPES, row, strict=True)) for row in unwritten]
        if rows:
            with staged(self.connection, "withheld", rows, WITHHELD_TYPES):
                self.connection.execute(
                    "delete from sync.journal_bases where (run_id, operation_id, field) in "
                    "(select (run_id, operation_id, field) from withheld)"
                )

    def _halve_bases(self, receipts: Sequence[Receipt]) -> None:
        """What was put back changes the base of the side it was written to; the other side's stays as it was."""
        for receipt in receipts:
            if receipt.was_put_back:
                other = "outlook" if receipt.operation.side is Side.SALESFORCE else "salesforce"
                self.connection.execute(
                    f"update sync.journal_bases set {other}_value = null where run_id = ? and operation_id = ?",
                    [receipt.run_id, receipt.operation.operation_id],
                )

    def _mirror(self, receipts: Sequence[Receipt]) -> None:
        items = [receipt.item for receipt in receipts if receipt.item is not None]
        items += [
            {"mailbox": receipt.operation.mailbox, "id": receipt.deleted_item, "place": "deleted", "folder_id": ""}
            for receipt in receipts
            if receipt.deleted_item
        ]
        upsert(self.connection, "outlook.contacts", ("mailbox", "id"), items)
        contacts = [receipt.contact for receipt in receipts if receipt.contact is not None]
        upsert(self.connection, "salesforce.contacts", ("id",), contacts)
        forgotten = [
            {"mailbox": receipt.operation.mailbox, "outlook_id": receipt.forgotten_item}
            for receipt in receipts
            if receipt.forgotten_item
        ]
        mark_contacts(self.connection, [contact["id"] for contact in contacts])
        mark_items(self.connection, [(item["mailbox"], item["id"]) for item in items])
        mark_items(self.connection, [(item["mailbox"], item["outlook_id"]) for item in forgotten])
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
                "has_stamp": None if (stamp := receipt.operation.detail.get("stamp")) is None else bool(stamp),
                "modstamp": receipt.written_stamp,
            }
            for receipt in receipts
            if receipt.outcome is Outcome.DONE
        ]
        if written:
            with staged(self.connection, "written", written, WRITTEN_TYPES):
                self.connection.execute(statement("written_by_us"))

    def _count_rewrites(self, receipts: Sequence[Receipt]) -> None:
        returned = [
            {
                "link_id": receipt.operation.link_id,
                "salesforce_id": receipt.salesforce_id or receipt.operation.salesforce_id,
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
            with staged(self.connection, "returned", returned, RETURNED_TYPES):
                self.connection.execute(statement("rewrites"))

    def _record_problems(self, receipts: Sequence[Receipt], now: datetime) -> None:
        refused = [row for receipt in receipts for row in refused_rows(receipt, now)]
        if refused or scalar(self.connection, "select count(*) from sync.problems where attempts > 0"):
            with staged(self.connection, "refused", refused, REFUSED_TYPES):
                self.connection.execute(
                    "create or replace temp view solved as "
                    "select mailbox, subject from receipts where outcome = 'done';" + statement("problems")
                )

    def _record_history(self, receipts: Sequence[Receipt], now: datetime) -> None:
        events, values = history_rows(receipts, now)
        if events:
            with (
                staged(self.connection, "events", events, EVENT_TYPES),
                staged(self.connection, "event_values", values, VALUE_TYPES),
            ):
                self.connection.execute(statement("record_values"))
