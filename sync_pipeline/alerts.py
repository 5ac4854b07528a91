"""Tells people of a run that failed: in the log, to a webhook, by e-mail. A channel that fails never stops the others.

What is told never holds contact data: an error's own words are used only where they are ours."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import urlsplit

import requests

from sync_pipeline.model import errors
from sync_pipeline.settings.secrets import AlertSecrets
from sync_pipeline.settings.sections import Alerts, Email
from sync_pipeline.transport import redact
from sync_pipeline.warehouse.lock import RunInProgress

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Their messages are sentences of ours about settings, files, sides and mailboxes. What a service said of a contact, or
#: a library of a value, is an error of another class.
_OURS = (
    errors.SettingsInvalid, errors.WarehouseUnusable, errors.SideUnavailable, errors.MailboxStopped, RunInProgress,
)  # fmt: skip


class _CannotTell(Exception):
    """The channel cannot be used as it is set up; the message says what to do."""


@dataclass(frozen=True)
class Alert:
    """A run that failed: its job, its id in Dagster and in the warehouse, the step, the error's class and words.

    `step` is `start` where no step began, and "" where nobody knows. Without an error, as of a run that was killed, the
    words are Dagster's own, of the run.
    """

    job: str
    run_id: str
    step: str
    error: str
    message: str

    @property
    def title(self) -> str:
        return f"{self.job} {self.run_id} failed" + (f" at {self.step}" if self.step else "")

    @property
    def reason(self) -> str:
        """What may leave this machine: the class of any error, and the words of our own."""
        if not self.error:
            return self.message or "no reason given"
        return f"{self.error}: {self.message}" if is_ours(self.error) else self.error

    @property
    def advice(self) -> str:
        return f"Look at the run in Dagster's UI; `sync-pipeline history --run {self.run_id}` shows what it wrote."


def is_ours(name: str) -> bool:
    """Whether the error class of this name is one whose words are ours, and may be told."""
    return name in _names(_OURS)


def tell(alert: Alert, alerts: Alerts, secrets: AlertSecrets) -> list[str]:
    """Tells each channel that the settings name. Returns those that it could not tell; the log says why.

    Never raises: what is told of a failure must not be one.
    """
    if alerts.log:
        logger.error(redact(f"{alert.title}: {alert.error + ': ' if alert.error else ''}{alert.message}"))
    channels: dict[str, Callable[[], None]] = {}
    if alerts.webhook:
        channels["webhook"] = lambda: _post(alert, secrets)
    if alerts.email is not None:
        mail = alerts.email
        channels["email"] = lambda: _send(alert, mail, secrets)
    failed = []
    for name, channel in channels.items():
        try:
            channel()
        except (_CannotTell, OSError, smtplib.SMTPException, requests.RequestException, ValueError) as error:
            failed.append(name)
            # not the error's own words: they name the webhook's address, which is a secret
            said = str(error) if isinstance(error, _CannotTell) else type(error).__name__
            logger.error(redact(f"the alert by {name} could not be sent: {said}"))
    return failed


def webhook_obstacle(secrets: AlertSecrets) -> str:
    """Why the webhook cannot be posted to as it is set up; "" where it can. Nobody is asked."""
    if not secrets.webhook_url:
        return "SYNC_PIPELINE_ALERT_WEBHOOK_URL is not set in the environment"
    address = urlsplit(secrets.webhook_url)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in _LOOPBACK):
        return "SYNC_PIPELINE_ALERT_WEBHOOK_URL must begin with https://"
    return ""


def email_obstacle(mail: Email, secrets: AlertSecrets) -> str:
    """Why no e-mail can be sent as it is set up; "" where it can. Nobody is asked."""
    if secrets.smtp_password and not mail.starttls and mail.host not in _LOOPBACK:
        return "a password is sent over TLS only: set alerts.email.starttls: true"
    return ""


def _post(alert: Alert, secrets: AlertSecrets) -> None:
    if obstacle := webhook_obstacle(secrets):
        raise _CannotTell(f"{obstacle}; Dagster's daemon takes it from its own environment")
    body = {
        # `text` is what Slack, Teams and Mattermost show
        "text": redact(f"{alert.title}: {alert.reason}\n{alert.advice}"),
        "event": "run_failed", "job": alert.job, "run_id": alert.run_id, "step": alert.step, "error": alert.error,
    }  # fmt: skip
    answer = requests.post(secrets.webhook_url, json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    if not answer.ok or answer.is_redirect:
        raise _CannotTell(f"the webhook answered {answer.status_code}")


def _send(alert: Alert, mail: Email, secrets: AlertSecrets) -> None:
    if obstacle := email_obstacle(mail, secrets):
        raise _CannotTell(obstacle)
    message = EmailMessage()
    message["Subject"] = redact(f"[sync-pipeline] {alert.title}")
    message["From"], message["To"] = mail.sender, ", ".join(mail.to)
    message.set_content(redact(f"{alert.title}.\n\n{alert.reason}\n\n{alert.advice}\n"))
    with smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_SECONDS) as server:
        if mail.starttls:
            server.starttls(context=ssl.create_default_context())
        if secrets.smtp_password:
            server.login(secrets.smtp_username, secrets.smtp_password)
        server.send_message(message)


def _names(classes: tuple[type[Exception], ...]) -> set[str]:
    """The names of these classes and of all below them."""
    return {each.__name__ for each in classes} | {
        name for each in classes if (below := tuple(each.__subclasses__())) for name in _names(below)
    }
