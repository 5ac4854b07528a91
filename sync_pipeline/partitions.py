"""Dagster's partitions: one per mailbox, so that each shows when it was last synchronised."""

from __future__ import annotations

import dagster as dg

#: Keys are mailbox addresses; sync_history adds those it meets.
mailboxes = dg.DynamicPartitionsDefinition(name="mailbox")
