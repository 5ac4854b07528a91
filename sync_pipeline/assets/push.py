"""Group `push`: the plan's ready operations, journalled before the call, receipted after it; none with `plan_only`."""

from __future__ import annotations

import dagster as dg

from sync_pipeline import engine
from sync_pipeline.assets.columns import table
from sync_pipeline.assets.plan import sync_plan
from sync_pipeline.assets.step import OWNERS, perform
from sync_pipeline.engine import Session
from sync_pipeline.push.context import COUNTS

GROUP = "push"


@dg.asset(
    group_name=GROUP, owners=OWNERS, kinds={"salesforce", "duckdb"}, deps=[sync_plan], metadata=table("sync.journal")
)
def salesforce_writes(session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Creations, updates and deletions in Salesforce, in collections of 200."""
    return perform(engine.push_salesforce, session, *COUNTS)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"microsoft", "duckdb"},
    deps=[sync_plan, salesforce_writes],
    metadata=table("sync.journal"),
)
def outlook_writes(session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Creations, updates, moves and deletions in Outlook, in batches of 20, several mailboxes at once."""
    return perform(engine.push_outlook, session, *COUNTS)
