"""The warehouse in the hands of several threads: one connection, one at a time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sync_pipeline.model.operation import Operation
from sync_pipeline.push.context import RunContext, count
from sync_pipeline.push.work import Outcomes
from sync_pipeline.warehouse.receipt import Receipt
from sync_pipeline.warehouse.tables import fetch
from sync_pipeline.warehouse.writer import Writer


class Records:
    """What the threads of a push read and write."""

    def __init__(self, writer: Writer, run: RunContext) -> None:
        self._writer, self._run = writer, run
        self._lock = threading.Lock()
        self._outcomes = Outcomes(writer.connection, run.run_id)
        self.counts: Counter[str] = Counter()

    def prepare(self, operations: Sequence[Operation]) -> list[Operation | None]:
        """See Outcomes.prepare."""
        with self._lock:
            return [self._outcomes.prepare(operation) for operation in operations]

    def open_intents(self, operations: Sequence[Operation]) -> None:
        with self._lock:
            self._writer.open_intents(self._run.run_id, operations, self._run.clock.now())

    def close(self, receipts: Sequence[Receipt]) -> None:
        with self._lock:
            self._writer.close(receipts, self._run.clock.now())
            self._outcomes.add(receipts)
            self.counts.update(count(receipts))

    def add(self, name: str, number: int) -> None:
        """Counts what has no receipt."""
        with self._lock:
            self.counts[name] += number

    def rows(self, query: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        with self._lock:
            return fetch(self._writer.connection, query, parameters)
