"""Dagster's assets in the order of their groups extract, plan, push, history, marts, and the checks beside them."""

from __future__ import annotations

from sync_pipeline.assets.checks import CHECKS
from sync_pipeline.assets.extract import (
    outlook_contacts,
    salesforce_accounts,
    salesforce_contacts,
    salesforce_view_members,
)
from sync_pipeline.assets.history import mailbox_sync, sync_history
from sync_pipeline.assets.marts import MART_ASSETS, REPORT
from sync_pipeline.assets.plan import account_resolution, contact_changes, contact_matches, sync_plan
from sync_pipeline.assets.push import outlook_writes, salesforce_writes

#: What a synchronisation materialises, in flow order.
ASSETS = [
    salesforce_accounts,
    salesforce_contacts,
    salesforce_view_members,
    outlook_contacts,
    contact_matches,
    contact_changes,
    account_resolution,
    sync_plan,
    salesforce_writes,
    outlook_writes,
    sync_history,
]

__all__ = ["ASSETS", "CHECKS", "MART_ASSETS", "REPORT", "mailbox_sync"]
