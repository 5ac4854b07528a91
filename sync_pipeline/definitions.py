"""The code location: everything that Dagster loads, once."""

from __future__ import annotations

import dagster as dg

from sync_pipeline.assets import ASSETS, CHECKS, MART_ASSETS, REPORT, mailbox_sync
from sync_pipeline.assets.history import freshness, sync_history
from sync_pipeline.jobs import JOBS
from sync_pipeline.resources import installation_resource, session_resource
from sync_pipeline.schedules import cron_of_settings, every_half_hour, marts_of_yesterday
from sync_pipeline.sensors import run_failure_alert
from sync_pipeline.ticks import longest_period


def code_location() -> dg.Definitions:
    """The definitions. Raises SettingsError where the settings file that names the schedule is wrong."""
    cron = cron_of_settings()
    policy = freshness(longest_period(cron))
    # what each run of the schedule makes anew
    fresh = [
        asset.map_asset_specs(lambda spec: spec.replace_attributes(freshness_policy=policy))
        for asset in (sync_history, *MART_ASSETS)
    ]
    return dg.Definitions(
        assets=[*(asset for asset in ASSETS if asset is not sync_history), *fresh, mailbox_sync, REPORT],
        asset_checks=CHECKS,
        jobs=JOBS,
        schedules=[every_half_hour(cron), marts_of_yesterday],
        sensors=[run_failure_alert],
        resources={"session": session_resource(), "installation": installation_resource()},
        executor=dg.in_process_executor,
    )


defs = code_location()
