"""The settings file and the credentials: schema, defaults, validation. Nothing else reads either."""

from __future__ import annotations

from sync_pipeline.settings.file import Settings, load_settings
from sync_pipeline.settings.problems import SettingsError, SettingsProblem
from sync_pipeline.settings.secrets import SecretMissing, Secrets
from sync_pipeline.settings.sections import (
    GraphSettings,
    MailboxDefaults,
    MailboxSettings,
    SalesforceSettings,
)

__all__ = [
    "GraphSettings",
    "MailboxDefaults",
    "MailboxSettings",
    "SalesforceSettings",
    "SecretMissing",
    "Secrets",
    "Settings",
    "SettingsError",
    "SettingsProblem",
    "load_settings",
]
