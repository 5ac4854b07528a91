"""What the verbs print for people: counts, plans, lists of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

MOST_OPERATIONS = 100
_ACTIONS = ("create", "update", "delete")
_STYLES = {"held": "yellow", "problem": "red", "dropped": "dim", "stopped": "red"}


def show_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """Per mailbox what was written (or would be) on each side, and below it what a person has to look at."""
    plan_only = summary.get("plan_only", False)
    table = Table(title="Would be written" if plan_only else "Written", title_justify="left")
    table.add_column("mailbox", overflow="fold")
    table.add_column("status")
    for side in ("Outlook", "Salesforce"):
        table.add_column(f"{side}\n+ new", justify="right")
        table.add_column("\n~ changed", justify="right")
        table.add_column("\n- removed", justify="right")
    for name in ("conflicts", "holds", "problems"):
        table.add_column(name, justify="right")
    for row in summary["mailboxes"]:
        counts = [row[side][action] for side in ("outlook", "salesforce") for action in _ACTIONS]
        counts += [row[name] for name in ("conflicts", "holds", "problems")]
        style = _STYLES.get(row["status"])
        table.add_row(row["mailbox"], row["status"], *(_number(count) for count in counts), style=style)
    console.print(table)
    for row in summary["mailboxes"]:
        if row["status"] != "ok":
            reason = f"{row.get('message', '')} {row.get('remedy', '')}".strip()
            console.print(f"[red]{escape(row['mailbox'])}[/] was not synchronised: {escape(reason)}", highlight=False)
    if any(row["holds"] for row in summary["mailboxes"]):
        console.print("Some operations wait for you: `sync-pipeline problems` lists them.", highlight=False)
    elif any(row["problems"] for row in summary["mailboxes"]):
        console.print("`sync-pipeline problems` says what to do about the problems.", highlight=False)
    counted = f"{summary['planned']} planned" + ("" if plan_only else f", {summary['pushed']} written")
    failed = f", {summary['failed']} refused" if summary["failed"] else ""
    console.print(f"Run {summary['run_id']}: {counted}{failed}.", highlight=False)


def show_plan(console: Console, document: Mapping[str, Any]) -> None:
    """Every operation with its fields, its rule and its reason, in the order of pushing."""
    operations = document["operations"]
    if not operations:
        console.print("The plan is empty: both sides agree.")
        return
    table = Table("operation", "mailbox", "side", "action", "fields", "rule", "reason", "state", title_justify="left")
    table.title = f"Plan: {len(operations)} operations"
    for operation in operations[:MOST_OPERATIONS]:
        why = operation["reason"] + (f"\n{operation['hold_reason']}" if operation.get("hold_reason") else "")
        state = operation["state"]
        cells = (operation["id"], operation["mailbox"], operation["side"], operation["action"])
        row = (*cells, changes(operation["fields"]), operation["rule"], why, state)
        table.add_row(*(escape(cell or "") for cell in row), style=_STYLES.get(state))
    console.print(table)
    if len(operations) > MOST_OPERATIONS:
        console.print(f"… and {len(operations) - MOST_OPERATIONS} more; --json shows all.")


def changes(fields: Iterable[Mapping[str, Any]], most: int = 6) -> str:
    """Fields with before and after, one a line."""
    lines = [f"{field['field']}: {_value(field['before'])} → {_value(field['after'])}" for field in fields]
    return "\n".join(lines[:most] + ([f"… {len(lines) - most} more"] if len(lines) > most else []))


def show_rows(console: Console, title: str, rows: Sequence[Mapping[str, Any]], style: str | None = None) -> None:
    """A table of rows that have the same keys; nothing where there is none."""
    if not rows:
        return
    table = Table(*rows[0], title=title, title_justify="left", style=style or "")
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list):
        return ", ".join(str(entry) for entry in value)
    return "" if value is None else str(value)


def _value(value: str | None) -> str:
    if not value:
        return "(empty)"
    text = " ".join(value.split())
    return f"{text[:40]}…" if len(text) > 40 else text


def _number(count: int) -> str:
    return str(count) if count else "·"
