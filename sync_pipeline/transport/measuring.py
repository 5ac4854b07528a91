"""What is measured while calling: how many requests for whom, and what time the service has."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from sync_pipeline.transport.answers import http_date


class RequestCounter:
    """Counts by side and mailbox ("" = not for one mailbox): calls, sub-requests of batches, seconds. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0, 0.0])

    def add(self, side: str, mailbox: str = "", *, calls: int = 0, subrequests: int = 0, seconds: float = 0.0) -> None:
        with self._lock:
            row = self._counts[side, mailbox]
            row[0] += calls
            row[1] += subrequests
            row[2] += seconds

    @contextmanager
    def timed(self, side: str, mailbox: str = "", *, subrequests: int = 0) -> Iterator[None]:
        """Counts the call made inside, whether it succeeds or not."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(side, mailbox, calls=1, subrequests=subrequests, seconds=time.perf_counter() - start)

    def rows(self) -> list[dict[str, Any]]:
        """Rows of sync.requests without the run: mailbox, side, calls, subrequests, seconds."""
        with self._lock:
            return [
                {"mailbox": mailbox, "side": side, "calls": int(row[0]), "subrequests": int(row[1]), "seconds": row[2]}
                for (side, mailbox), row in sorted(self._counts.items())
            ]


class ServerClock:
    """A service's time, learnt from its Date headers: never ahead of the true one, at most about a second behind it.

    It runs on the monotonic clock, so that setting this machine's clock does not move it. Thread-safe.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._origin: float | None = None  # Unix time of the service at monotonic zero

    def learn(self, response: requests.Response) -> None:
        """Takes the Date header of an answer just received; answers without one teach nothing."""
        date = http_date(response.headers.get("Date", ""))
        if date is None:
            return
        seen = date.timestamp() - self._monotonic()
        with self._lock:
            # Date is cut to the whole second: within that second the largest value seen is the nearest to the truth.
            if self._origin is None or not self._origin - 1.0 <= seen <= self._origin:
                self._origin = seen

    def now(self) -> datetime:
        """The service's time as naive UTC; this machine's where the service has not answered yet."""
        with self._lock:
            origin = self._origin
        if origin is None:
            return datetime.now(UTC).replace(tzinfo=None)
        return datetime(1970, 1, 1) + timedelta(seconds=origin + self._monotonic())
