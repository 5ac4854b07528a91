"""A fault: the server stores a contact's values otherwise than they were sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync_pipeline.sandbox.faults import injected
from sync_pipeline.sandbox.graph import faults, properties
from sync_pipeline.sandbox.state import Json


def rewritten(body: Json, stored: Mapping[str, Any]) -> Json:
    """A POST's or PATCH's body as the server takes it. `stored`: the contact's properties so far, {} for a new one.

    Raises GraphError for a body that is refused anyway."""
    if trimming := injected(faults.TRIMMED):
        body, trimming.used = _judged(body, _trimmed(body))
    if reordering := injected(faults.EMAILS_REORDERED):
        emails = body.get("emailAddresses")
        turned = {**body, "emailAddresses": emails[::-1]} if isinstance(emails, list) else body
        body, reordering.used = _judged(body, turned)
    if renaming := injected(faults.NAME_REWRITTEN):
        values = properties.check(body)
        shown = {**stored, **values}
        made = properties.display_name({name: value for name, value in shown.items() if value})
        renaming.used = bool(made) and made != shown.get("displayName")
        body = {**body, "displayName": made} if renaming.used else body
    return body


def _judged(before: Json, after: Json) -> tuple[Json, bool]:
    return after, after != before


def _trimmed(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return [_trimmed(each) for each in value]
    if isinstance(value, dict):
        return {name: each if name == properties.EXTENDED else _trimmed(each) for name, each in value.items()}
    return value
