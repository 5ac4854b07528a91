"""Group `extract`: what changed on either side since the last run, brought into the warehouse's mirrors."""

from __future__ import annotations

import dagster as dg

from sync_pipeline import engine
from sync_pipeline.assets.columns import table
from sync_pipeline.assets.step import OWNERS, perform
from sync_pipeline.engine import Session

GROUP = "extract"


@dg.asset(group_name=GROUP, owners=OWNERS, kinds={"salesforce", "duckdb"}, metadata=table("salesforce.accounts"))
def salesforce_accounts(session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Accounts of the org, mirrored once for all mailboxes: those whose SystemModstamp is newer than the watermark."""
    return perform(engine.extract_accounts, session, "accounts")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"salesforce", "duckdb"},
    deps=[salesforce_accounts],
    metadata=table("salesforce.contacts"),
)
def salesforce_contacts(session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Contacts that changed, were deleted or merged since the watermark; values that a response leaves out stay."""
    return perform(engine.extract_contacts, session, "contacts", "recovered")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"salesforce", "duckdb"},
    deps=[salesforce_contacts],
    metadata=table("salesforce.view_members"),
)
def salesforce_view_members(session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Which Contacts each mailbox's view holds, by complete scans: one that failed never reads as "no contacts"."""
    return perform(engine.extract_view_members, session, "members")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"microsoft", "duckdb"},
    metadata=table("outlook.contacts"),
    op_tags={"dagster/priority": "-1"},  # after Salesforce's, which first settle what a dead run left in doubt
)
def outlook_contacts(session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Contacts of every mailbox that lie in the folder or carry the category, by delta links; no personal ones."""
    return perform(engine.extract_outlook, session, "items", "mailboxes", "stopped")
