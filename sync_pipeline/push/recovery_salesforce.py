"""What Salesforce shows of an operation in doubt: the Contact created by us, the values sent, the deletion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import duckdb

from sync_pipeline.model.fields import Field, normal
from sync_pipeline.model.operation import Action, FieldChange, Operation
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.salesforce import external_id
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.rows import row, selectable, stored
from sync_pipeline.salesforce.soql import literal, quote
from sync_pipeline.warehouse.receipt import Outcome, Receipt
from sync_pipeline.warehouse.tables import fetch

#: The intent's time is this machine's view of the server's clock, which may be behind it by some seconds.
CLOCK_SLACK: Final = timedelta(minutes=2)


class SalesforceWitness:
    """Looks for one mailbox's operations with its credential. Raises SideUnavailable."""

    def __init__(
        self, org: Org, connection: duckdb.DuckDBPyConnection, fields: Sequence[Field], run: RunContext
    ) -> None:
        self._org, self._connection, self._fields, self._run = org, connection, tuple(fields), run
        self._columns = selectable(self._fields, fetch(connection, "select * from salesforce.describe"))
        self._claimed: set[str] = set()
        self._created_by_us: dict[datetime, list[dict[str, Any]]] = {}

    def look(self, run_id: str, operation: Operation, started_at: datetime) -> Receipt:
        """The receipt that the operation would have had."""
        record = self._find(operation, started_at)
        if record is None:
            return Receipt(run_id, operation, Outcome.UNSENT, code="not_done", message="It had no effect.")
        contact = {**row(record, self._fields), "seen_run": self._run.run_id}
        is_ours = contact["modified_by"] == self._org.user_id
        return Receipt(
            run_id,
            operation,
            Outcome.DONE,
            salesforce_id=contact["id"],
            contact=contact,
            written_stamp=contact["modstamp"] if is_ours else None,
        )

    def _find(self, operation: Operation, started_at: datetime) -> dict[str, Any] | None:
        if operation.action is Action.CREATE:
            return self._created(operation, started_at)
        found = self._query(f"Id = {quote(operation.salesforce_id)}")
        record = found[0] if found else None
        if operation.action is Action.DELETE:
            # What is gone from the recycle bin too was deleted as well.
            gone = {"Id": operation.salesforce_id, "IsDeleted": True}
            return gone if record is None else record if record.get("IsDeleted") else None
        if record is None or record.get("IsDeleted"):
            return None
        return record if self._holds(operation.fields, record) and self._has_account(operation, record) else None

    def _created(self, operation: Operation, started_at: datetime) -> dict[str, Any] | None:
        if self._run.external_id_field:
            found = self._query(f"{self._run.external_id_field} = {quote(external_id(operation))}")
            return found[0] if found else None
        found = self._created_since(started_at - CLOCK_SLACK)
        known = {
            row["salesforce_id"]
            for row in fetch(
                self._connection,
                "select salesforce_id from sync.links "
                "union select salesforce_id from sync.journal where outcome = 'done'",
            )
        }
        for record in found:
            is_free = record["Id"] not in known | self._claimed and not record.get("IsDeleted")
            if is_free and self._holds(operation.fields, record):
                self._claimed.add(record["Id"])
                return record
        return None

    def _created_since(self, moment: datetime) -> list[dict[str, Any]]:
        """What we created since, read once for all intents of a moment.

        Not asked for by name: Salesforce keeps a name in another form than it was sent in (blanks go).
        """
        if moment not in self._created_by_us:
            by_us = f"CreatedById = {quote(self._org.user_id)}"
            self._created_by_us[moment] = self._query(
                f"{by_us} AND CreatedDate >= {literal(moment)} ORDER BY CreatedDate, Id"
            )
        return self._created_by_us[moment]

    def _query(self, condition: str) -> list[dict[str, Any]]:
        soql = f"SELECT {', '.join(self._columns)} FROM Contact WHERE {condition}"
        return [record for page in self._org.query(soql, include_deleted=True) for record in page]

    def _holds(self, changes: Sequence[FieldChange], record: dict[str, Any]) -> bool:
        """Whether the record shows every value sent, in form. The Account's name is no value of a Contact."""
        table = {field.name: field for field in stored(self._fields)}
        values = row(record, self._fields)
        return all(
            values[change.field] is None
            or normal(table[change.field].kind, values[change.field]) == normal(table[change.field].kind, change.after)
            for change in changes
            if change.field in table
        )

    def _has_account(self, operation: Operation, record: dict[str, Any]) -> bool:
        account = operation.detail.get("account_id")
        return not account or account == record.get("AccountId")
