"""The writing half of the warehouse: runs, identity, plan, verdicts; with the mirrors' and the journal's methods."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import duckdb

from sync_pipeline.model.errors import WarehouseUnusable
from sync_pipeline.model.fields import Field
from sync_pipeline.warehouse.journal import Journal
from sync_pipeline.warehouse.mirrors import Mirrors
from sync_pipeline.warehouse.tables import Row, fetch, insert, scalar, staged, statement, transaction, upsert

#: R22: an approval lapses.
VERDICT_LIFE = timedelta(days=7)
#: What is dropped stays so until either side changes, which gives the operation another id.
DROP_LIFE = timedelta(days=36500)


class Writer(Mirrors, Journal):
    """Every public method is one transaction. `now` is UTC without a zone."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, fields: Iterable[Field]) -> None:
        Journal.__init__(self, connection, fields)

    def claim(self, org_id: str, tenant: str, now: datetime, installation_id: str) -> str:
        """Binds a new warehouse to an org, a tenant and an installation; returns the installation's id.

        Raises WarehouseUnusable where it is bound to another org or tenant.
        """
        with transaction(self.connection):
            found = fetch(self.connection, "select org_id, tenant, installation_id from sync.identity")
            if not found:
                row = {"org_id": org_id, "tenant": tenant, "installation_id": installation_id, "created_at": now}
                insert(self.connection, "sync.identity", [row])
                return installation_id
            known = found[0]
            if (known["org_id"], known["tenant"]) == (org_id, tenant):
                return str(known["installation_id"])
            raise WarehouseUnusable(
                f"The warehouse belongs to org {known['org_id']} and tenant {known['tenant']}; the settings lead to "
                f"org {org_id} and tenant {tenant}.",
                remedy="Set another data_dir for this org and tenant, or correct the credentials.",
                code="warehouse_foreign",
            )

    def begin_run(self, run_id: str, now: datetime, *, plan_only: bool, is_full: bool, mailboxes: Sequence[str]) -> int:
        """Records the run; returns its number. Runs that never ended are recorded as broken off."""
        with transaction(self.connection):
            self.connection.execute(
                "update sync.runs set status = 'broken_off' where status = 'running' and run_id <> ?", [run_id]
            )
            known = scalar(self.connection, "select number from sync.runs where run_id = ?", [run_id])
            if known is not None:
                return int(known)
            last = int(scalar(self.connection, "select coalesce(max(number), 0) from sync.runs"))
            row = {
                "run_id": run_id, "number": last + 1, "started_at": now, "status": "running", "plan_only": plan_only,
                "is_full": is_full, "mailboxes": list(mailboxes),
            }  # fmt: skip
            insert(self.connection, "sync.runs", [row])
            return last + 1

    def add_to_run(self, run_id: str, mailboxes: Collection[str]) -> None:
        """Mailboxes of which the run speaks though it was not begun with them."""
        with transaction(self.connection):
            self.connection.execute(
                "update sync.runs set mailboxes = list_sort(list_distinct(list_concat(mailboxes, ?::varchar[]))) "
                "where run_id = ?",
                [list(mailboxes), run_id],
            )

    def raise_run_number(self, run_id: str, number: int) -> None:
        """R21: a folder's mark is ahead of this warehouse; the run continues above it."""
        with transaction(self.connection):
            self.connection.execute(
                "update sync.runs set number = ? where run_id = ? and number < ?", [number, run_id, number]
            )

    def record_waits(self, run_id: str, now: datetime) -> None:
        """Notes which problems and holds began and which ended, so that any past day's can be counted."""
        with transaction(self.connection), self._moment(run_id, now):
            self.connection.execute(statement("record_waits"))

    def finish_run(self, run_id: str, now: datetime, *, status: str, planned: int, pushed: int, failed: int) -> None:
        """Status: done | problems."""
        with transaction(self.connection):
            self.connection.execute(
                "update sync.runs set finished_at = ?, status = ?, planned = ?, pushed = ?, failed = ?, message = '' "
                "where run_id = ?",
                [now, status, planned, pushed, failed, run_id],
            )

    def fail_run(self, run_id: str, *, now: datetime, message: str) -> None:
        """The run broke off with an error."""
        with transaction(self.connection):
            self.connection.execute(
                "update sync.runs set finished_at = ?, status = 'failed', message = ? where run_id = ?",
                [now, message, run_id],
            )

    def save_mark(self, mailbox: str, number: int, now: datetime) -> None:
        """R21: the run that marks, or has marked, the mailbox's folder; written before the folder is."""
        self.save_cursor(mailbox, "mark", str(number), now)

    def begin_push(self, mailboxes: Collection[str], run_id: str, now: datetime) -> None:
        """R21: the folders carry the number with which the run's push begins, and none yet with which it ends."""
        with transaction(self.connection):
            rows = [{"scope": each, "name": "push", "value": run_id, "saved_at": now} for each in mailboxes]
            upsert(self.connection, "sync.cursors", ("scope", "name"), rows)

    def end_push(self, mailboxes: Collection[str]) -> None:
        """R21: the folders carry the number with which the push ended, or nothing was written."""
        with transaction(self.connection):
            for mailbox in mailboxes:
                self.connection.execute("delete from sync.cursors where name = 'push' and scope = ?", [mailbox])

    def void_old_copy(self, mailbox: str, now: datetime) -> set[str]:
        """R21: a mailbox shows that this warehouse is an old copy; cursors, intents, approvals and undos are void.

        Returns the mailboxes that this concerns, which are all that it knows, until `end_old_copy`.
        """
        with transaction(self.connection):
            known = fetch(self.connection, "select mailbox from outlook.mailboxes")
            concerned = {mailbox, *(row["mailbox"] for row in known)}
            rows = [{"scope": each, "name": "old_copy", "value": "", "saved_at": now} for each in concerned]
            upsert(self.connection, "sync.cursors", ("scope", "name"), rows)
            self.connection.execute("update outlook.folders set delta_link = null, listed_at = null")
            self.connection.execute("delete from sync.verdicts")
            self.connection.execute("delete from sync.compared")
            self.connection.execute("update sync.undos set closed_at = ? where closed_at is null", [now])
            self.connection.execute(
                "update sync.journal set outcome = 'unsent', code = 'old_copy', intent = null, finished_at = ? "
                "where outcome is null",
                [now],
            )
        return concerned

    def end_old_copy(self, mailboxes: Collection[str]) -> None:
        """Everything of these mailboxes was compared, and what is to be deleted stands in a plan."""
        with transaction(self.connection):
            for mailbox in mailboxes:
                self.connection.execute("delete from sync.cursors where name = 'old_copy' and scope = ?", [mailbox])

    def record_plan(self, run_id: str, now: datetime, *, plan_only: bool) -> None:
        """The finished planning as sync.plan, sync.holds and sync.problems; its conflicts, and what it is asked to take
        back, where it is pushed."""
        with transaction(self.connection), self._moment(run_id, now):
            self.connection.execute(statement("record_plan"))
            if not plan_only:
                self.connection.execute(statement("record_conflicts"))
                self.connection.execute(statement("record_undo"))

    def save_verdicts(self, operations: Sequence[tuple[str, str]], verdict: str, now: datetime) -> None:
        """(operation, mailbox) pairs: approved | dropped | take_salesforce | take_outlook."""
        lapses = now + (DROP_LIFE if verdict == "dropped" else VERDICT_LIFE)
        rows = [
            {
                "operation_id": operation,
                "mailbox": mailbox,
                "verdict": verdict,
                "given_at": now,
                "lapses_at": lapses,
            }
            for operation, mailbox in operations
        ]
        with transaction(self.connection):
            upsert(self.connection, "sync.verdicts", ("operation_id",), rows)

    def retry_problems(self, problems: Sequence[Row], now: datetime) -> None:
        """R25: refused writes (rows with mailbox, subject, field) that the next run tries, whatever their pause."""
        keys = ("mailbox", "subject", "field")
        rows = [{key: problem[key] for key in keys} for problem in problems]
        with transaction(self.connection), staged(self.connection, "wanted", rows, dict.fromkeys(keys, "VARCHAR")):
            self.connection.execute(
                "update sync.problems set next_try = ? where attempts > 0 and next_try > ? "
                "and (mailbox, subject, field) in (select (mailbox, subject, field) from wanted)",
                [now, now],
            )

    def save_fingerprints(self, rows: Sequence[Row], run_id: str) -> None:
        """Rows of sync.fingerprints (mailbox, kind, value): what a run that ended well was made with."""
        with transaction(self.connection):
            upsert(
                self.connection, "sync.fingerprints", ("mailbox", "kind"), [{**row, "run_id": run_id} for row in rows]
            )

    def link_by_hand(self, mailbox: str, outlook_id: str, salesforce_id: str, run_id: str, now: datetime) -> str:
        """Links two contacts (R27); bases are empty, so the next run compares every field. Returns the link's id."""
        link_id = uuid.uuid4().hex[:16]
        row = {"kind": "link", "mailbox": mailbox, "link_id": link_id, "outlook_id": outlook_id,
               "salesforce_id": salesforce_id, "origin": "matched", "seen_in_view": False}  # fmt: skip
        self._apply_by_hand(row, run_id, now)
        return link_id

    def unlink_by_hand(self, mailbox: str, link_id: str, run_id: str, now: datetime) -> None:
        """Closes a link (R27); both contacts stay as they are."""
        self._apply_by_hand({"kind": "close", "mailbox": mailbox, "link_id": link_id, "reason": "by_hand"}, run_id, now)

    def _apply_by_hand(self, row: Row, run_id: str, now: datetime) -> None:
        kinds = dict.fromkeys(
            ("kind", "mailbox", "link_id", "outlook_id", "salesforce_id", "origin", "reason", "operation_id"), "VARCHAR"
        )
        with (
            transaction(self.connection),
            staged(self.connection, "by_hand", [row], {**kinds, "seen_in_view": "BOOLEAN"}),
        ):
            self.connection.execute(
                "create or replace temp table due_links as select *, null::integer as candidates from by_hand"
            )
            self.connection.execute(
                "create or replace temp table due_bases as "
                "select link_id, kind as field, reason as outlook_value, reason as salesforce_value "
                "from by_hand where false"
            )
            self._apply_due(run_id, now)

    def save_requests(self, run_id: str, rows: Sequence[Row]) -> None:
        """RequestCounter.rows() of the run, in the place of what an earlier step of it saved."""
        with transaction(self.connection):
            self.connection.execute("delete from sync.requests where run_id = ?", [run_id])
            insert(self.connection, "sync.requests", [{**row, "run_id": run_id} for row in rows])
