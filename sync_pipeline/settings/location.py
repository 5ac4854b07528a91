"""Which settings this process uses: the named file, ./settings.yaml, or a sandbox that answers on its default ports."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sync_pipeline.model.errors import SettingsInvalid
from sync_pipeline.settings.file import Settings, load_settings

VARIABLE = "SYNC_PIPELINE_SETTINGS"
FILE = Path("settings.yaml")
SANDBOX_SALESFORCE_URL = "http://127.0.0.1:8101"
SANDBOX_GRAPH_URL = "http://127.0.0.1:8102"
SANDBOX_DATA_DIR = Path("data/sandbox")
_SECONDS = 5.0


def settings_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The settings file of the environment, else ./settings.yaml where there is one."""
    if named := environment.get(VARIABLE):
        return Path(named)
    return FILE if FILE.exists() else None


def find_settings(named: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the named file, the environment's, ./settings.yaml, or the running sandbox, in this order.

    Raises SettingsError where the file is wrong, SettingsInvalid where there are none.
    """
    file = named or settings_file(environment)
    if file is not None:
        return load_settings(file)
    people = sandbox_mailboxes()
    if people is None:
        raise SettingsInvalid(
            f"No settings: neither --settings nor {VARIABLE} names a file, there is no {FILE} here, and no sandbox "
            f"answers at {SANDBOX_SALESFORCE_URL}.",
            remedy="Copy settings.example.yaml and name it with --settings, or put it here as settings.yaml, or start "
            "`sync-pipeline sandbox` in another shell.",
            code="settings_missing",
        )
    if not people:
        raise SettingsInvalid(
            f"The sandbox at {SANDBOX_SALESFORCE_URL} has no mailbox with a Salesforce user.",
            remedy="Start it without --empty, or POST to /_sandbox/reset.",
            code="sandbox_empty",
        )
    return Settings.sandbox(SANDBOX_SALESFORCE_URL, SANDBOX_GRAPH_URL, SANDBOX_DATA_DIR.resolve(), people)


def sandbox_mailboxes(url: str = SANDBOX_SALESFORCE_URL) -> list[dict[str, Any]] | None:
    """The mailboxes of the sandbox that answers at `url`, each with its Salesforce user; None where none does."""
    # A proxy of the environment never leads to this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/_sandbox/mailboxes", timeout=_SECONDS) as response:
            people = json.load(response)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    if not isinstance(people, list):
        return None
    return [{"mailbox": person["mailbox"], "salesforce_user": person["salesforce_user"]} for person in people]
