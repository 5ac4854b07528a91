"""P6: the time of an initial load against services that take a while for each call."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline_tests.benchmarks.limits.requests import wait_for_services
from sync_pipeline_tests.benchmarks.measure import Size, same, timed
from sync_pipeline_tests.benchmarks.services import Fill, services, writes
from sync_pipeline_tests.benchmarks.table import Goal, Row

GOAL = Goal(of_limit=1.3)
LATENCY_SECONDS = 0.1


def measure(size: Size) -> Iterator[Row]:
    contacts = 60 if size.quick else 10_000
    with services(size.directory / "p6", Fill(in_salesforce=contacts)) as both:
        both.switch(latency_ms=LATENCY_SECONDS * 1000)
        settings = both.settings("installation")
        seconds, (requests, document) = timed(lambda: both.counted(settings))
        same("P6, contacts created in Outlook", writes(document, "outlook", "create"), contacts)
        batches = sum(count for route, count in requests.graph.items() if route.endswith("/$batch"))
        waited = requests.calls - batches + sum(requests.parts.values())
        yield Row(
            f"P6 initial load of {contacts:,} contacts, {LATENCY_SECONDS * 1000:.0f} ms for each request", "s", seconds,
            GOAL, wait_for_services(waited, LATENCY_SECONDS),
            remark=f"{waited:,} requests, 4 at once; {requests.remark}",
        )  # fmt: skip
