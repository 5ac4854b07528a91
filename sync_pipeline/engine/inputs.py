"""What planning is told: each mailbox's settings in force, its fields after the org's describe, and what changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_pipeline.model.fields import Direction, Field
from sync_pipeline.planning.context import CreateRule, MailboxField, PlanMailbox
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.rows import lookup
from sync_pipeline.settings import MailboxSettings, Settings

#: Settings whose change can make deletions follow (R20).
_DELETING = (
    "enabled",
    "down_sync",
    "view",
    "on_disable",
    "outlook_deletion",
    "moved_out",
    "left_view",
    "salesforce_user",
)
#: Contact fields that a creation supplies by other means than the mapping, or that Salesforce fills in.
_SUPPLIED = ("OwnerId", "Id")


@dataclass(frozen=True)
class View:
    """A mailbox's view in this run: `key` names its members in the mirror, `definition` is its fingerprint."""

    kind: str  # mine | all | list
    key: str = ""
    definition: str = ""
    is_usable: bool = True


def plan_mailbox(
    settings: MailboxSettings,
    view: View,
    *,
    salesforce_user_id: str,
    reader: str,
    is_first_run: bool,
    is_old_copy: bool,
    changed: str,
) -> PlanMailbox:
    """The row of planning.mailboxes for one mailbox."""
    return PlanMailbox(
        mailbox=settings.mailbox,
        salesforce_user_id=salesforce_user_id,
        enabled=settings.enabled,
        down_sync=settings.down_sync,
        view_kind=view.kind,
        view_key=view.key,
        view_usable=view.is_usable,
        reader=reader,
        on_disable=settings.on_disable,
        suggestions=settings.account.suggestions,
        account_mode=settings.account.mode,
        fixed_account_id=settings.account.fixed_id or "",
        retry_empty=settings.account.retry_empty,
        company_edits=settings.account.company_edits,
        match=settings.match,
        outlook_deletion=settings.outlook_deletion,
        moved_out=settings.moved_out,
        left_view=settings.left_view,
        guard_count=settings.max_deletes.count,
        guard_percent=settings.max_deletes.percent,
        guard_cap=settings.max_deletes.cap,
        guard_org=settings.max_deletes.org,
        plan_above=settings.first_run.plan_above,
        is_first_run=is_first_run,
        old_copy=is_old_copy,
        changed=changed,
        problem_category=settings.problem_category,
    )


def mailboxes_of(settings: Settings, org: Org) -> dict[str, MailboxSettings]:
    """The listed mailboxes and those that the rule finds, by address (R1). Raises SideUnavailable, Refused."""
    known = {mailbox.mailbox: mailbox for mailbox in settings.mailboxes.listed}
    if discover := settings.mailboxes.discover:
        where = f"IsActive = true AND ({discover.where})"
        for page in org.query(f"SELECT Username, {discover.mailbox_field} FROM User WHERE {where} ORDER BY Id"):
            for row in page:
                if address := (row.get(discover.mailbox_field) or "").strip().lower():
                    # A listed mailbox may leave its user to the rule.
                    known[address] = settings.mailbox_settings(address, row["Username"])
    return known


def usable_fields(fields: Iterable[Field], describe: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    """The mapped fields that the org has; a parent path needs the lookup that it goes through."""
    names = {row["name"] for row in describe}
    return tuple(field for field in fields if lookup(field.salesforce) in names)


def missing_fields(fields: Iterable[Field], describe: Sequence[Mapping[str, Any]]) -> list[str]:
    """The Salesforce fields of the mapping that the org does not have or does not show."""
    names = {row["name"] for row in describe}
    return [field.salesforce for field in fields if lookup(field.salesforce) not in names]


def mailbox_fields(
    settings: MailboxSettings, fields: Sequence[Field], describe: Sequence[Mapping[str, Any]]
) -> list[MailboxField]:
    """The rows of planning.mailbox_fields: what the org does not let us write is left out."""
    own = {field.name: field for field in settings.fields}
    described = {row["name"]: row for row in describe}
    policies = settings.conflicts.fields
    rows = []
    for position, shared in enumerate(fields):
        field = own.get(shared.name)
        if field is None:
            continue
        entry = described.get(field.salesforce, {})
        is_writable = bool(entry.get("updateable")) and not field.is_parent_path
        if field.direction is not Direction.FROM_SALESFORCE and not is_writable:
            continue
        rows.append(
            MailboxField(
                mailbox=settings.mailbox,
                field=field.name,
                position=position,
                kind=field.kind.value,
                direction=field.direction.value,
                policy=policies.get(field.name, settings.conflicts.default),
                length=int(entry.get("length") or 0) or field.length,
                salesforce=field.salesforce,
                createable=bool(entry.get("createable")) and not field.is_parent_path,
                updateable=is_writable,
                nillable=bool(entry.get("nillable", True)),
                picklist=tuple(entry.get("picklist") or ()) if entry.get("restricted") else (),
            )
        )
    return rows


def create_rules(settings: MailboxSettings, describe: Sequence[Mapping[str, Any]]) -> list[CreateRule]:
    """R8: defaults, fixed values and required fields of a mailbox's creations; required ones come from describe too."""
    rows = [
        CreateRule(settings.mailbox, name, "default", _text(value)) for name, value in settings.create.defaults.items()
    ]
    rows += [CreateRule(settings.mailbox, name, "fixed", _text(value)) for name, value in settings.create.fixed.items()]
    required = {
        row["name"]
        for row in describe
        if row["createable"] and not row["nillable"] and not row["defaulted"] and row["type"] != "boolean"
    }
    required |= set(settings.create.required)
    rows += [CreateRule(settings.mailbox, name, "required") for name in sorted(required - set(_SUPPLIED))]
    return rows


def settings_fingerprint(settings: MailboxSettings) -> str:
    """Changes when a setting changes that can make deletions follow."""
    values = {name: getattr(settings, name) for name in _DELETING}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def fields_fingerprint(fields: Iterable[Field], side: str) -> str:
    """Changes when a side (salesforce, outlook) is read with other fields, or a field stands for another one there."""
    values = sorted((field.name, str(getattr(field, side))) for field in fields)
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def changed_kinds(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Which fingerprints differ, in words; "" where none does or none was known."""
    words = {"settings": "a setting", "view": "the view's definition", "credential": "the credential"}
    return ", ".join(words[kind] for kind in words if kind in old and old[kind] != new.get(kind))


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
