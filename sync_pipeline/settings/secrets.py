"""Credentials, from the environment only. Neither their repr nor an error about them ever shows a value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sync_pipeline.model.errors import SettingsInvalid
from sync_pipeline.settings.file import Settings

PREFIX = "SYNC_PIPELINE_"

#: What each way to log in needs.
_NEEDED = {
    ("salesforce", "jwt"): ("salesforce_client_id", "salesforce_private_key", "salesforce_username"),
    ("salesforce", "client_credentials"): ("salesforce_client_id", "salesforce_client_secret"),
    ("salesforce", "password"): (
        "salesforce_client_id",
        "salesforce_client_secret",
        "salesforce_username",
        "salesforce_password",
    ),
    ("graph", "client_credentials"): ("graph_client_id", "graph_client_secret"),
    ("graph", "delegated"): ("graph_client_id",),
}


class SecretMissing(SettingsInvalid):
    """Environment variables that the settings' way to log in needs are not set; the message names them."""

    code = "secret_missing"

    def __init__(self, message: str) -> None:
        super().__init__(message, remedy="Set it in the environment of this process; it never stands in the settings.")


@dataclass(frozen=True, repr=False)
class Secrets:
    """The credentials that a run holds; empty is one that it does not need. `salesforce_private_key` is PEM text."""

    salesforce_client_id: str = ""
    salesforce_client_secret: str = ""
    salesforce_username: str = ""
    salesforce_password: str = ""
    salesforce_private_key: str = ""
    graph_client_id: str = ""
    graph_client_secret: str = ""

    @classmethod
    def sandbox(cls) -> Secrets:
        """The client ids and secrets that the sandbox knows."""
        return cls(
            salesforce_client_id="sandbox-consumer",
            salesforce_client_secret="sandbox-secret",
            graph_client_id="sandbox-app",
            graph_client_secret="sandbox-secret",
        )

    @classmethod
    def from_environment(cls, settings: Settings, environment: Mapping[str, str] = os.environ) -> Secrets:
        """The credentials for these settings. Raises SecretMissing naming every variable that is not set.

        A side whose `url` is a sandbox uses the sandbox's own where a variable is not set.
        """
        found = {field.name: environment.get(_variable(field.name), "") for field in fields(cls)}
        found["salesforce_private_key"] = _private_key(environment)
        needed = list(_NEEDED["salesforce", settings.salesforce.auth])
        needed += _NEEDED["graph", settings.graph.auth]
        for name in needed:
            side = settings.salesforce if name.startswith("salesforce") else settings.graph
            if not found[name] and side.url is not None:
                found[name] = getattr(cls.sandbox(), name) or _sandbox_only(name)
        if missing := tuple(_variable(name) for name in needed if not found[name]):
            ways = f"salesforce.auth: {settings.salesforce.auth} and graph.auth: {settings.graph.auth}"
            raise SecretMissing(f"Not set, but needed by {ways}: {', '.join(missing)}.")
        return cls(**found)

    def values(self) -> tuple[str, ...]:
        """What must be redacted from logs and errors. Ids and user names are no secrets."""
        return tuple(
            filter(
                None,
                (
                    self.salesforce_client_secret,
                    self.salesforce_password,
                    self.salesforce_private_key,
                    self.graph_client_secret,
                ),
            )
        )

    def __repr__(self) -> str:
        held = (field.name for field in fields(self) if getattr(self, field.name))
        return f"Secrets({', '.join(f'{name}=…' for name in held)})"


def needed_by(name: str) -> tuple[tuple[str, str], ...]:
    """The ways to log in, (side, auth), that need this credential, by its name in `Secrets`."""
    return tuple(way for way, names in _NEEDED.items() if name in names)


@dataclass(frozen=True, repr=False)
class AlertSecrets:
    """What alerts need besides the settings; empty: not set. Apart from `Secrets`, whose absence they tell of."""

    webhook_url: str = ""
    smtp_username: str = ""
    smtp_password: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> AlertSecrets:
        """The variables SYNC_PIPELINE_ALERT_…"""
        return cls(**{field.name: environment.get(_variable(f"alert_{field.name}"), "") for field in fields(cls)})

    def values(self) -> tuple[str, ...]:
        """What must be redacted from logs and errors."""
        return tuple(filter(None, (self.webhook_url, self.smtp_password)))

    def __repr__(self) -> str:
        return "AlertSecrets(…)"


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _private_key(environment: Mapping[str, str]) -> str:
    """The key's PEM text, from the variable itself or from the file that another names."""
    variable = _variable("salesforce_private_key")
    key, file = environment.get(variable, ""), environment.get(f"{variable}_FILE", "")
    if key and file:
        raise SecretMissing(f"{variable} and {variable}_FILE are both set: set only one.")
    if not file:
        return key.replace("\\n", "\n")  # one line is all that some environment files can hold
    try:
        return Path(file).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a PEM text file"
        raise SecretMissing(f"{variable}_FILE names {file}, which cannot be read: {reason}.") from None


def _sandbox_only(name: str) -> str:
    """Credentials for ways to log in to a sandbox that need more than a client id and secret."""
    if name != "salesforce_private_key":
        return "sandbox"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode()
