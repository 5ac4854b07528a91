"""Groups `marts` and `report`: summaries by day; a backfill rebuilds any days from the history, in one run for a range.

The day in progress is kept by each synchronisation as it ends, and sync_history reports it here."""

# No `from __future__ import annotations` here: Dagster reads the annotation of `context` as it stands.
import warnings
from datetime import date
from typing import Any

import dagster as dg

from sync_pipeline.assets.columns import table
from sync_pipeline.assets.history import sync_history
from sync_pipeline.assets.step import OWNERS
from sync_pipeline.engine.paths import exports_path, reports_path, warehouse_path
from sync_pipeline.partitions import days
from sync_pipeline.resources import Installation
from sync_pipeline.ticks import allowed_lag
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.marts import figures, rebuild
from sync_pipeline.warehouse.schema import migrate

GROUP = "marts"
#: A synchronisation has the file open for one step at a time, and some of its steps are long.
_PATIENCE_SECONDS = 600.0


def _mart(name: str, description: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        description=f"{description} The rows of mailbox `*` are over all mailboxes. See docs/marts.md.",
        group_name=GROUP,
        owners=OWNERS,
        kinds={"sql", "duckdb", "parquet"},
        deps=[sync_history],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        metadata=table(f"marts.{name}"),
    )
    def mart(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        settings = installation.settings()
        keys = sorted(context.partition_keys)
        first, last = date.fromisoformat(keys[0]), date.fromisoformat(keys[-1])
        with open_warehouse(warehouse_path(settings), wait_seconds=_PATIENCE_SECONDS) as connection:
            migrate(connection, settings.fields)  # no run may have been since an upgrade
            rows = rebuild(connection, first, last, directory=exports_path(settings), marts=[name])[name]
            told = figures(connection, name, first, last)
        for day, count in rows.items():
            context.add_asset_metadata(metadata(count, told[day]), partition_key=day.isoformat())
        return dg.MaterializeResult()

    return mart


def _report() -> dg.AssetsDefinition:
    @dg.asset(
        name="daily_report",
        description="A report of the day as one HTML file: what was written, lag, conflicts, problems, Accounts, and "
        "no contact's data. `sync-pipeline report --run R` makes that of a run.",
        group_name="report",
        owners=OWNERS,
        kinds={"html"},
        deps=MART_ASSETS,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def daily_report(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        from sync_pipeline.report import of_day, write_report  # what draws takes a second to load, in every run

        settings = installation.settings()
        allowed = allowed_lag(settings.schedule).total_seconds()
        with open_warehouse(warehouse_path(settings), read_only=True, wait_seconds=_PATIENCE_SECONDS) as connection:
            for key in context.partition_keys:
                path = reports_path(settings) / f"{key}.html"
                write_report(connection, of_day(date.fromisoformat(key)), path, allowed_seconds=allowed)
                context.add_asset_metadata({"report": dg.MetadataValue.path(path.resolve())}, partition_key=key)
        return dg.MaterializeResult()

    return daily_report


def metadata(rows: int, numbers: dict[str, Any]) -> dict[str, Any]:
    """What one day of a mart shows in Dagster."""
    return {"dagster/partition_row_count": rows, **numbers}


with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.BetaWarning)  # backfill_policy: a range of days is one run
    OPERATIONS = _mart("operations_daily", "Operations pushed, by side, action, rule and outcome.")
    CONFLICTS = _mart("conflicts_daily", "Conflicts found, by field, policy and winner (R10).")
    PROBLEMS = _mart("problems_daily", "Problems and holds that began, ended and were open, by code (R25).")
    LAG = _mart("lag_daily", "How long edits took to arrive on the other side.")
    REQUESTS = _mart("requests_daily", "What the runs asked of the services: calls, sub-requests, seconds.")
    ACCOUNT_RULES = _mart("account_rules_daily", "Contacts by the rule that decided their Account (R7).")
    MART_ASSETS = [OPERATIONS, CONFLICTS, PROBLEMS, LAG, REQUESTS, ACCOUNT_RULES]
    REPORT = _report()
