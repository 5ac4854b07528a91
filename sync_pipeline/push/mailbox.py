"""Pushes the operations of one mailbox, a chunk at each turn: check, intent, call, receipt."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from sync_pipeline.model.errors import MailboxStopped
from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Action, Operation
from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.outlook.properties import CATEGORY, CATEGORY_COLOR, FOLDER_NAME
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.failures import MAILBOX_FULL, is_full, refusal, unwritable
from sync_pipeline.push.folders import Folders
from sync_pipeline.push.items import Items
from sync_pipeline.push.moves import Moves, copied_of, source_of
from sync_pipeline.push.records import Records
from sync_pipeline.transport import OutcomeUnknown, Refused
from sync_pipeline.warehouse.receipt import Outcome, Receipt

#: Operations between an intent and its receipt. Creations need no look before, so that more of them go together.
AT_ONCE: Final[dict[Action, int]] = {Action.CREATE: 100, Action.UPDATE: 20, Action.RELEASE: 20, Action.DELETE: 20}
_CHECKED: Final = (Action.UPDATE, Action.RELEASE, Action.DELETE)
#: What puts a contact where none was: for these a full mailbox has no room.
_MAKES_A_CONTACT: Final = (Action.CREATE, Action.MOVE, Action.RESTORE)


class MailboxPush:
    """One mailbox's share of the plan, in the plan's order."""

    def __init__(
        self,
        mailbox: Mailbox,
        operations: Sequence[Operation],
        fields: Sequence[Field],
        records: Records,
        run: RunContext,
    ) -> None:
        self._mailbox, self._left, self._records, self._run = mailbox, list(operations), records, run
        self._folders = Folders(mailbox, records)
        self._items = Items(mailbox, self._folders, tuple(fields), run)
        self._moves = Moves(mailbox, self._folders, fields, run)
        self._fields = tuple(fields)

    @property
    def left(self) -> int:
        """Operations that have not had their turn."""
        return len(self._left)

    def turn(self) -> None:
        """One chunk of operations of one action. A mailbox that cannot be used is stopped: its rest stays undone."""
        action = self._left[0].action
        chunk = self._take(action)
        try:
            wanted = self._wanted(chunk)
            if wanted:
                self._push(action, wanted)
        except MailboxStopped as error:
            self._broke_off(error, action)
        except (Refused, OutcomeUnknown) as error:
            stopped = unwritable(self._mailbox.address, error.message, is_full=is_full(error), remedy=error.remedy)
            self._broke_off(stopped, action)

    def _broke_off(self, error: MailboxStopped, action: Action) -> None:
        """A full mailbox takes no more contacts, and nothing more of this action; what needs no room goes on."""
        needs_room = (*_MAKES_A_CONTACT, action) if error.code == MAILBOX_FULL else tuple(Action)
        rest = [operation for operation in self._left if operation.action not in needs_room]
        self._records.add("unsent", len(self._left) - len(rest))
        self._left = rest
        self._run.stop(error)

    def _take(self, action: Action) -> list[Operation]:
        size = AT_ONCE.get(action, 1)
        chunk: list[Operation] = []
        items: set[str] = set()
        for operation in self._left:
            if operation.action is not action or len(chunk) == size or operation.outlook_id in items:
                break
            chunk.append(operation)
            items |= {operation.outlook_id} - {""}
        self._left = self._left[len(chunk) :]
        return chunk

    def _wanted(self, chunk: Sequence[Operation]) -> list[Operation]:
        prepared = self._records.prepare(chunk)
        needs_folder = chunk[0].action in (Action.CREATE, Action.MOVE, Action.RESTORE) and not self._folders.ours
        skipped = [
            Receipt(self._run.run_id, operation, Outcome.SKIPPED)
            for operation, ready in zip(chunk, prepared, strict=True)
            if ready is None or needs_folder
        ]
        self._records.close(skipped)
        return [] if needs_folder else [operation for operation in prepared if operation is not None]

    def _push(self, action: Action, operations: Sequence[Operation]) -> None:
        if action is Action.CREATE_FOLDER:
            self._set_up(operations[0], self._create_folder)
        elif action is Action.CREATE_CATEGORY:
            self._set_up(operations[0], self._create_category)
        elif action is Action.CREATE:
            self._send(operations, lambda: self._items.create(operations))
        elif action in _CHECKED:
            self._push_checked(action, operations)
        elif action is Action.FINISH_MOVE:
            [operation] = operations
            copied = self._copied(operation)
            self._send(operations, lambda: _known(self._moves.finish(operation, copied)))
        else:
            self._push_move(operations[0])

    def _push_checked(self, action: Action, operations: Sequence[Operation]) -> None:
        planned = self._planned_folders([operation.outlook_id for operation in operations])
        fresh, late = self._items.check(operations, planned)
        self._records.close(late)
        sent = [operation for operation in operations if operation.operation_id in fresh]
        call = self._items.delete if action is Action.DELETE else self._items.update
        self._send(sent, lambda: call(sent, fresh))

    def _push_move(self, operation: Operation) -> None:
        source = source_of(operation)
        original, late = self._moves.check(operation, self._planned_folders([source]).get(source))
        if late is not None:
            self._records.close([late])
        if original is not None:
            found = original
            # Kept in the intent, so that a move that broke off still tells what was edited since (R6).
            known = replace(operation, detail={**operation.detail, "copied": copied_of(found)})

            self._send([known], lambda: _known(self._moves.move(known, found)))

    def _send(self, operations: Sequence[Operation], call: Callable[[], list[Receipt]]) -> None:
        if not operations:
            return
        self._records.open_intents(operations)
        receipts = call()
        # Whether a mailbox without room made the contact all the same is not documented: the next run looks.
        known = [receipt for receipt in receipts if not _is_perhaps_made(receipt)]
        self._records.close(known)
        self._records.add("in_doubt", len(operations) - len(known))
        if unsent := [receipt for receipt in receipts if receipt.outcome is Outcome.UNSENT]:
            raise unwritable(self._mailbox.address, unsent[0].message, is_full=unsent[0].code == MAILBOX_FULL)

    # -- the mailbox itself --------------------------------------------------------------------------------------------

    def _set_up(self, operation: Operation, call: Callable[[Operation], Receipt]) -> None:
        self._records.open_intents([operation])
        try:
            receipt = call(operation)
        except Refused as error:
            self._records.close([refusal(self._run.run_id, operation, error, self._fields)])
            if operation.action is Action.CREATE_FOLDER:
                raise
        except OutcomeUnknown:
            self._records.add("in_doubt", 1)
            if operation.action is Action.CREATE_FOLDER:
                raise
        else:
            self._records.close([receipt])

    def _create_folder(self, operation: Operation) -> Receipt:
        folder = self._mailbox.create_folder(FOLDER_NAME, self._run.mark)
        owner = (folder.org, folder.installation)
        if any(owner) and owner != (self._run.org_id, self._run.installation_id):
            raise Refused(
                f"The folder {folder.name!r} is kept by another installation ({folder.installation}).",
                status=409,
                error_code="foreign_installation",
                remedy="Run only one of the two; if you moved this one, give it its former data_dir again.",
            )
        if folder.run != self._run.number:
            folder = self._mailbox.mark_folder(folder.id, self._run.mark)
        self._folders.made(folder.id)
        result = {"id": folder.id, "name": folder.name, "parent_id": folder.parent_id}
        return Receipt(self._run.run_id, operation, Outcome.DONE, result=result)

    def _create_category(self, operation: Operation) -> Receipt:
        self._mailbox.ensure_category(CATEGORY, CATEGORY_COLOR)
        return Receipt(self._run.run_id, operation, Outcome.DONE)

    # -- the warehouse -------------------------------------------------------------------------------------------------

    def _planned_folders(self, item_ids: Sequence[str]) -> dict[str, str]:
        marks = ", ".join("?" * len(item_ids))
        rows = self._records.rows(
            "select id, folder_id from outlook.contacts "
            f"where mailbox = ? and id in ({marks}) and folder_id is not null",
            [self._mailbox.address, *item_ids],
        )
        return {row["id"]: row["folder_id"] for row in rows}

    def _copied(self, operation: Operation) -> dict[str, Any]:
        """What the receipt of the move that made this copy kept of the original."""
        rows = self._records.rows(
            "select result from sync.journal where mailbox = ? and outlook_id = ? and action in ('move', 'restore') "
            "and outcome = 'done' order by finished_at desc limit 1",
            [self._mailbox.address, operation.outlook_id],
        )
        return dict(json.loads(rows[0]["result"] or "{}")) if rows else {}


def _is_perhaps_made(receipt: Receipt) -> bool:
    return receipt.code == MAILBOX_FULL and receipt.operation.action in _MAKES_A_CONTACT


def _known(receipt: Receipt | None) -> list[Receipt]:
    return [receipt] if receipt is not None else []
