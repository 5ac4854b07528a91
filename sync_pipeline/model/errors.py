"""Errors, named by what the operator does about them.

SyncError
├── SettingsInvalid      mend the settings file or the environment
├── WarehouseUnusable    locked, foreign or damaged warehouse file
├── SideUnavailable      Salesforce or Graph cannot be used at all now (credentials, limits, outage)
├── MailboxStopped       one mailbox cannot be synchronised now; the others go on
├── ViewError            a list view cannot be used; its mailboxes stop (salesforce.views)
├── RunInProgress        another run works on this warehouse: wait for it (warehouse.lock)
├── Refused              the service said no to one call; nothing was done (transport)
└── OutcomeUnknown       the answer to a write was lost; the next run looks (transport)
"""

from __future__ import annotations


class SyncError(Exception):
    """What was asked, what came back, what to do. `code` is stable."""

    code = "sync_error"

    def __init__(self, message: str, *, remedy: str = "", code: str | None = None) -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy
        self.code = code or self.code


class SettingsInvalid(SyncError):
    """The settings or the secrets cannot be used. Exit code 2."""

    code = "settings_invalid"


class WarehouseUnusable(SyncError):
    """The warehouse is locked by another process, belongs to another org, or cannot be opened. Exit code 3."""

    code = "warehouse_unusable"


class SideUnavailable(SyncError):
    """A whole side cannot be reached: wrong credentials, daily limit, outage. Exit code 3."""

    code = "side_unavailable"

    def __init__(self, side: str, message: str, *, remedy: str = "", code: str | None = None) -> None:
        super().__init__(message, remedy=remedy, code=code)
        self.side = side


class MailboxStopped(SyncError):
    """One mailbox cannot be synchronised in this run; nothing is read as a deletion because of it."""

    code = "mailbox_stopped"

    def __init__(self, mailbox: str, message: str, *, remedy: str = "", code: str | None = None) -> None:
        super().__init__(message, remedy=remedy, code=code)
        self.mailbox = mailbox
