"""Group `history`: the run is closed and exported; mailbox_sync shows per mailbox when that last went well."""

# No `from __future__ import annotations` here: Dagster reads the annotation of `context` as it stands.
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from sync_pipeline import engine
from sync_pipeline.assets.columns import table
from sync_pipeline.assets.push import outlook_writes, salesforce_writes
from sync_pipeline.assets.step import OWNERS, perform, query
from sync_pipeline.engine import Session
from sync_pipeline.partitions import days, mailboxes
from sync_pipeline.warehouse.marts import MARTS, figures

GROUP = "history"
#: Beyond this many mailboxes their partitions cost more than they tell (facts/dagster.md 1); the tables say it all.
MOST_PARTITIONS = 300
Rows = Sequence[Mapping[str, Any]]
_SIDES = ("outlook", "salesforce")
_COUNTS = ("conflicts", "holds", "problems")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"duckdb", "parquet"},
    deps=[salesforce_writes, outlook_writes],
    metadata=table("sync.history"),
)
def sync_history(context: dg.AssetExecutionContext, session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Who, what, when, why, before and after of every operation; exported as Parquet by day."""
    result = perform(engine.finish, session, "planned", "pushed", "failed")
    mailboxes_of_run = engine.summary(session.settings, session.run_id)["mailboxes"]
    if not session.options.plan_only:
        _materialise_mailboxes(context, mailboxes_of_run)
    _materialise_day(context, session)
    report = dg.MetadataValue.md(f"`sync-pipeline report --run {session.run_id}`")
    return dg.MaterializeResult(
        metadata={
            **(result.metadata or {}),
            **_totals(mailboxes_of_run, session.counter.rows()),
            **_lag(session),
            "report": report,
        }
    )


mailbox_sync = dg.AssetSpec(
    "mailbox_sync",
    deps=[sync_history],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"microsoft", "salesforce"},
    partitions_def=mailboxes,
    description="One partition per mailbox: when it was last synchronised, with what it took. sync_history reports the "
    "good ones; those that could not be synchronised stand in the check `mailboxes_synchronised` and in its table.",
)


def _materialise_mailboxes(context: dg.AssetExecutionContext, rows: Rows) -> None:
    """One materialization for each mailbox that was synchronised in this run."""
    good = [row for row in rows if row["status"] == "ok"]
    if len(good) > MOST_PARTITIONS:
        return
    context.instance.add_dynamic_partitions(str(mailboxes.name), [row["mailbox"] for row in good])
    for row in good:
        written = {f"{side}_{action}": count for side in _SIDES for action, count in row[side].items()}
        numbers = written | {name: row[name] for name in _COUNTS}
        context.log_event(dg.AssetMaterialization(mailbox_sync.key, partition=row["mailbox"], metadata=numbers))


def _lag(session: Session) -> dict[str, float]:
    """From an edit to its arrival in this run; nothing where none arrived, so that the plot shows a gap."""
    [measured] = query(session, "lag_of_run", run_id=session.run_id)
    return {f"lag_{name}": round(value, 3) for name, value in measured.items() if value is not None}


def _materialise_day(context: dg.AssetExecutionContext, session: Session) -> None:
    """One materialization of each mart for the day in progress, which the run has just made anew."""
    day = session.clock.now().date()
    with session.warehouse() as connection:
        told = {mart: figures(connection, mart, day, day)[day] for mart in MARTS}
    if days.has_partition_key(day.isoformat()):  # a sandbox can have any time
        for mart, numbers in told.items():
            context.log_event(dg.AssetMaterialization(dg.AssetKey(mart), partition=day.isoformat(), metadata=numbers))


def _totals(rows: Rows, requests: Rows) -> dict[str, int]:
    """What is plotted over all mailboxes: writes, conflicts, holds, problems, and what they cost in requests."""
    totals = {
        name: sum(row[side][action] for row in rows for side in _SIDES)
        for name, action in (("adds", "create"), ("updates", "update"), ("deletes", "delete"))
    }
    totals |= {name: sum(row[name] for row in rows) for name in _COUNTS}
    return totals | {name: sum(row[name] for row in requests) for name in ("calls", "subrequests")}


def freshness(period: timedelta) -> dg.FreshnessPolicy:
    """Late after one and a half periods of the schedule, failed after two and a half."""
    return dg.FreshnessPolicy.time_window(warn_window=1.5 * period, fail_window=2.5 * period)
