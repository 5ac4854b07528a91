"""Who hears of a run that failed: first the log, which every collector of logs can forward."""

from __future__ import annotations

import logging

import dagster as dg

from sync_pipeline.jobs import SYNCHRONISATIONS, marts
from sync_pipeline.model.errors import SettingsInvalid
from sync_pipeline.settings.location import find_settings
from sync_pipeline.transport import redact

logger = logging.getLogger(__name__)


@dg.run_failure_sensor(
    name="run_failure_alert",
    monitored_jobs=[*SYNCHRONISATIONS, marts],
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes an error to the log for every run that failed, unless the settings say `alerts: {log: false}`.",
)
def run_failure_alert(context: dg.RunFailureSensorContext) -> None:
    """One line with the run, the step and the error; the sensor runs in the daemon, so a killed run is reported too."""
    run = context.dagster_run
    steps = context.get_step_failure_events()
    where = f" at {steps[0].step_key}" if steps else ""
    message = redact(f"{run.job_name} {run.run_id} failed{where}: {_cause(context)}")
    if _log_is_wanted():
        logger.error(message)
        context.log.error(message)


def _cause(context: dg.RunFailureSensorContext) -> str:
    """The innermost error of the first step that failed, else what Dagster says of the run."""
    for event in context.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return error.message.strip()
    return (context.failure_event.message or "no reason given").strip()


def _log_is_wanted() -> bool:
    try:
        return find_settings().alerts.log
    except SettingsInvalid as error:  # probably why the run failed: heard all the more
        logger.warning("the alert cannot read its settings: %s", redact(str(error)))
        return True
