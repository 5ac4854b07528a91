"""The last look at Outlook before Contacts are deleted (R14, R15, R19, R24).

Is each item still gone, or where it lay, and did no other mailbox edit the Contact?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from sync_pipeline.model.errors import MailboxStopped
from sync_pipeline.model.operation import Operation
from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.failures import stale
from sync_pipeline.warehouse.receipt import Outcome, Receipt
from sync_pipeline.warehouse.tables import fetch


@dataclass(frozen=True)
class _Look:
    """An item that a deletion rests on: its own, whose going is the reason, or (`of_another`) another mailbox's."""

    operation: Operation
    outlook_id: str
    of_another: bool = False


def contested(
    mailbox_for: Callable[[str], Mailbox],
    operations: Sequence[Operation],
    connection: duckdb.DuckDBPyConnection,
    run: RunContext,
) -> list[Receipt]:
    """Receipts of the deletions that must not be sent: their item came back, went on or was edited since it was read,
    or the Contact was edited in another mailbox (R19).

    A mailbox's items are read together. One that cannot be read is reported to `run.stop`, its deletions stay unsent,
    and those of Contacts that it holds. Raises SideUnavailable.
    """
    by_mailbox: dict[str, list[_Look]] = {}
    for operation in operations:
        if operation.outlook_id:  # R24: else the Contact stands alone
            by_mailbox.setdefault(operation.mailbox, []).append(_Look(operation, operation.outlook_id))
    for operation, address, item in _held_elsewhere(connection, operations, run.run_id):
        by_mailbox.setdefault(address, []).append(_Look(operation, item, of_another=True))
    receipts: dict[str, Receipt] = {}
    for address, looks in by_mailbox.items():
        try:
            found = [
                stale(run.run_id, look.operation, what)
                for look, what in _objections(mailbox_for(address), looks, connection)
            ]
        except MailboxStopped as error:
            run.stop(error)
            found = [
                Receipt(run.run_id, look.operation, Outcome.UNSENT, code=error.code, message=error.message)
                for look in looks
            ]
        receipts |= {receipt.operation.operation_id: receipt for receipt in found}
    return list(receipts.values())


def _objections(
    mailbox: Mailbox, looks: Sequence[_Look], connection: duckdb.DuckDBPyConnection
) -> Iterator[tuple[_Look, str]]:
    ids = [look.outlook_id for look in looks]
    mirror = _mirror(connection, mailbox.address, ids)
    found = mailbox.read(ids)
    # A folder may have been deleted or put back since it was mirrored, with all that lies in it.
    roles = {folder.id: folder.role for folder in mailbox.contact_folders()} if any(found.values()) else {}
    for look in looks:
        item, planned = found[look.outlook_id], mirror.get(look.outlook_id, {})
        if look.of_another:
            if item is not None and item["changeKey"] != planned.get("change_key"):
                yield look, f"The contact was changed in the mailbox {mailbox.address} since the plan was made."
            continue
        if planned.get("place") in ("elsewhere", "folder"):
            is_as_planned = item is not None and all(
                item[name] == planned[column]
                for name, column in (("parentFolderId", "folder_id"), ("changeKey", "change_key"))
            )
        else:
            is_as_planned = item is None or roles.get(item["parentFolderId"], "deleted") == "deleted"
        if not is_as_planned:
            yield look, "The Outlook contact was moved, changed or brought back since the plan was made."


def _held_elsewhere(
    connection: duckdb.DuckDBPyConnection, operations: Sequence[Operation], run_id: str
) -> list[tuple[Operation, str, str]]:
    """(operation, mailbox, item) of the living contacts that other mailboxes, read by this run, hold of the same."""
    by_contact = {operation.salesforce_id: operation for operation in operations}
    rows = fetch(
        connection,
        "select link.mailbox, link.outlook_id, link.salesforce_id from sync.links as link "
        "join outlook.mailboxes as mailbox on mailbox.mailbox = link.mailbox and mailbox.extracted_run = ? "
        "join outlook.contacts as item on item.mailbox = link.mailbox and item.id = link.outlook_id "
        "where link.state = 'linked' and item.place = 'folder' "
        "and list_contains(?::varchar[], link.salesforce_id) order by all",
        [run_id, list(by_contact)],
    )
    return [
        (by_contact[row["salesforce_id"]], row["mailbox"], row["outlook_id"])
        for row in rows
        if row["mailbox"] != by_contact[row["salesforce_id"]].mailbox
    ]


def _mirror(connection: duckdb.DuckDBPyConnection, address: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    marks = ", ".join("?" * len(ids)) or "null"
    rows = fetch(
        connection,
        f"select id, place, folder_id, change_key from outlook.contacts where mailbox = ? and id in ({marks})",
        [address, *ids],
    )
    return {row["id"]: row for row in rows}
