"""What a mailbox shows of an operation in doubt: stamp, name of the original, values sent, where the item lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import duckdb

from sync_pipeline.model.fields import Field, normal
from sync_pipeline.model.operation import Action, Operation
from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.outlook.folders import FolderInfo
from sync_pipeline.outlook.properties import CATEGORY, COPY_OF, STAMP, extended_value, has_category, stamp_text
from sync_pipeline.outlook.rows import row
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.failures import not_done
from sync_pipeline.push.items import IN_FOLDER
from sync_pipeline.push.moves import put_back, source_of
from sync_pipeline.warehouse.receipt import Outcome, Receipt
from sync_pipeline.warehouse.tables import fetch

Json = dict[str, Any]
CLOCK_SLACK: Final = timedelta(minutes=2)


class OutlookWitness:
    """Looks into one mailbox. Raises MailboxStopped, SideUnavailable."""

    def __init__(
        self, mailbox: Mailbox, connection: duckdb.DuckDBPyConnection, fields: Sequence[Field], run: RunContext
    ) -> None:
        self._mailbox, self._connection, self._fields, self._run = mailbox, connection, tuple(fields), run
        self._folders: list[FolderInfo] = mailbox.contact_folders()
        self._roles = {folder.id: folder.role for folder in self._folders}
        self._ours = self._our_folder()
        self._claimed: set[str] = set()

    def look(self, run_id: str, operation: Operation, started_at: datetime) -> Receipt:
        """The receipt that the operation would have had."""
        nothing = not_done(run_id, operation)
        match operation.action:
            case Action.CREATE_FOLDER:
                found = [folder for folder in self._folders if self._is_marked(folder) and folder.role == "other"]
                if not found:
                    return nothing
                result = {"id": found[0].id, "name": found[0].name, "parent_id": found[0].parent_id}
                return Receipt(run_id, operation, Outcome.DONE, result=result)
            case Action.CREATE_CATEGORY:
                is_listed = self._mailbox.category_listed(CATEGORY)
                return Receipt(run_id, operation, Outcome.DONE) if is_listed else nothing
            case Action.CREATE:
                item = self._created(operation, started_at)
                return self._in_folder(run_id, operation, item, "") if item else nothing
            case Action.MOVE | Action.RESTORE:
                return self._moved(run_id, operation) or nothing
            case Action.FINISH_MOVE:
                return self._finished(run_id, operation) or nothing
        item = self._mailbox.read([operation.outlook_id])[operation.outlook_id]
        if operation.action is Action.DELETE:
            gone = operation.outlook_id
            if item is None or self._is_thrown_away(item):
                return Receipt(run_id, operation, Outcome.DONE, outlook_id=gone, deleted_item=gone)
            # It is there, changed since, and with the values of before: it was removed, and its owner brought it back.
            return self._shown(run_id, operation, item) if self._was_put_back(operation, item) else nothing
        if item is None:
            return nothing
        if not self._is_written(operation, item):
            is_edit = operation.action is Action.UPDATE and operation.fields
            was_put_back = is_edit and self._was_put_back(operation, item)
            return replace(self._shown(run_id, operation, item), was_put_back=True) if was_put_back else nothing
        if operation.action is Action.RELEASE:
            released = operation.outlook_id
            return Receipt(run_id, operation, Outcome.DONE, outlook_id=released, forgotten_item=released)
        return self._shown(run_id, operation, item)

    def _shown(self, run_id: str, operation: Operation, item: Json) -> Receipt:
        mirrored = {**row(item, self._fields, self._mailbox.address), "seen_run": self._run.run_id}
        return Receipt(run_id, operation, Outcome.DONE, outlook_id=item["id"], item=mirrored)

    def _was_put_back(self, operation: Operation, item: Json) -> bool:
        """Whether it was changed since the plan, and yet shows in every mapped field what it showed then."""
        known = fetch(
            self._connection,
            "select * from outlook.contacts where mailbox = ? and id = ?",
            [self._mailbox.address, item["id"]],
        )
        if not known or item.get("changeKey") in (None, operation.planned_key):
            return False
        shown = row(item, self._fields, self._mailbox.address)
        return all(
            shown[column] is None or _forms(field, shown[column]) == _forms(field, known[0][column])
            for field in self._fields
            for column in [field.list_column if field.is_list else field.name]
        )

    # -- creations and copies ------------------------------------------------------------------------------------------

    def _created(self, operation: Operation, started_at: datetime) -> Json | None:
        if not self._ours:
            return None
        stamp = stamp_text(self._run.org_id, operation.salesforce_id)
        found = self._free(self._mailbox.find_by_property(self._ours, STAMP, stamp))
        if not found:
            # A POST into a folder may drop the stamp (not documented), so that the values have to tell.
            since = (started_at - CLOCK_SLACK).isoformat()
            listed = [item for page in self._mailbox.listing(self._ours) for item in page]
            young = [item for item in listed if str(item.get("createdDateTime") or "") >= since]
            found = [
                item
                for item in self._free(young)
                if not extended_value(item, STAMP) and self._holds(operation, item, but_extended=True)
            ]
        if not found:
            return None
        self._claimed.add(found[0]["id"])
        return found[0]

    def _moved(self, run_id: str, operation: Operation) -> Receipt | None:
        source = source_of(operation)
        copies = self._free(self._mailbox.find_by_property(self._ours, COPY_OF, source)) if self._ours else []
        if not copies:
            return None
        self._claimed.add(copies[0]["id"])
        is_gone = self._is_thrown_away(self._mailbox.read([source])[source])
        forgotten = source if is_gone or operation.action is Action.RESTORE else ""
        # Whether the copy is whole is looked at when the move is finished, before the original goes.
        receipt = self._in_folder(run_id, operation, copies[0], forgotten)
        return replace(receipt, result=operation.detail.get("copied") or {})

    def _finished(self, run_id: str, operation: Operation) -> Receipt | None:
        source = source_of(operation)
        found = self._mailbox.read([source, operation.outlook_id])
        original, copy = found[source], found[operation.outlook_id]
        if not self._is_thrown_away(original):
            return None
        if copy is not None:
            return self._in_folder(run_id, operation, copy, source)
        # The copy went with its original: was it made again?
        again = self._free(self._mailbox.find_by_property(self._ours, COPY_OF, source)) if self._ours else []
        if again:
            self._claimed.add(again[0]["id"])
            return replace(self._in_folder(run_id, operation, again[0], source), moves_link=True)
        if original is None:
            return None
        run = replace(self._run, run_id=run_id)
        return put_back(run, operation, original, self._fields, Outcome.DONE, "Neither copy nor original was left.")

    def _free(self, items: Sequence[Json]) -> list[Json]:
        rows = fetch(
            self._connection,
            "select outlook_id from sync.links where mailbox = ? and state = 'linked'",
            [self._mailbox.address],
        )
        taken = {row["outlook_id"] for row in rows} | self._claimed
        return [item for item in items if item["id"] not in taken]

    def _in_folder(self, run_id: str, operation: Operation, item: Json, forgotten: str) -> Receipt:
        mirrored = {**row(item, self._fields, self._mailbox.address), **IN_FOLDER, "seen_run": self._run.run_id}
        return Receipt(run_id, operation, Outcome.DONE, outlook_id=item["id"], item=mirrored, forgotten_item=forgotten)

    # -- what an item shows --------------------------------------------------------------------------------------------

    def _is_written(self, operation: Operation, item: Json) -> bool:
        detail = operation.detail
        stamp = detail.get("stamp")
        if stamp is not None:
            wanted = stamp_text(self._run.org_id, stamp)
            if extended_value(item, STAMP).casefold() != wanted.casefold():
                return False
        if detail.get("categorise") and not has_category(item):
            return False
        if operation.action is Action.RELEASE and has_category(item):
            return False
        if (name := detail.get("display_name")) and item.get("displayName") != name:
            return False
        return self._holds(operation, item)

    def _holds(self, operation: Operation, item: Json, *, but_extended: bool = False) -> bool:
        table = {field.name: field for field in self._fields}
        shown = row(item, self._fields, self._mailbox.address)
        for change in operation.fields:
            field = table[change.field]
            if field.is_extended and but_extended:
                continue
            after = normal(field.kind, change.after)
            if field.is_list:
                entries = [normal(field.kind, entry) for entry in shown[field.list_column] or ()]
                removed = normal(field.kind, change.before or "")
                if (after and after not in entries) or (not after and removed in entries):
                    return False
            elif normal(field.kind, shown[field.name] or "") != after:
                return False
        return True

    # -- folders -------------------------------------------------------------------------------------------------------

    def _our_folder(self) -> str:
        rows = fetch(
            self._connection, "select folder_id from outlook.mailboxes where mailbox = ?", [self._mailbox.address]
        )
        known = rows[0]["folder_id"] if rows else ""
        living = [folder for folder in self._folders if folder.role == "other"]
        by_id = [folder.id for folder in living if folder.id == known]
        return next(iter([*by_id, *(folder.id for folder in living if self._is_marked(folder))]), "")

    def _is_marked(self, folder: FolderInfo) -> bool:
        return (folder.org, folder.installation) == (self._run.org_id, self._run.installation_id)

    def _is_thrown_away(self, item: Json | None) -> bool:
        return item is None or self._roles.get(item["parentFolderId"], "deleted") == "deleted"


def _forms(field: Field, value: Any) -> list[str]:
    return [normal(field.kind, entry or "") for entry in (value or () if field.is_list else [value])]
