"""The job `contact_sync`: one synchronisation, all mailboxes or chosen ones."""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sync_pipeline.assets import ASSETS
from sync_pipeline.resources import SyncConfig

#: Dagster's run queue lets one run of a shard at a time through (dagster.yaml); the lock that safety rests on is ours.
SHARD_TAG = "sync/shard"
SHARD = "0"
NAME = "contact_sync"


def contact_sync_job(*loggers: str) -> UnresolvedAssetJobDefinition:
    """The job; it logs to these loggers of the definitions, by default to Dagster's own console logger."""

    @dg.config_mapping(config_schema=SyncConfig.to_fields_dict())
    def sync_config(config: dict[str, Any]) -> dict[str, Any]:
        # So that the launchpad asks for the run's options alone.
        return {
            "resources": {"session": {"config": config}},
            **({"loggers": {name: {} for name in loggers}} if loggers else {}),
        }

    return dg.define_asset_job(
        NAME,
        selection=ASSETS,
        config=sync_config,
        tags={SHARD_TAG: SHARD},
        description="Reads both sides, plans every difference, pushes the plan: all mailboxes, or those of the config.",
    )


contact_sync = contact_sync_job()
