"""Dagster's partitions: one per mailbox, which shows when it was last synchronised, and one per day for the marts."""

from __future__ import annotations

import dagster as dg

#: Keys are mailbox addresses; sync_history adds those it meets.
mailboxes = dg.DynamicPartitionsDefinition(name="mailbox")

#: Days in UTC, the one in progress too. Fixed, because Dagster loads it without a warehouse: no history is older.
days = dg.DailyPartitionsDefinition(start_date="2025-01-01", end_offset=1)
