"""The Graph port's part of the control plane: what persons and administrators do to mailboxes besides the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sync_pipeline.sandbox.graph.delta import DeltaTracking
from sync_pipeline.sandbox.graph.errors import GraphError
from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.runtime import ControlAction
from sync_pipeline.sandbox.state import State

Body = Mapping[str, Any]
ADMINISTRATOR = "user:administrator"


def control_actions(mailboxes: Mailboxes, tracking: DeltaTracking) -> dict[str, ControlAction]:
    """Name below /_sandbox/ -> action. A wrong wish is a ValueError or LookupError that says what was asked."""

    def action(*names: str) -> Callable[[Callable[..., Any]], ControlAction]:
        def decorate(run: Callable[..., Any]) -> ControlAction:
            def checked(state: State, body: Body) -> Any:
                missing = [name for name in names if not isinstance(body.get(name), str)]
                if missing:
                    raise ValueError(f"give the texts {', '.join(names)}; missing: {', '.join(missing)}")
                if unknown := sorted(set(body) - set(names)):
                    raise ValueError(f"unknown key {unknown[0]!r}; known: {', '.join(names) or 'none'}")
                try:
                    return run(*(body[name] for name in names))
                except GraphError as error:
                    raise LookupError(f"{error.code}: {error.message} (asked for {dict(body)})") from error

            return checked

        return decorate

    @action("mailbox", "contact", "folder")
    def move(mailbox: str, contact: str, folder: str) -> dict[str, str]:
        """A user's drag and drop."""
        user = mailboxes.user(mailbox)
        folder_id = mailboxes.folder_by_any_name(user.id, folder)["id"]
        row = mailboxes.move_contact(user.id, contact, folder_id, actor=f"user:{user.address}")
        return {"id": row["default_id"], "immutable_id": row["immutable_id"], "folder": row["folder"]}

    @action("mailbox", "contact", "folder")
    def copy(mailbox: str, contact: str, folder: str) -> dict[str, str]:
        """A user's copy and paste."""
        user = mailboxes.user(mailbox)
        folder_id = mailboxes.folder_by_any_name(user.id, folder)["id"]
        made = mailboxes.copy_contact(user.id, contact, folder_id, actor=f"user:{user.address}")
        row = mailboxes.contact(user.id, made["id"])
        return {"id": row["default_id"], "immutable_id": row["immutable_id"], "folder": row["folder"]}

    @action("mailbox", "address")
    def rename(mailbox: str, address: str) -> dict[str, str]:
        """An administrator gives a mailbox another address."""
        if mailboxes.is_taken(address):
            raise ValueError(f"there is a mailbox {address} already")
        return {
            key: str(value)
            for key, value in mailboxes.rename_mailbox(mailbox, address, actor=ADMINISTRATOR).wire().items()
        }

    @action("mailbox")
    def remove_mailbox(mailbox: str) -> dict[str, str]:
        """An administrator deletes an account."""
        mailboxes.remove_mailbox(mailbox, actor=ADMINISTRATOR)
        return {"removed": mailbox}

    @action("mailbox", "name")
    def mailbox(mailbox: str, name: str) -> dict[str, str]:
        """An administrator makes an account with an empty mailbox."""
        if mailboxes.is_taken(mailbox):
            raise ValueError(f"there is a mailbox {mailbox} already")
        return {"id": mailboxes.create_mailbox(mailbox, name, actor=ADMINISTRATOR)}

    @action()
    def expire_delta() -> dict[str, int]:
        """Every delta link and nextLink given so far is answered with 410."""
        return {"expired": tracking.expire()}

    return {
        "graph/move": move,
        "graph/copy": copy,
        "graph/rename": rename,
        "graph/mailbox": mailbox,
        "graph/remove_mailbox": remove_mailbox,
        "graph/expire_delta": expire_delta,
    }
