"""Pushes a plan's operations on Outlook: several mailboxes at once, each a chunk at a time, in turns."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Operation, Side
from sync_pipeline.outlook.client import Graph
from sync_pipeline.outlook.properties import mapped_extended
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.mailbox import MailboxPush
from sync_pipeline.push.records import Records
from sync_pipeline.push.work import ready_operations
from sync_pipeline.warehouse.writer import Writer

MAILBOXES_AT_ONCE: Final = 4


def push_outlook(writer: Writer, graph: Graph, fields: Sequence[Field], run: RunContext) -> Counter[str]:
    """Pushes what is ready until the time budget ends. Counts: push.context.COUNTS.

    A mailbox that fails is reported to `run.stop`; the others go on. Raises SideUnavailable once no mailbox can be
    reached; what was done until then is written down.
    """
    operations = ready_operations(writer.connection, run, Side.OUTLOOK)
    by_mailbox: dict[str, list[Operation]] = {}
    for operation in operations:
        by_mailbox.setdefault(operation.mailbox, []).append(operation)
    records = Records(writer, run)
    extended = mapped_extended(fields)
    turns = _Turns(
        [
            MailboxPush(graph.mailbox(address, extended=extended), mine, fields, records, run)
            for address, mine in by_mailbox.items()
        ],
        run,
    )
    workers = min(MAILBOXES_AT_ONCE, len(by_mailbox))
    if workers <= 1:
        turns.work()
    else:
        with ThreadPoolExecutor(workers, thread_name_prefix="push-outlook") as pool:
            for finished in [pool.submit(turns.work) for _ in range(workers)]:
                finished.result()
    records.add("left", turns.left)
    return records.counts


class _Turns:
    """Mailboxes in a queue: each has a turn, then goes to the end. A failure that is not a mailbox's own ends all."""

    def __init__(self, mailboxes: Sequence[MailboxPush], run: RunContext) -> None:
        self._waiting = deque(mailboxes)
        self._mailboxes = mailboxes
        self._run = run
        self._lock = threading.Lock()
        self._has_failed = False

    @property
    def left(self) -> int:
        """Operations that had no turn."""
        return sum(mailbox.left for mailbox in self._mailboxes)

    def work(self) -> None:
        """Takes turns until there is none left or the time is over."""
        while (mailbox := self._next()) is not None:
            try:
                mailbox.turn()
            except BaseException:
                self._has_failed = True
                raise
            if mailbox.left:
                with self._lock:
                    self._waiting.append(mailbox)

    def _next(self) -> MailboxPush | None:
        with self._lock:
            if self._has_failed or self._run.is_over() or not self._waiting:
                return None
            return self._waiting.popleft()
