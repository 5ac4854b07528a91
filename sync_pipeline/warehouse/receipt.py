"""What became of one operation: the value that the push hands to the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sync_pipeline.model.operation import Operation


class Outcome(StrEnum):
    """How an operation ended. An intent without one is in doubt, and recovery looks at the service."""

    DONE = "done"
    REFUSED = "refused"  # the service said no: a problem
    STALE = "stale"  # the service holds another version than the one planned from: planned again next time
    SKIPPED = "skipped"  # what it depends on did not happen
    UNSENT = "unsent"  # nothing was done (a crash, a 429, a lock, no login): planned again next time


@dataclass(frozen=True)
class ReturnedValue:
    """A sent value as the service gave it back; `is_rewritten` where it differs beyond form (R12)."""

    field: str
    value: str
    is_rewritten: bool


@dataclass(frozen=True)
class Withheld:
    """A field that the service refused, so that it was left out and the contact's other fields travelled (R12)."""

    field: str
    code: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Overruled:
    """A value in the original of a moved contact that its copy, edited since as well, overrules (R6, R10)."""

    field: str
    value: str
    kept: str


@dataclass(frozen=True)
class Receipt:
    """One operation's end. Ids are those after the write; mirror rows are given where the service showed them.

    `item` is a row of outlook.contacts, `contact` one of salesforce.contacts. `deleted_item` now lies in Deleted Items;
    `forgotten_item` is personal or replaced and leaves the mirror. `written_stamp` is the SystemModstamp of our write.
    `was_put_back`: somebody wrote the former values again after it, so that both sides count as edited (R10).
    """

    run_id: str
    operation: Operation
    outcome: Outcome
    outlook_id: str = ""
    salesforce_id: str = ""
    item: Mapping[str, Any] | None = None
    contact: Mapping[str, Any] | None = None
    deleted_item: str = ""
    forgotten_item: str = ""
    moves_link: bool = False  # the link follows the item to `outlook_id`
    was_put_back: bool = False
    written_stamp: datetime | None = None
    withheld: tuple[Withheld, ...] = ()
    returned: tuple[ReturnedValue, ...] = ()
    overruled: tuple[Overruled, ...] = ()
    code: str = ""
    message: str = ""
    remedy: str = ""
    refused_field: str = ""  # the mapped field that the service names, where it names one
    result: Mapping[str, Any] = field(default_factory=dict)
