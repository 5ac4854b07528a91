"""Pushes a plan's operations on Salesforce: collections of 200, each row checked just before and read again after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Action, Operation, Side
from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.push.context import RunContext, count
from sync_pipeline.push.failures import mapped_field, refusal, unsent
from sync_pipeline.push.last_look import LastLook, without
from sync_pipeline.push.returned import returned_values
from sync_pipeline.push.work import Outcomes, ready_operations
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.rows import body, row, selectable
from sync_pipeline.salesforce.session import side_unavailable
from sync_pipeline.salesforce.writes import RowResult
from sync_pipeline.transport import OutcomeUnknown, Refused
from sync_pipeline.warehouse.receipt import Outcome, Receipt, Withheld
from sync_pipeline.warehouse.tables import fetch
from sync_pipeline.warehouse.writer import Writer

ROWS_AT_ONCE: Final = 200
READ_BACK_AT_ONCE: Final = 2000
#: Fields left out one after the other of a row that Salesforce goes on refusing.
WITHHELD_AT_MOST: Final = 3


def push_salesforce(
    writer: Writer,
    org_for: Callable[[str], Org],
    mailbox_for: Callable[[str], Mailbox],
    fields: Sequence[Field],
    run: RunContext,
) -> Counter[str]:
    """Pushes what is ready, mailboxes in turns, until the time budget ends. Counts: push.context.COUNTS.

    `org_for` gives the credential that writes for a mailbox, `mailbox_for` the mailbox that a deletion is looked up in.
    A mailbox whose own login is refused is reported to `run.stop`. Raises SideUnavailable once Salesforce refuses
    everything; what was done until then is written down.
    """
    return _Push(writer, org_for, mailbox_for, fields, run).all()


class _Push:
    def __init__(
        self,
        writer: Writer,
        org_for: Callable[[str], Org],
        mailbox_for: Callable[[str], Mailbox],
        fields: Sequence[Field],
        run: RunContext,
    ) -> None:
        self._writer, self._org_for, self._fields, self._run = writer, org_for, tuple(fields), run
        self._describe = fetch(writer.connection, "select * from salesforce.describe")
        needed = {entry["name"] for entry in self._describe if not entry["nillable"]}
        self._required = {field.name for field in self._fields if field.salesforce in needed}
        self._columns = selectable(self._fields, self._describe)
        self._look = LastLook(writer, mailbox_for, self._fields, self._columns, run)
        query = "select operation_id from sync.verdicts where verdict = 'approved' and lapses_at > ?"
        self._approved = {row["operation_id"] for row in fetch(writer.connection, query, [run.clock.now()])}
        self._outcomes = Outcomes(writer.connection, run.run_id)
        self._counts: Counter[str] = Counter()
        self._to_read: dict[str, tuple[Org, list[Receipt]]] = {}

    def all(self) -> Counter[str]:
        operations = ready_operations(self._writer.connection, self._run, Side.SALESFORCE)
        left = len(operations)
        try:
            for chunk in self._chunks(operations):
                if self._run.is_over():
                    break
                left -= len(chunk)
                self._take(chunk)
        finally:
            for user_id, (_, receipts) in list(self._to_read.items()):
                with self._run.own_login(*{receipt.operation.mailbox for receipt in receipts}):
                    self._read_back(user_id)
        self._counts["left"] = left
        return self._counts

    def _take(self, chunk: Sequence[Operation]) -> None:
        """Pushes a chunk, but nothing of mailboxes that have stopped: that stays unsent."""
        working = [operation for operation in chunk if not self._run.is_stopped(operation.mailbox)]
        before = self._counts.total()
        if working:
            with self._run.own_login(*{operation.mailbox for operation in working}):
                self._push(working)
        self._counts["unsent"] += len(chunk) - (self._counts.total() - before)

    def _chunks(self, operations: Sequence[Operation]) -> Iterator[list[Operation]]:
        """Operations that one call can send; within them mailboxes take turns, a Contact stands once."""
        for _, same in groupby(operations, key=lambda operation: operation.action):
            queues: dict[tuple[int, bool], list[Operation]] = {}
            for operation in _in_turns(list(same)):
                call = id(self._org_for(operation.mailbox)), self._may_duplicate(operation)
                queues.setdefault(call, []).append(operation)
            for queue in queues.values():
                while queue:
                    chunk: dict[str, Operation] = {}
                    for operation in queue:
                        chunk.setdefault(operation.salesforce_id or operation.operation_id, operation)
                        if len(chunk) == ROWS_AT_ONCE:
                            break
                    taken = {operation.operation_id for operation in chunk.values()}
                    queue = [operation for operation in queue if operation.operation_id not in taken]
                    yield list(chunk.values())

    def _push(self, chunk: Sequence[Operation]) -> None:
        """Checks, writes the intents, sends, writes the receipts; reads back what was written."""
        org, action = self._org_for(chunk[0].mailbox), chunk[0].action
        prepared = [(operation, self._outcomes.prepare(operation)) for operation in chunk]
        ended = [Receipt(self._run.run_id, op, Outcome.SKIPPED) for op, ready in prepared if ready is None]
        wanted = [ready for _, ready in prepared if ready is not None]
        if wanted:
            ended += self._look.late(org, wanted, is_repeat=False)
        self._close(ended)
        over = {receipt.operation.operation_id for receipt in ended}
        sent = [operation for operation in wanted if operation.operation_id not in over]
        if not sent:
            return
        self._writer.open_intents(self._run.run_id, sent, self._run.clock.now())
        receipts, unavailable = self._send(org, action, sent)
        self._close(receipts)
        self._counts["in_doubt"] += len(sent) - len(receipts)
        done = [receipt for receipt in receipts if receipt.outcome is Outcome.DONE]
        if action is not Action.DELETE:
            waiting = self._to_read.setdefault(org.user_id, (org, []))[1]
            waiting.extend(done)
            # A reading back is a call for 2,000 rows, so that creations wait for each other.
            if action is Action.UPDATE or len(waiting) >= READ_BACK_AT_ONCE:
                self._read_back(org.user_id)
        if unavailable is not None:
            raise unavailable

    def _close(self, receipts: Sequence[Receipt]) -> None:
        self._writer.close(receipts, self._run.clock.now())
        self._outcomes.add(receipts)
        self._counts.update(count(receipts))

    # -- sending -------------------------------------------------------------------------------------------------------

    def _send(
        self, org: Org, action: Action, sent: Sequence[Operation]
    ) -> tuple[list[Receipt], SideUnavailable | None]:
        """Receipts of all rows whose outcome is known, and the error where Salesforce refuses everything."""
        receipts: list[Receipt] = []
        unavailable: SideUnavailable | None = None
        withheld: dict[str, tuple[Withheld, ...]] = {}
        left = list(sent)
        while left:
            stopped: dict[str, Receipt] = {}
            results = self._call(org, action, left, stopped)
            again: list[Operation] = []
            for operation, result in zip(left, results, strict=True):
                known = withheld.get(operation.operation_id, ())
                if operation.operation_id in stopped:
                    receipts.append(stopped[operation.operation_id])
                elif result.error is None:
                    receipts.append(self._done(operation, result, known))
                elif isinstance(result.error, OutcomeUnknown):
                    continue
                elif (refuses_all := side_unavailable(result.error)) is not None:
                    unavailable = refuses_all
                    receipts.append(unsent(self._run.run_id, operation, result.error))
                elif action is Action.DELETE and result.error.error_code == "ENTITY_IS_DELETED":
                    receipts.append(self._done(operation, result, known))
                elif (smaller := self._without_refused_field(operation, result, known)) is not None:
                    shorter, withheld[operation.operation_id] = smaller
                    again.append(shorter)
                else:
                    receipts.append(
                        refusal(
                            self._run.run_id, operation, result.error, self._fields,
                            named=result.fields, duplicates=result.duplicates,
                        )
                    )  # fmt: skip
            self._remember(org, action, sent[0].mailbox, (result.id for result in results if result.error is None))
            late = self._late(org, again)
            receipts += late
            left = without(again, late)
        return receipts, unavailable

    def _call(
        self, org: Org, action: Action, operations: Sequence[Operation], stopped: dict[str, Receipt]
    ) -> list[RowResult]:
        """Results of all rows; `stopped` takes the receipts of those that a look before a repeat found changed."""

        def before_repeat(places: Sequence[int], written: Collection[str]) -> set[int]:
            self._remember(org, action, operations[0].mailbox, written)
            late = self._late(org, [operations[place] for place in places])
            stopped.update({receipt.operation.operation_id: receipt for receipt in late})
            return {place for place in places if operations[place].operation_id in stopped}

        if action is Action.DELETE:
            return org.delete([operation.salesforce_id for operation in operations], before_repeat=before_repeat)
        if action is Action.UNDELETE:
            return org.undelete([operation.salesforce_id for operation in operations])
        bodies = [self._body(operation) for operation in operations]
        if action is Action.UPDATE:
            rows = [{"id": op.salesforce_id, **own} for op, own in zip(operations, bodies, strict=True)]
            return org.update(rows, before_repeat=before_repeat)
        allowed = self._may_duplicate(operations[0])
        if external := self._run.external_id_field:
            # The service itself refuses a second one, so that even a repeated creation makes one Contact.
            rows = [{**own, external: external_id(op)} for op, own in zip(operations, bodies, strict=True)]
            return org.upsert(external, rows, allow_duplicates=allowed, before_repeat=before_repeat)
        return org.create(bodies, allow_duplicates=allowed, before_repeat=before_repeat)

    def _remember(self, org: Org, action: Action, mailbox: str, written: Iterable[str]) -> None:
        if action in (Action.CREATE, Action.UNDELETE):
            self._look.created(org, mailbox, written)

    def _late(self, org: Org, operations: Sequence[Operation]) -> list[Receipt]:
        """Receipts of those that must not be sent again; of all where they cannot be looked at, for the next run."""
        if not operations:
            return []
        try:
            return self._look.late(org, operations, is_repeat=True)
        except (Refused, SideUnavailable) as error:
            return [
                Receipt(self._run.run_id, operation, Outcome.UNSENT, code=error.code, message=error.message)
                for operation in operations
            ]

    def _body(self, operation: Operation) -> dict[str, Any]:
        creating = operation.action is Action.CREATE
        detail = dict(operation.detail)
        if not creating and not detail.get("account_id"):
            detail.pop("account_id", None)  # no Account named: the Contact keeps its own
        return body(operation.fields, detail, self._fields, self._describe, creating=creating)

    def _may_duplicate(self, operation: Operation) -> bool:
        """Whether a person approved the creation: that answers a duplicate rule too."""
        return operation.action is Action.CREATE and operation.operation_id in self._approved

    def _without_refused_field(
        self, operation: Operation, result: RowResult, known: tuple[Withheld, ...]
    ) -> tuple[Operation, tuple[Withheld, ...]] | None:
        """The operation without the field that Salesforce named in its refusal, if something is left to send (R12)."""
        error = result.error
        name = mapped_field(Side.SALESFORCE, result.fields, self._fields)
        kept = tuple(change for change in operation.fields if change.field != name)
        if name in self._required:
            return None  # without it Salesforce would only name what is missing
        if not isinstance(error, Refused) or not name or not kept or len(kept) == len(operation.fields):
            return None
        if len(known) >= WITHHELD_AT_MOST or error.error_code == "REQUIRED_FIELD_MISSING":
            return None
        refused = refusal(self._run.run_id, operation, error, self._fields, named=result.fields)
        left_out = Withheld(name, refused.code, refused.message, refused.remedy)
        return replace(operation, fields=kept), (*known, left_out)

    def _done(self, operation: Operation, result: RowResult, withheld: tuple[Withheld, ...]) -> Receipt:
        contact_id = result.id or operation.salesforce_id
        deleted = {"id": contact_id, "is_deleted": True} if operation.action is Action.DELETE else None
        return Receipt(
            self._run.run_id,
            operation,
            Outcome.DONE,
            salesforce_id=contact_id,
            contact=deleted,
            withheld=withheld,
            result={"withheld": [left_out.field for left_out in withheld]} if withheld else {},
        )

    # -- reading back --------------------------------------------------------------------------------------------------

    def _read_back(self, user_id: str) -> None:
        """What Salesforce now holds goes into the mirror; where it cannot be read the next extraction finds it."""
        org, receipts = self._to_read.pop(user_id)
        if not receipts:
            return
        found = org.retrieve([receipt.salesforce_id for receipt in receipts], self._columns)
        seen = []
        for receipt in receipts:
            record = found.get(receipt.salesforce_id)
            if record is None:
                continue
            contact = {**row(record, self._fields), "seen_run": self._run.run_id}
            is_ours = contact["modified_by"] == org.user_id
            seen.append(
                replace(
                    receipt,
                    contact=contact,
                    written_stamp=contact["modstamp"] if is_ours else None,
                    returned=returned_values(receipt.operation.fields, contact, self._fields) if is_ours else (),
                )
            )
        self._writer.observe(seen)


def external_id(operation: Operation) -> str:
    """What names a creation of ours in the org's external id field: the link that it begins."""
    return operation.link_id


def _in_turns(operations: Sequence[Operation]) -> list[Operation]:
    """One of each mailbox, then the next of each: a large load starves nobody."""
    turns: Counter[str] = Counter()
    placed = []
    for place, operation in enumerate(operations):
        turns[operation.mailbox] += 1
        placed.append((turns[operation.mailbox], place, operation))
    return [operation for _, _, operation in sorted(placed, key=lambda entry: entry[:2])]
