"""What the verbs print for people: counts, plans, lists of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

MOST_OPERATIONS = 100
_WIDTH_OF_A_TABLE = 140
_LONG = 48
_NONE = "·"
_STYLES = {"held": "yellow", "problem": "red", "dropped": "dim", "stopped": "red"}


def show_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """Per mailbox what was written (or would be) on each side, and below it what a person has to look at."""
    plan_only = summary.get("plan_only", False)
    title = "Would be written" if plan_only else "Written"
    table = Table("mailbox", "status", title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("Outlook", "Salesforce", "conflicts", "holds", "problems"):
        table.add_column(name, justify="right")
    for row in summary["mailboxes"]:
        written = [_written(row[side]) for side in ("outlook", "salesforce")]
        counts = [str(row[name] or _NONE) for name in ("conflicts", "holds", "problems")]
        table.add_row(row["mailbox"], row["status"], *written, *counts, style=_STYLES.get(row["status"]))
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
        console.print("The plan is empty: nothing is to be written.")
        return
    rows = [
        {
            "operation": operation["id"],
            "mailbox": operation["mailbox"],
            "contact": operation["name"],
            "side": operation["side"],
            "action": operation["action"],
            "state": operation["state"],
            "rule": operation["rule"],
            "why": _why(operation),
            "fields": changes(operation["fields"]),
        }
        for operation in operations[:MOST_OPERATIONS]
    ]
    show_rows(console, f"Plan: {len(operations)} operations", rows)
    if len(operations) > MOST_OPERATIONS:
        console.print(f"… and {len(operations) - MOST_OPERATIONS} more; --json shows all.")


def _why(operation: Mapping[str, Any]) -> str:
    """The reason, and why it waits where the reason does not say so already."""
    reason, hold = str(operation["reason"]), operation.get("hold_reason") or ""
    return reason if hold in reason else f"{reason}\n{hold}"


def changes(fields: Iterable[Mapping[str, Any]], most: int = 6) -> str:
    """Fields with before and after, one a line."""
    lines = [f"{field['field']}: {_value(field['before'])} → {_value(field['after'])}" for field in fields]
    return "\n".join(lines[:most] + ([f"… {len(lines) - most} more"] if len(lines) > most else []))


def show_rows(console: Console, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows that have the same keys: a table where there is room, else a paragraph each; nothing where there is none."""
    if not rows:
        return
    if console.width < _WIDTH_OF_A_TABLE:
        console.print(f"\n{title}", style="italic", markup=False)
        for row in rows:
            _paragraph(console, [_cell(value) for value in row.values()], _STYLES.get(row.get("state", "")))
        return
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(rows[0]):
        table.add_column(name, no_wrap=number == 0, overflow="fold")  # the first one is what people copy
    for row in rows:
        style = _STYLES.get(row.get("state", ""))
        table.add_row(*(escape(_cell(value)) for value in row.values()), style=style)
    console.print(table)


def _paragraph(console: Console, cells: Sequence[str], style: str | None) -> None:
    """The short cells in a line, the long ones indented below it."""
    long = [cell for cell in cells if "\n" in cell or len(cell) > _LONG]
    console.print(
        "  ".join(cell for cell in cells if cell and cell not in long), style=style, markup=False, highlight=False
    )
    for cell in long:
        console.print(Padding(Text(cell), (0, 0, 0, 4)))


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


def _written(counts: Mapping[str, int]) -> str:
    """+2 ~1 -3: created, changed, removed."""
    signs = {"create": "+", "update": "~", "delete": "-"}
    return " ".join(f"{sign}{counts[action]}" for action, sign in signs.items() if counts[action]) or _NONE
