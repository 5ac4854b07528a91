"""The job `contact_sync`: one synchronisation, all mailboxes or chosen ones."""

from __future__ import annotations

from typing import Any

import dagster as dg

from sync_pipeline.assets import ASSETS
from sync_pipeline.resources import SyncConfig

#: Dagster's run queue lets one run of a shard at a time through (dagster.yaml); the lock that safety rests on is ours.
SHARD_TAG = "sync/shard"
SHARD = "0"


@dg.config_mapping(config_schema=SyncConfig.to_fields_dict())
def sync_config(config: dict[str, Any]) -> dict[str, Any]:
    """Lets the launchpad ask for the run's options alone."""
    return {"resources": {"session": {"config": config}}}


contact_sync = dg.define_asset_job(
    "contact_sync",
    selection=ASSETS,
    config=sync_config,
    tags={SHARD_TAG: SHARD},
    description="Reads both sides, plans every difference and pushes the plan: all mailboxes, or those of the run's config.",
)
