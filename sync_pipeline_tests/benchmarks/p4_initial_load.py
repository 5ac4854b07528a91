"""P4: the calls of an initial load, from the sandbox's request log."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline_tests.benchmarks.limits.requests import load_into_outlook, load_into_salesforce
from sync_pipeline_tests.benchmarks.measure import Size, same
from sync_pipeline_tests.benchmarks.services import Fill, services, writes
from sync_pipeline_tests.benchmarks.table import Goal, Row

GOAL = Goal(over_limit=10)


def measure(size: Size) -> Iterator[Row]:
    contacts = 40 if size.quick else 10_000
    with services(size.directory / "p4-down", Fill(in_salesforce=contacts)) as both:
        requests, document = both.counted(both.settings("installation"))
        same("P4, contacts created in Outlook", writes(document, "outlook", "create"), contacts)
        yield Row(
            f"P4 initial load of {contacts:,} Contacts into Outlook", "calls", requests.calls, GOAL,
            load_into_outlook(contacts), remark=requests.remark,
        )  # fmt: skip
    with services(size.directory / "p4-up", Fill(in_outlook=contacts)) as both:
        requests, _ = both.counted(both.settings("installation"))
        same("P4, Contacts in Salesforce", both.contacts_in_salesforce(), contacts)
        yield Row(
            f"P4 initial load of {contacts:,} contacts into Salesforce", "calls", requests.calls, GOAL,
            load_into_salesforce(contacts), remark=requests.remark,
        )  # fmt: skip
