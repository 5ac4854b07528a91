"""What planning is told besides the warehouse's tables: the mailboxes with their settings, and the field table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from sync_pipeline.model.fields import Field


@dataclass(frozen=True)
class PlanMailbox:
    """One mailbox of the run. `salesforce_user_id` owns what is created for it; `reader` is `org` or the mailbox."""

    mailbox: str
    salesforce_user_id: str
    enabled: bool = True
    down_sync: bool = True
    view_kind: str = "mine"  # mine | all | list
    view_key: str = ""
    view_usable: bool = True  # a complete scan of this run stands in the mirror
    reader: str = "org"
    on_disable: str = "keep"
    suggestions: int = 3
    account_mode: str = "resolve"
    fixed_account_id: str = ""
    retry_empty: bool = False
    company_edits: str = "keep"
    match: tuple[str, ...] = ("email_and_name",)
    outlook_deletion: str = "restore"
    moved_out: str = "unlink"
    left_view: str = "remove"
    guard_count: int = 10
    guard_percent: float = 20.0
    guard_cap: int = 200
    guard_org: int = 500
    plan_above: int = 1000
    is_first_run: bool = False
    old_copy: bool = False
    changed: str = ""  # what changed since the last run (settings, view, credential): its deletions are held
    problem_category: bool = False


@dataclass(frozen=True)
class MailboxField:
    """One field of one mailbox: direction after describe, conflict policy, and what Salesforce accepts."""

    mailbox: str
    field: str
    position: int
    kind: str
    direction: str
    policy: str
    length: int
    salesforce: str
    createable: bool
    updateable: bool
    nillable: bool
    picklist: tuple[str, ...] = ()


@dataclass(frozen=True)
class CreateRule:
    """R8: one Salesforce field of a mailbox's creations; kind is `default`, `fixed` or `required`."""

    mailbox: str
    salesforce_field: str
    kind: str
    value: str = ""


@dataclass(frozen=True)
class UndoRequest:
    """R24: what of these runs is taken back: all, or only the part of a mailbox, of contacts (ids of either side), of a
    field. No runs: nothing is asked."""

    runs: tuple[str, ...] = ()
    mailbox: str = ""
    contacts: tuple[str, ...] = ()
    field: str = ""


@dataclass(frozen=True)
class PlanContext:
    """The run's constants. `now` is the servers' UTC time, given from outside."""

    run_id: str
    now: datetime
    org_id: str
    fields: tuple[Field, ...]
    mailboxes: tuple[PlanMailbox, ...]
    mailbox_fields: tuple[MailboxField, ...]
    create_rules: tuple[CreateRule, ...] = ()
    instance_url: str = ""
    approve_first_run: bool = False
    suggestions: int = 3
    undo: UndoRequest = UndoRequest()
    full: bool = False  # every link is compared, not only what was touched
    unread: tuple[str, ...] = ()  # the enabled mailboxes of the settings that this run does not plan for


_TYPES = {"str": "varchar", "bool": "boolean", "int": "integer", "float": "double", "tuple[str, ...]": "varchar[]"}
_ARROW = {
    "varchar": pa.string(), "boolean": pa.bool_(), "integer": pa.int32(), "double": pa.float64(),
    "varchar[]": pa.list_(pa.string()),
}  # fmt: skip


def load_context(connection: duckdb.DuckDBPyConnection, context: PlanContext) -> None:
    """Write the context as the tables planning.mailboxes, mailbox_fields, create_rules and unread_mailboxes."""
    tables: dict[str, tuple[type, Sequence[object]]] = {
        "mailboxes": (PlanMailbox, context.mailboxes),
        "mailbox_fields": (MailboxField, context.mailbox_fields),
        "create_rules": (CreateRule, context.create_rules),
    }
    for table, (shape, rows) in tables.items():
        columns = {name: _TYPES[str(kind)] for name, kind in shape.__annotations__.items()}
        connection.execute(
            f"create or replace table planning.{table} ({', '.join(f'{n} {t}' for n, t in columns.items())})"
        )
        if rows:
            values = {name: [_plain(getattr(row, name)) for row in rows] for name in columns}
            arrays = {name: pa.array(values[name], type=_ARROW[kind]) for name, kind in columns.items()}
            connection.register("incoming", pa.table(arrays))
            connection.execute(f"insert into planning.{table} by name select * from incoming")
            connection.unregister("incoming")
    connection.execute(
        "create or replace table planning.unread_mailboxes as select unnest(?::varchar[]) as mailbox",
        [list(context.unread)],
    )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
