"""Where an item lies, in the words of the plan: our folder, another contact folder, or thrown away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.push.records import Records


class Folders:
    """A mailbox's folders as the mirror knows them; a folder that it does not know is asked for once."""

    def __init__(self, mailbox: Mailbox, records: Records) -> None:
        self._mailbox = mailbox
        address = mailbox.address
        rows = records.rows("select id, role from outlook.folders where mailbox = ?", [address])
        state = records.rows("select folder_id, folder_state from outlook.mailboxes where mailbox = ?", [address])
        self._roles: dict[str, str] = {row["id"]: row["role"] for row in rows}
        self._is_asked = False
        self.ours: str = next((row["folder_id"] or "" for row in state if row["folder_state"] == "present"), "")

    def made(self, folder_id: str) -> None:
        """Our folder was created in this run."""
        self.ours = folder_id
        self._roles[folder_id] = "ours"

    def is_thrown_away(self, item: Mapping[str, Any] | None) -> bool:
        """Whether the item is gone, or lies in Deleted Items or below. Raises MailboxStopped."""
        if item is None:
            return True
        folder_id = item["parentFolderId"]
        if folder_id not in self._roles and not self._is_asked:
            self._is_asked = True
            self._roles = {folder.id: folder.role for folder in self._mailbox.contact_folders()} | self._roles
        return self._roles.get(folder_id, "deleted") == "deleted"
