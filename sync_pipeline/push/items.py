"""Creates, updates, deletes and releases Outlook contacts of one mailbox, 20 in one call, each checked just before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Action, Operation
from sync_pipeline.outlook.batch import SubResult
from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.outlook.properties import EXTENDED, STAMP, extended_value, has_category, same_property
from sync_pipeline.outlook.rows import creation, patch, row
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.failures import refusal, stale
from sync_pipeline.push.folders import Folders
from sync_pipeline.push.returned import returned_values
from sync_pipeline.transport import Refused
from sync_pipeline.warehouse.receipt import Outcome, Receipt

Json = dict[str, Any]
#: Columns of a mirror row that an item does not tell.
IN_FOLDER: Final = {"place": "folder", "lost_with_folder": False}


@dataclass
class Items:
    """The calls of one mailbox. What raises: MailboxStopped where it cannot be read, SideUnavailable.

    `is_stamped_at_once` tells whether a POST into a folder takes extended properties: documented for messages only, so
    that the first creations of a run are read again.
    """

    mailbox: Mailbox
    folders: Folders
    fields: tuple[Field, ...]
    run: RunContext
    is_stamped_at_once: bool | None = None

    def check(self, operations: Sequence[Operation], planned: dict[str, str]) -> tuple[dict[str, Json], list[Receipt]]:
        """The items as they are now, by operation; receipts of those that are not what was planned from.

        `planned` is the folder by item id, as the mirror has it.
        """
        found = self.mailbox.read([operation.outlook_id for operation in operations])
        fresh: dict[str, Json] = {}
        late = []
        for operation in operations:
            item = found[operation.outlook_id]
            if item is None:
                late.append(stale(self.run.run_id, operation, "The Outlook contact is gone."))
            elif operation.planned_key and item.get("changeKey") != operation.planned_key:
                late.append(
                    stale(self.run.run_id, operation, "The Outlook contact was changed since the plan was made.")
                )
            elif item["parentFolderId"] != planned.get(operation.outlook_id, item["parentFolderId"]):
                late.append(stale(self.run.run_id, operation, "The Outlook contact was moved since the plan was made."))
            else:
                fresh[operation.operation_id] = item
        return fresh, late

    def create(self, operations: Sequence[Operation]) -> list[Receipt]:
        """Receipts of those whose outcome is known."""
        bodies = [self._creation(operation) for operation in operations]
        results = self.mailbox.batch([self.mailbox.create_request(self.folders.ours, body) for body in bodies])
        created = [
            (operation, body, dict(result.body))
            for operation, body, result in zip(operations, bodies, results, strict=True)
            if result.error is None
        ]
        receipts = self._failures(operations, results)
        for operation, body, item in self._stamped(created):
            shown = self._shown(item, body)
            contact = row(shown, self.fields, self.mailbox.address)
            receipts.append(self._written(operation, {**contact, "folder_id": self.folders.ours, **IN_FOLDER}))
        return receipts

    def update(self, operations: Sequence[Operation], fresh: dict[str, Json]) -> list[Receipt]:
        """Updates and releases; `fresh` are the items just read. Receipts of those whose outcome is known."""
        # R5: one that wears nothing of ours any more is personal already, and is not touched
        bare = [op for op in operations if op.action is Action.RELEASE and _is_bare(fresh[op.operation_id])]
        operations = [operation for operation in operations if operation not in bare]
        bodies = [self._patch(operation, fresh[operation.operation_id]) for operation in operations]
        requests = [
            self.mailbox.update_request(op.outlook_id, body, change_key=fresh[op.operation_id]["changeKey"])
            for op, body in zip(operations, bodies, strict=True)
        ]
        results = self.mailbox.batch(requests)
        receipts = [*self._failures(operations, results), *map(self._released, bare)]
        for operation, body, result in zip(operations, bodies, results, strict=True):
            if result.error is not None:
                continue
            if operation.action is Action.RELEASE:
                receipts.append(self._released(operation))
            else:
                before = fresh[operation.operation_id]
                shown = self._shown(dict(result.body), body, before)
                receipts.append(self._written(operation, row(shown, self.fields, self.mailbox.address)))
        return receipts

    def delete(self, operations: Sequence[Operation], fresh: dict[str, Json]) -> list[Receipt]:
        """To Deleted Items. Receipts of those whose outcome is known; a 404 is looked into, for it can mean done."""
        requests = [
            self.mailbox.delete_request(op.outlook_id, change_key=fresh[op.operation_id]["changeKey"])
            for op in operations
        ]
        results = self.mailbox.batch(requests)
        unclear = [op for op, result in zip(operations, results, strict=True) if result.status == 404]
        found = self.mailbox.read([operation.outlook_id for operation in unclear]) if unclear else {}
        gone = {item_id for item_id, item in found.items() if self.folders.is_thrown_away(item)}
        receipts = []
        for operation, result in zip(operations, results, strict=True):
            if result.error is None or operation.outlook_id in gone:
                receipts.append(
                    Receipt(
                        self.run.run_id, operation, Outcome.DONE, outlook_id=operation.outlook_id,
                        deleted_item=operation.outlook_id,
                    )
                )  # fmt: skip
            elif isinstance(result.error, Refused):
                receipts.append(refusal(self.run.run_id, operation, result.error, self.fields))
        return receipts

    # -- inside --------------------------------------------------------------------------------------------------------

    def _creation(self, operation: Operation) -> Json:
        values = {change.field: change.after for change in operation.fields}
        return creation(values, given_detail(operation), self.fields, org_id=self.run.org_id)

    def _patch(self, operation: Operation, item: Json) -> Json:
        return patch(item, operation.fields, given_detail(operation), self.fields, org_id=self.run.org_id)

    def _failures(self, operations: Sequence[Operation], results: Sequence[SubResult]) -> list[Receipt]:
        return [
            refusal(self.run.run_id, operation, result.error, self.fields)
            for operation, result in zip(operations, results, strict=True)
            if isinstance(result.error, Refused)
        ]

    def _stamped(self, created: list[tuple[Operation, Json, Json]]) -> list[tuple[Operation, Json, Json]]:
        """The created items, with their extended properties set where the creation itself does not set them."""
        if self.is_stamped_at_once is None:
            first = [item["id"] for _, body, item in created if extended_value(body, STAMP)][:20]
            found = self.mailbox.read(first) if first else {}
            seen = [item for item in found.values() if item is not None]
            if seen:
                self.is_stamped_at_once = all(extended_value(item, STAMP) for item in seen)
        if self.is_stamped_at_once is not False:
            return created
        requests = [
            self.mailbox.update_request(
                item["id"],
                {EXTENDED: body.get(EXTENDED, []), "displayName": item.get("displayName") or ""},
                change_key=item["changeKey"],
            )
            for _, body, item in created
        ]
        results = self.mailbox.batch(requests)
        # What could not be stamped is mirrored without a stamp, so that the next plan stamps it.
        return [
            (operation, body, dict(result.body)) if result.error is None else (operation, {**body, EXTENDED: []}, item)
            for (operation, body, item), result in zip(created, results, strict=True)
        ]

    def _shown(self, item: Json, body: Json, before: Json | None = None) -> Json:
        """The answer to a write with the extended properties, which it does not show: as they were, then as sent."""
        sent = list(body.get(EXTENDED, ()))
        kept = [
            entry
            for entry in (before or {}).get(EXTENDED) or ()
            if not any(same_property(entry["id"], other["id"]) for other in sent)
        ]
        return {**item, EXTENDED: [*kept, *sent]}

    def _released(self, operation: Operation) -> Receipt:
        gone = operation.outlook_id
        return Receipt(self.run.run_id, operation, Outcome.DONE, outlook_id=gone, forgotten_item=gone)

    def _written(self, operation: Operation, item: Json) -> Receipt:
        mirrored = {**item, "seen_run": self.run.run_id}
        return Receipt(
            self.run.run_id,
            operation,
            Outcome.DONE,
            outlook_id=item["id"],
            item=mirrored,
            returned=returned_values(operation.fields, mirrored, self.fields),
        )


def _is_bare(item: Json) -> bool:
    return not extended_value(item, STAMP) and not has_category(item)


def given_detail(operation: Operation) -> Json:
    """The detail without what planning left empty (a null stamp, a false `categorise`, no display name)."""
    return {
        key: value
        for key, value in operation.detail.items()
        if value is not None and (value is not False or key == "problem")
    }
