"""Group `history`: the run is closed and its results exported; mailbox_sync shows per mailbox when that last went well."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from sync_pipeline import engine
from sync_pipeline.assets.columns import table
from sync_pipeline.assets.push import outlook_writes, salesforce_writes
from sync_pipeline.assets.step import OWNERS, perform
from sync_pipeline.engine import Session
from sync_pipeline.partitions import mailboxes

GROUP = "history"
#: Beyond this many mailboxes their partitions cost more than they tell (facts/dagster.md 1); the tables say it all.
MOST_PARTITIONS = 300


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"duckdb", "parquet"},
    deps=[salesforce_writes, outlook_writes],
    metadata=table("sync.history"),
)
def sync_history(context: dg.AssetExecutionContext, session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Who, what, when, why, before and after of every operation, kept for ever and exported as Parquet under exports/."""
    result = perform(engine.finish, session)
    if not session.options.plan_only:
        _materialise_mailboxes(context, session)
    return result


mailbox_sync = dg.AssetSpec(
    "mailbox_sync",
    deps=[sync_history],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"microsoft", "salesforce"},
    partitions_def=mailboxes,
    description="One partition per mailbox: when it was last synchronised, with what it took. sync_history reports the good "
    "ones; those that could not be synchronised stand in the check `mailboxes_synchronised` and in its table.",
)


def _materialise_mailboxes(context: dg.AssetExecutionContext, session: Session) -> None:
    """One materialization for each mailbox that was synchronised in this run."""
    rows = [row for row in engine.summary(session.settings, session.run_id)["mailboxes"] if row["status"] != "stopped"]
    if len(rows) > MOST_PARTITIONS:
        return
    context.instance.add_dynamic_partitions(str(mailboxes.name), [row["mailbox"] for row in rows])
    for row in rows:
        numbers = {
            f"{side}_{action}": count for side in ("outlook", "salesforce") for action, count in row[side].items()
        }
        numbers |= {name: row[name] for name in ("conflicts", "holds", "problems")}
        context.log_event(dg.AssetMaterialization(mailbox_sync.key, partition=row["mailbox"], metadata=numbers))


def freshness(period: timedelta) -> dg.FreshnessPolicy:
    """Late after one and a half periods of the schedule, failed after two and a half."""
    return dg.FreshnessPolicy.time_window(warn_window=1.5 * period, fail_window=2.5 * period)
