"""The last look before a write to Salesforce, and again before every repeat: no pause lies between it and the write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Action, Operation
from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.push import versions
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.deletions import contested
from sync_pipeline.push.failures import stale
from sync_pipeline.push.look_up import LookUp
from sync_pipeline.salesforce.client import Org
from sync_pipeline.warehouse.receipt import Receipt
from sync_pipeline.warehouse.tables import scalar
from sync_pipeline.warehouse.writer import Writer

LOOKS: Final = 3


class LastLook:
    """What may still be sent. `fields` are the mapped ones, `columns` what is read of a Contact."""

    def __init__(
        self,
        writer: Writer,
        mailbox_for: Callable[[str], Mailbox],
        fields: Sequence[Field],
        columns: Sequence[str],
        run: RunContext,
    ) -> None:
        self._connection, self._mailbox_for, self._run = writer.connection, mailbox_for, run
        self._fields, self._columns = fields, columns
        self._look_ups: dict[str, LookUp] = {}

    def late(self, org: Org, operations: Sequence[Operation], *, is_repeat: bool) -> list[Receipt]:
        """Receipts of those that must not be sent; all are of one action. `is_repeat`: an earlier call came between.

        Raises SideUnavailable and Refused where nothing can be seen.
        """
        action = operations[0].action
        if action in (Action.CREATE, Action.UNDELETE):  # nothing is shown of what itself lies in the recycle bin
            objections = self._look_up(org, operations[0].mailbox).matches(operations, anew=is_repeat)
            return self._stale(operations, objections)
        return self._changed(org, operations)

    def created(self, org: Org, mailbox: str, contact_ids: Iterable[str]) -> None:
        """Contacts that this run made or undeleted: no later look takes them for somebody else's."""
        self._look_up(org, mailbox).created(contact_ids)

    def _look_up(self, org: Org, mailbox: str) -> LookUp:
        look_up = self._look_ups.get(org.user_id)
        if look_up is None:
            query = (
                "select value from sync.cursors where name = 'contacts' and scope in (?, 'org') order by scope = 'org'"
            )
            since = scalar(self._connection, query, [mailbox])
            look_up = LookUp(org, self._connection, self._fields, since, self._run.clock)
            self._look_ups[org.user_id] = look_up
        return look_up

    def _changed(self, org: Org, operations: Sequence[Operation]) -> list[Receipt]:
        """Looks until nothing waits: where some are too young, all are looked at again; what stays young is late."""
        is_deletion = operations[0].action is Action.DELETE
        left, late = list(operations), list[Receipt]()
        for look in range(LOOKS):
            if is_deletion:  # Outlook first: what is written to is looked at last
                late += contested(self._mailbox_for, left, self._connection, self._run)
                left = without(left, late)
            if not left:
                return late
            pauses = org.pauses
            objections, young = versions.changed(
                org, left, self._connection, self._fields, self._columns, self._run.clock
            )
            late += [
                stale(self._run.run_id, op, objections[op.operation_id]) for op in left if op.operation_id in objections
            ]
            left = without(left, late)
            is_aged = is_deletion and org.pauses != pauses  # the look at Outlook lies before the pause
            if not left or not (young or is_aged):
                return late
            if young and look < LOOKS - 1:
                pause = (versions.SETTLED_AFTER - (self._run.clock.now() - max(young.values()))).total_seconds()
                self._run.sleep(min(max(pause, 0.05), versions.SETTLED_AFTER.total_seconds()))
        busy = "The Contact is being changed in Salesforce right now."
        aged = "Its Outlook contact could not be looked at just before."
        return late + self._stale(left, {op.operation_id: aged for op in left if is_aged} | dict.fromkeys(young, busy))

    def _stale(self, operations: Sequence[Operation], objections: Mapping[str, str]) -> list[Receipt]:
        return [
            stale(self._run.run_id, operation, objections[operation.operation_id])
            for operation in operations
            if operation.operation_id in objections
        ]


def without(operations: Sequence[Operation], late: Sequence[Receipt]) -> list[Operation]:
    """The operations that have no receipt yet."""
    over = {receipt.operation.operation_id for receipt in late}
    return [operation for operation in operations if operation.operation_id not in over]
