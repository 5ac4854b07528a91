"""Limits of P4, P5 and P6: the fewest calls, and the least time, that the services' own rules leave."""

from __future__ import annotations

from math import ceil
from typing import Final

IN_BATCH: Final = 20  # Graph's $batch
IN_PAGE: Final = 2_000  # rows of a query's answer
IN_COLLECTION: Final = 200  # rows that Salesforce takes in one call
AT_ONCE: Final = 4  # calls on one mailbox that Graph works on at the same time


def load_into_outlook(contacts: int) -> int:
    """Calls of an initial load of so many Contacts: pages read, batches written."""
    return ceil(contacts / IN_PAGE) + ceil(contacts / IN_BATCH)


def load_into_salesforce(contacts: int) -> int:
    """Calls of an initial load of so many Outlook contacts: collections written, batches that stamp the items."""
    return ceil(contacts / IN_COLLECTION) + ceil(contacts / IN_BATCH)


def quiet_run(mailboxes: int, folders: int, salesforce: int, ids_in_custom_views: int = 0) -> int:
    """Calls of a run in which nothing changed: one login to Graph, a delta call for each folder, what Salesforce is
    asked for one mailbox or many (its login included), and the pages of a custom view."""
    return 1 + mailboxes * folders + salesforce + ceil(ids_in_custom_views / IN_PAGE)


def wait_for_services(requests: int, latency_seconds: float) -> float:
    """Seconds in which a mailbox answers so many requests, each after the latency, so many at once as it takes."""
    return requests * latency_seconds / AT_ONCE
