"""What a plan is made of: sides, actions, and the value of one operation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Side(StrEnum):
    """Which service an operation writes to."""

    SALESFORCE = "salesforce"
    OUTLOOK = "outlook"


class Action(StrEnum):
    """What an operation does there. The first three are what people count; the rest are Outlook's own."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"  # copy a deleted item back into the folder (counts as create)
    MOVE = "move"  # copy into the folder, verify, delete the original (counts as update)
    FINISH_MOVE = "finish_move"  # the copy stands and is whole: delete the original (counts as update)
    UNDELETE = "undelete"  # R24: out of Salesforce's recycle bin (counts as create)
    RELEASE = "release"  # R15: category and stamp off in one write (counts as update)
    CREATE_FOLDER = "create_folder"
    CREATE_CATEGORY = "create_category"


#: Under which of the three public counts each action appears; set-up actions appear under none.
COUNTED_AS: dict[Action, Action] = {
    Action.CREATE: Action.CREATE,
    Action.RESTORE: Action.CREATE,
    Action.UNDELETE: Action.CREATE,
    Action.UPDATE: Action.UPDATE,
    Action.MOVE: Action.UPDATE,
    Action.FINISH_MOVE: Action.UPDATE,
    Action.RELEASE: Action.UPDATE,
    Action.DELETE: Action.DELETE,
}


@dataclass(frozen=True)
class FieldChange:
    """One field of an operation; values in the warehouse's form (text, '' is empty, None is unknown)."""

    field: str
    before: str | None
    after: str


@dataclass(frozen=True)
class Operation:
    """One planned write, as the executor receives it.

    `detail` carries what the fields do not say, by action:
      stamp            18-character Salesforce Id to stamp (Outlook create, update, restore, move); "" takes it off;
                       "created": that of the Contact which the operation in `depends_on` creates
      categorise       True to add the category
      problem          True to add the problem category, False to take it off (Outlook update, R25)
      display_name     display name to write (Outlook); absent: keep what the item shows
      account_id       AccountId to write (Salesforce create, update)
      owner_id         OwnerId (Salesforce create)
      extra            {Salesforce field: value} defaults and fixed values of R8 (Salesforce create)
      close            reason with which the receipt closes the link
      source_id        the item to copy from (restore, move, finish_move)
      copied           {"original_key", "properties"} of the original (in the intent of move, restore)
      match            {"emails": [...], "full_name"}: looked up again live just before a Salesforce create (R9)
    For people only: account_rule, account_candidates (Salesforce create, update that moves to an Account), suggestions,
    candidates (create), mailboxes (update).
    """

    operation_id: str
    mailbox: str
    side: Side
    action: Action
    link_id: str
    outlook_id: str
    salesforce_id: str
    fields: tuple[FieldChange, ...]
    rule: str
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)
    depends_on: str = ""
    planned_key: str = ""
    planned_stamp: datetime | None = None
    edited_at: datetime | None = None  # when the edit that it carries was made; None: it carries none
    left_out: frozenset[str] = frozenset()  # planned fields that the push took out: their bases stay as they were
