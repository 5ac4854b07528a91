"""What `doctor` says of the alerts: whether each channel of the settings can be used. Nobody is told anything."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator

from sync_pipeline.alerts import email_obstacle, webhook_obstacle
from sync_pipeline.commands.finding import Finding
from sync_pipeline.commands.invocation import DONE, WITH_PROBLEMS
from sync_pipeline.settings import Settings
from sync_pipeline.settings.secrets import AlertSecrets
from sync_pipeline.settings.sections import Email

#: Somebody waits for the answer.
_SECONDS = 5.0
_DAEMON = "Alerts are sent by Dagster's daemon: set it in its environment too"


def alerts(settings: Settings) -> Iterator[Finding]:
    """A line for each channel; the log needs nothing."""
    secrets, told = AlertSecrets.from_environment(), settings.alerts
    if told.webhook:
        if obstacle := webhook_obstacle(secrets):
            yield Finding("alerts", WITH_PROBLEMS, f"alerts.webhook: {obstacle}", f"{_DAEMON}, or set it to false.")
        else:
            yield Finding("alerts", DONE, "by webhook; its address is set here, and is not asked")
    if told.email is not None:
        yield _email(told.email, secrets)
    if not told.webhook and told.email is None:
        said = "in the log only" if told.log else "nobody is told of a run that failed"
        yield Finding("alerts", DONE, said)


def _email(mail: Email, secrets: AlertSecrets) -> Finding:
    """Asks the server whether it is there, and whether it speaks TLS where that is wanted; nothing is sent."""
    server = f"alerts.email: {mail.host} port {mail.port}"
    if obstacle := email_obstacle(mail, secrets):
        return Finding("alerts", WITH_PROBLEMS, f"alerts.email: {obstacle}", "Or take SYNC_PIPELINE_ALERT_SMTP_… away.")
    try:
        with smtplib.SMTP(mail.host, mail.port, timeout=_SECONDS) as opened:
            opened.ehlo()
            has_tls = opened.has_extn("starttls")
    except (OSError, smtplib.SMTPException) as error:
        said = f"{server} does not answer as a mail server: {type(error).__name__}"
        return Finding("alerts", WITH_PROBLEMS, said, "Correct host and port, or let this machine reach it.")
    if mail.starttls and not has_tls:
        remedy = "Take the port that offers it (often 587), or set starttls: false for a server on this machine."
        return Finding("alerts", WITH_PROBLEMS, f"{server} does not offer STARTTLS", remedy)
    return Finding("alerts", DONE, f"by e-mail to {', '.join(mail.to)}; {mail.host} port {mail.port} answers")
