"""The documents that a run ends with: `run --json`, `plan --json`, and the exit code that follows from them."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import Any

import duckdb

from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.model.operation import COUNTED_AS, Action
from sync_pipeline.settings import Settings
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.reader import Reader, Row


def summary(settings: Settings, run_id: str, connection: duckdb.DuckDBPyConnection | None = None) -> dict[str, Any]:
    """{"run_id", "mailboxes": [{"mailbox", "status", "outlook", "salesforce", "conflicts", "holds", "problems"}],
    "planned", "pushed", "failed"}: what the run pushed, or would push where it only planned."""
    with _opened(settings, connection) as opened:
        run = opened.execute("select mailboxes, plan_only from sync.runs where run_id = ?", [run_id]).fetchone()
        addresses, plan_only = run if run else ([], False)
        operations = opened.execute(
            "select plan.mailbox, plan.side, plan.action, plan.state, journal.outcome from sync.plan as plan "
            "left join (select run_id, operation_id, any_value(outcome) as outcome from sync.journal group by all) "
            "as journal "
            "on journal.run_id = plan.run_id and journal.operation_id = plan.operation_id where plan.run_id = ?",
            [run_id],
        ).fetchall()
        conflicts = _counts(opened, "planning.conflicts" if plan_only else "sync.conflicts where is_open")
        holds = _counts(opened, "sync.holds")
        problems = _counts(opened, "sync.problems")
        states = opened.execute("select mailbox, status, code, message, remedy from outlook.mailboxes").fetchall()
    stopped = {mailbox: rest for mailbox, status, *rest in states if status == "stopped"}
    counts: dict[str, dict[str, Counter[str]]] = {
        address: {"outlook": Counter(), "salesforce": Counter()} for address in addresses or []
    }
    planned = pushed = failed = 0
    for mailbox, side, action, state, outcome in operations:
        counted = COUNTED_AS.get(Action(action))
        planned += state == "ready"
        pushed += outcome == "done"
        failed += outcome == "refused"
        if counted and (outcome == "done" or (plan_only and state == "ready")):
            counts.setdefault(mailbox, {"outlook": Counter(), "salesforce": Counter()})[side][counted] += 1
    mailboxes = []
    for address, sides in sorted(counts.items()):
        code, message, remedy = stopped.get(address, ("", "", ""))
        row: dict[str, Any] = {"mailbox": address, "status": "stopped" if address in stopped else "ok"}
        row |= {side: {name: sides[side][name] for name in ("create", "update", "delete")} for side in sides}
        row |= {"conflicts": conflicts[address], "holds": holds[address], "problems": problems[address]}
        if address in stopped:
            row |= {"code": code, "message": message, "remedy": remedy}
        mailboxes.append(row)
    return {
        "run_id": run_id, "plan_only": bool(plan_only), "mailboxes": mailboxes,
        "planned": planned, "pushed": pushed, "failed": failed,
    }  # fmt: skip


def exit_code(document: dict[str, Any]) -> int:
    """0 done; 1 done, with problems or holds; 3 a mailbox could not be synchronised."""
    mailboxes = document["mailboxes"]
    if any(mailbox["status"] != "ok" for mailbox in mailboxes):
        return 3
    return 1 if document["failed"] or any(mailbox["holds"] or mailbox["problems"] for mailbox in mailboxes) else 0


def plan_document(settings: Settings, run_id: str | None = None) -> dict[str, Any]:
    """{"run_id", "operations": [{"id", "mailbox", "side", "action", "fields", "rule", "reason", "state", …}]}, by
    default of the newest run. "The plan is empty" means that none is `ready`."""
    with _opened(settings, None) as opened:
        if run_id is None:
            newest = opened.execute(
                "select run_id from sync.runs order by number desc, started_at desc limit 1"
            ).fetchone()
            run_id = newest[0] if newest else ""
        rows = Reader(opened).plan(run_id)
    return {"run_id": run_id, "operations": [_operation(row) for row in rows]}


def _operation(row: Row) -> dict[str, Any]:
    names = (
        "mailbox",
        "name",
        "side",
        "action",
        "rule",
        "reason",
        "state",
        "hold_reason",
        "outlook_id",
        "salesforce_id",
    )
    fields, detail = json.loads(row["fields"] or "[]"), json.loads(row["detail"] or "{}")
    document = {"id": row["operation_id"], "fields": fields, "detail": detail, "hold": row["hold_kind"]}
    return document | {name: row[name] for name in names} | {"name": row["name"] or detail.get("display_name") or ""}


def _counts(connection: duckdb.DuckDBPyConnection, relation: str) -> Counter[str]:
    rows = connection.execute(f"select mailbox, count(*) from {relation} group by mailbox").fetchall()
    return Counter(dict(rows))


@contextlib.contextmanager
def _opened(settings: Settings, connection: duckdb.DuckDBPyConnection | None) -> Any:
    if connection is not None:
        yield connection
        return
    with open_warehouse(warehouse_path(settings)) as opened:
        yield opened
