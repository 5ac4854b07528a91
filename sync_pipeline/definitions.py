"""The code location: everything that Dagster loads, once."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from sync_pipeline.assets import ASSETS, CHECKS, mailbox_sync
from sync_pipeline.assets.history import freshness, sync_history
from sync_pipeline.jobs import contact_sync
from sync_pipeline.resources import session_resource
from sync_pipeline.schedules import cron_of_settings, every_half_hour, longest_period
from sync_pipeline.sensors import run_failure_alert


def code_location(
    session: dg.ResourceDefinition | None = None, loggers: Mapping[str, dg.LoggerDefinition] | None = None
) -> dg.Definitions:
    """The definitions, with the session and the loggers of the environment unless others are given.

    Raises SettingsError where the settings file that names the schedule is wrong.
    """
    cron = cron_of_settings()
    policy = freshness(longest_period(cron))
    return dg.Definitions(
        assets=[
            asset.map_asset_specs(lambda spec: spec.replace_attributes(freshness_policy=policy))
            if asset is sync_history
            else asset
            for asset in ASSETS
        ]
        + [mailbox_sync],
        asset_checks=CHECKS,
        jobs=[contact_sync],
        schedules=[every_half_hour(cron)],
        sensors=[run_failure_alert],
        resources={"session": session or session_resource()},
        executor=dg.in_process_executor,
        loggers=loggers,
    )


defs = code_location()
