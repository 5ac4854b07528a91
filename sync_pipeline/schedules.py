"""When the job runs by itself: by the settings' cron, never while a run goes on, never for a tick that is long past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from sync_pipeline.jobs import SHARD, SHARD_TAG, contact_sync, marts
from sync_pipeline.settings import Settings, load_settings
from sync_pipeline.settings.location import settings_file
from sync_pipeline.ticks import ticks

DEFAULT_CRON: str = Settings.model_fields["schedule"].default
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def cron_of_settings() -> str:
    """The cron of the settings file that this process would use, else the default. Raises SettingsError."""
    file = settings_file()
    return load_settings(file).schedule if file else DEFAULT_CRON


def every_half_hour(cron: str) -> dg.ScheduleDefinition:
    """The schedule of the job `contact_sync`, switched on."""

    @dg.schedule(
        name="every_half_hour",
        job=contact_sync,
        cron_schedule=cron,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Synchronises all mailboxes. A tick is skipped while a run of the same shard goes on, and when the "
        "next one is due already (Dagster catches up missed ticks after a restart).",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        scheduled = context.scheduled_execution_time
        if _is_stale(cron, scheduled):
            return dg.SkipReason(f"The tick of {scheduled:%Y-%m-%d %H:%M} is stale: a later one is due already.")
        going_on = dg.RunsFilter(tags={SHARD_TAG: SHARD}, statuses=_UNFINISHED)
        if records := context.instance.get_run_records(going_on, limit=1):
            return dg.SkipReason(f"Run {records[0].dagster_run.run_id} goes on; the next tick does what is left.")
        return dg.RunRequest()

    return schedule


@dg.schedule(
    name="marts_of_yesterday",
    job=marts,
    cron_schedule="20 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Makes the marts of the day that has ended (UTC) once more, so that what was linked or removed by hand "
    "after its last run is counted too.",
)
def marts_of_yesterday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """One run of the job `marts` each night."""
    return dg.RunRequest(partition_key=(context.scheduled_execution_time - timedelta(days=1)).strftime("%Y-%m-%d"))


def _is_stale(cron: str, scheduled: datetime) -> bool:
    following = next(tick for tick in ticks(cron, scheduled) if tick > scheduled)
    return following <= datetime.now(UTC)
