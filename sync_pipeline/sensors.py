"""Who hears of a run that failed: the log, a webhook, people by e-mail, as the settings say."""

from __future__ import annotations

import logging
import re

import dagster as dg
from dagster._core.events import JobFailureData
from dagster_shared.error import SerializableErrorInfo

from sync_pipeline.alerts import Alert, is_ours, tell
from sync_pipeline.jobs import SYNCHRONISATIONS, marts
from sync_pipeline.model.errors import SettingsInvalid
from sync_pipeline.settings.location import find_settings
from sync_pipeline.settings.secrets import AlertSecrets
from sync_pipeline.settings.sections import Alerts
from sync_pipeline.transport import redact, register_secret

logger = logging.getLogger(__name__)


#: Dagster's tag of a failed run that its daemon starts once more (dagster.yaml, run_retries).
_WILL_RETRY = "dagster/will_retry"
_JOBS = frozenset(job.name for job in (*SYNCHRONISATIONS, marts))


@dg.run_failure_sensor(
    name="run_failure_alert",
    # A run of the command line belongs to no code location, and Dagster would pass it over.
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of every run that failed, of the command line too: in the log, and by webhook and e-mail where "
    "the settings say so (`alerts:`). What Dagster tries once more is told when that failed too. The log says where a "
    "webhook or an e-mail failed; that stops nothing else.",
)
def run_failure_alert(context: dg.RunFailureSensorContext) -> None:
    """The run, the step and the error. The sensor runs in the daemon, so a killed run is told too."""
    run = context.dagster_run
    if run.job_name not in _JOBS:
        return
    # one that the daemon did not launch it cannot launch again, whatever the tag says
    if run.tags.get(_WILL_RETRY) == "true" and run.remote_job_origin is not None:
        context.log.info(f"{run.job_name} {run.run_id} failed and is tried once more.")
        return
    secrets = AlertSecrets.from_environment()
    for value in secrets.values():
        register_secret(value)
    alert = _alert(context)
    alerts = _alerts()
    if alerts.log:
        context.log.error(redact(f"{alert.title}: {alert.reason}"))
    if failed := tell(alert, alerts, secrets):
        context.log.error(f"Could not be told by {', '.join(failed)}; the log of this process says why.")


def _alert(context: dg.RunFailureSensorContext) -> Alert:
    """The error of the first step that failed, or of the run before its first step; else what Dagster says of it."""
    run = context.dagster_run
    for event in context.get_step_failure_events():
        if (error := event.step_failure_data.error) is not None:
            return _told(run, event.step_key or "", error)
    data = context.failure_event.event_specific_data  # none where the run was killed
    if isinstance(data, JobFailureData) and data.error is not None:
        return _told(run, "start", data.error)
    return Alert(run.job_name, run.run_id, "", "", context.failure_event.message or "")


def _told(run: dg.DagsterRun, step: str, error: SerializableErrorInfo) -> Alert:
    """By the error of ours in the chain, which says what to do; else by the innermost."""
    chain = [error]
    while (cause := chain[-1].cause) is not None:
        chain.append(cause)
    meant = next((each for each in chain if is_ours(each.cls_name or "")), chain[-1])
    name = meant.cls_name or ""
    # a traceback writes the class with its module before the words
    message = re.sub(rf"^([\w.]+\.)?{re.escape(name)}: ", "", meant.message.strip())
    return Alert(run.job_name, run.run_id, step, name, message.strip())


def _alerts() -> Alerts:
    try:
        return find_settings().alerts
    except SettingsInvalid as error:  # probably why the run failed: heard all the more
        logger.warning("the alert cannot read its settings: %s", redact(str(error)))
        return Alerts()
