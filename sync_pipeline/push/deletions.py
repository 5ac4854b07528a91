"""The last look at Outlook before Contacts are deleted (R14, R15, R24): is each item still gone, or where it lay?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import duckdb

from sync_pipeline.model.errors import MailboxStopped
from sync_pipeline.model.operation import Operation
from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.failures import stale
from sync_pipeline.warehouse.receipt import Outcome, Receipt
from sync_pipeline.warehouse.tables import fetch


def contested(
    mailbox_for: Callable[[str], Mailbox],
    operations: Sequence[Operation],
    connection: duckdb.DuckDBPyConnection,
    run: RunContext,
) -> list[Receipt]:
    """Receipts of the deletions that must not be sent: their item came back, went on or was edited since it was read.

    A mailbox's items are read together. One that cannot be read is reported to `run.stop`, its deletions stay unsent.
    Raises SideUnavailable.
    """
    by_mailbox: dict[str, list[Operation]] = {}
    for operation in operations:
        by_mailbox.setdefault(operation.mailbox, []).append(operation)
    receipts: list[Receipt] = []
    for address, mine in by_mailbox.items():
        try:
            receipts += _contested(mailbox_for(address), mine, connection, run)
        except MailboxStopped as error:
            run.stop(error)
            receipts += [
                Receipt(run.run_id, operation, Outcome.UNSENT, code=error.code, message=error.message)
                for operation in mine
            ]
    return receipts


def _contested(
    mailbox: Mailbox, operations: Sequence[Operation], connection: duckdb.DuckDBPyConnection, run: RunContext
) -> list[Receipt]:
    ids = [operation.outlook_id for operation in operations if operation.outlook_id]
    mirror = _mirror(connection, mailbox.address, ids)
    found = mailbox.read(ids)
    # A folder may have been deleted or put back since it was mirrored, with all that lies in it.
    roles = {folder.id: folder.role for folder in mailbox.contact_folders()} if any(found.values()) else {}
    receipts = []
    for operation in operations:
        if not operation.outlook_id:
            continue  # R24: the Contact stands alone
        item, planned = found[operation.outlook_id], mirror.get(operation.outlook_id, {})
        if planned.get("place") in ("elsewhere", "folder"):
            is_as_planned = item is not None and all(
                item[name] == planned[column]
                for name, column in (("parentFolderId", "folder_id"), ("changeKey", "change_key"))
            )
        else:
            is_as_planned = item is None or roles.get(item["parentFolderId"], "deleted") == "deleted"
        if not is_as_planned:
            what = "The Outlook contact was moved, changed or brought back since the plan was made."
            receipts.append(stale(run.run_id, operation, what))
    return receipts


def _mirror(connection: duckdb.DuckDBPyConnection, address: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    marks = ", ".join("?" * len(ids)) or "null"
    rows = fetch(
        connection,
        f"select id, place, folder_id, change_key from outlook.contacts where mailbox = ? and id in ({marks})",
        [address, *ids],
    )
    return {row["id"]: row for row in rows}
