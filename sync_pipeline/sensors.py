"""Who hears of a run that failed: the log, a webhook, people by e-mail, as the settings say."""

from __future__ import annotations

import logging

import dagster as dg

from sync_pipeline.alerts import Alert, tell
from sync_pipeline.jobs import SYNCHRONISATIONS, marts
from sync_pipeline.model.errors import SettingsInvalid
from sync_pipeline.settings.location import find_settings
from sync_pipeline.settings.secrets import AlertSecrets
from sync_pipeline.settings.sections import Alerts
from sync_pipeline.transport import redact, register_secret

logger = logging.getLogger(__name__)


@dg.run_failure_sensor(
    name="run_failure_alert",
    monitored_jobs=[*SYNCHRONISATIONS, marts],
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of every run that failed: in the log, and by webhook and e-mail where the settings say so "
    "(`alerts:`). The log says where a webhook or an e-mail failed; that stops nothing else.",
)
def run_failure_alert(context: dg.RunFailureSensorContext) -> None:
    """The run, the step and the error. The sensor runs in the daemon, so a killed run is told too."""
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
    """The innermost error of the first step that failed, else what Dagster says of the run."""
    run = context.dagster_run
    steps = context.get_step_failure_events()
    name, message = "", context.failure_event.message or "no reason given"
    for event in steps:
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            name = error.cls_name or ""
            message = error.message.strip().removeprefix(f"{name}: ")
            break
    return Alert(run.job_name, run.run_id, (steps[0].step_key if steps else "") or "", name, message.strip())


def _alerts() -> Alerts:
    try:
        return find_settings().alerts
    except SettingsInvalid as error:  # probably why the run failed: heard all the more
        logger.warning("the alert cannot read its settings: %s", redact(str(error)))
        return Alerts()
