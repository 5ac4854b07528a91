"""What Salesforce shows of an operation in doubt: the Contact created by us, the values sent, the deletion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

import duckdb

from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Action, FieldChange, Operation
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.doubted_creations import Assignment, assign, shows
from sync_pipeline.push.failures import not_done, perhaps_created
from sync_pipeline.push.salesforce import external_id
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.rows import row, selectable, stored
from sync_pipeline.salesforce.soql import literal, quote
from sync_pipeline.warehouse.receipt import Outcome, Receipt
from sync_pipeline.warehouse.tables import fetch

#: The intent's time is this machine's view of the server's clock, which may be behind it by some seconds.
CLOCK_SLACK: Final = timedelta(minutes=2)


class SalesforceWitness:
    """Looks for one mailbox's operations with its credential. Raises SideUnavailable.

    `creations` are all that are in doubt, each with the time of its intent: which Contact is whose is judged together.
    """

    def __init__(
        self,
        org: Org,
        connection: duckdb.DuckDBPyConnection,
        fields: Sequence[Field],
        run: RunContext,
        creations: Sequence[tuple[Operation, datetime]],
    ) -> None:
        self._org, self._connection, self._fields, self._run = org, connection, tuple(fields), run
        self._columns = selectable(self._fields, fetch(connection, "select * from salesforce.describe"))
        self._kinds = {field.name: field.kind for field in stored(self._fields)}
        self._creations = creations

    def look(self, run_id: str, operation: Operation) -> Receipt:
        """The receipt that the operation would have had."""
        match operation.action:
            case Action.CREATE:
                return self._creation(run_id, operation)
            case Action.DELETE:
                return self._deletion(run_id, operation)
        found = self._query(f"Id = {quote(operation.salesforce_id)}")
        if not found or found[0].get("IsDeleted"):
            return not_done(run_id, operation)
        record = found[0]
        if self._holds(operation.fields, record) and self._has_account(operation, record):
            return self._done(run_id, operation, record)
        if operation.fields and self._was_touched(operation, record) and self._is_as_before(record):
            return replace(self._done(run_id, operation, record), was_put_back=True)
        return not_done(run_id, operation)

    def _creation(self, run_id: str, operation: Operation) -> Receipt:
        if self._run.external_id_field:
            found = self._query(f"{self._run.external_id_field} = {quote(external_id(operation))}")
            return self._done(run_id, operation, found[0]) if found else not_done(run_id, operation)
        if record := self._assigned.made.get(operation.operation_id):
            return self._done(run_id, operation, record)
        if candidates := self._assigned.perhaps.get(operation.operation_id):
            return perhaps_created(run_id, operation, candidates)
        return not_done(run_id, operation)

    def _deletion(self, run_id: str, operation: Operation) -> Receipt:
        found = self._query(f"Id = {quote(operation.salesforce_id)}")
        if not found:
            # What is gone from the recycle bin too was deleted as well.
            return self._done(run_id, operation, {"Id": operation.salesforce_id, "IsDeleted": True})
        record = found[0]
        # Alive, changed since, and with the values of before: it was deleted, and somebody took it out of the bin.
        was_undeleted = self._was_touched(operation, record) and self._is_as_before(record)
        if record.get("IsDeleted") or was_undeleted:
            return self._done(run_id, operation, record)
        return not_done(run_id, operation)

    def _done(self, run_id: str, operation: Operation, record: Mapping[str, Any]) -> Receipt:
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

    @cached_property
    def _assigned(self) -> Assignment:
        """What we created since the oldest intent, in the recycle bin too, against the creations in doubt.

        Not asked for by name: Salesforce keeps a name in another form than it was sent in (blanks go).
        """
        creations = [(operation, started_at - CLOCK_SLACK) for operation, started_at in self._creations]
        since = literal(min(moment for _, moment in creations))
        by_us = f"CreatedById = {quote(self._org.user_id)}"
        found = self._query(f"{by_us} AND CreatedDate >= {since} ORDER BY CreatedDate, Id")
        known = {
            row["salesforce_id"]
            for row in fetch(
                self._connection,
                "select salesforce_id from sync.links "
                "union select salesforce_id from sync.journal where outcome = 'done'",
            )
        }
        free = [record for record in found if record["Id"] not in known]
        return assign(creations, free, self._fields, made_by_people_too=self._run.has_own_logins)

    def _was_touched(self, operation: Operation, record: Mapping[str, Any]) -> bool:
        stamp = row(record, self._fields)["modstamp"]
        return operation.planned_stamp is not None and stamp is not None and stamp > operation.planned_stamp

    def _is_as_before(self, record: Mapping[str, Any]) -> bool:
        """Whether it shows in every mapped field what it showed when the operation was planned."""
        known = fetch(self._connection, "select * from salesforce.contacts where id = ?", [record["Id"]])
        values = row(record, self._fields)
        return bool(known) and all(
            shows(kind, values[name], known[0][name] or "") for name, kind in self._kinds.items()
        )

    def _query(self, condition: str) -> list[dict[str, Any]]:
        soql = f"SELECT {', '.join(self._columns)} FROM Contact WHERE {condition}"
        return [record for page in self._org.query(soql, include_deleted=True) for record in page]

    def _holds(self, changes: Sequence[FieldChange], record: Mapping[str, Any]) -> bool:
        """Whether the record shows every value sent, in form. The Account's name is no value of a Contact."""
        values = row(record, self._fields)
        return all(
            shows(self._kinds[change.field], values[change.field], change.after)
            for change in changes
            if change.field in self._kinds
        )

    def _has_account(self, operation: Operation, record: Mapping[str, Any]) -> bool:
        account = operation.detail.get("account_id")
        return not account or account == record.get("AccountId")
