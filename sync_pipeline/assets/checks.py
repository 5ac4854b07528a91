"""Asset checks: each reads the warehouse after the step it judges; what they count is plotted in Dagster's UI."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg

from sync_pipeline.assets.drift import drift_sql
from sync_pipeline.assets.history import sync_history
from sync_pipeline.assets.plan import sync_plan
from sync_pipeline.assets.step import first_rows
from sync_pipeline.assets.step import query as _query
from sync_pipeline.engine import Session
from sync_pipeline.ticks import allowed_lag
from sync_pipeline.warehouse.tables import fetch

Rows = list[dict[str, Any]]


@dg.asset_check(asset=sync_plan)
def delete_guard(session: dg.ResourceParam[Session]) -> dg.AssetCheckResult:
    """Fails while the delete guard holds operations (R20). They stay held in the plan itself until a person decides."""
    rows = _query(session, "delete_guard", run_id=session.run_id)
    held = [row for row in rows if row["held"]]
    counts = {"planned": sum(row["planned"] for row in rows), "held": sum(row["held"] for row in rows)}
    text = "Look at them with `sync-pipeline plan`, then `sync-pipeline approve` or `drop` them."
    return _result(held, counts, text, severity=dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=sync_plan, blocking=True)
def plan_is_consistent(session: dg.ResourceParam[Session]) -> dg.AssetCheckResult:
    """No contact is written twice, every operation has a rule and a reason. A fault stops the push: it is a defect."""
    rows = _query(session, "plan_is_consistent", run_id=session.run_id)
    return _result(rows, {"faults": len(rows)}, "Nothing is pushed. Please report this with the table.")


@dg.asset_check(asset=sync_plan)
def required_fields(session: dg.ResourceParam[Session]) -> dg.AssetCheckResult:
    """Fails while contacts lack what Salesforce requires (R8); `sync-pipeline problems` names them."""
    rows = _query(session, "required_fields")
    counts = {"contacts": sum(row["contacts"] for row in rows)}
    text = "`sync-pipeline problems` says what is missing in which contact."
    return _result(rows, counts, text, severity=dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=sync_history)
def no_duplicate_links(session: dg.ResourceParam[Session]) -> dg.AssetCheckResult:
    """In one mailbox no Outlook contact and no Contact is linked twice."""
    rows = _query(session, "no_duplicate_links")
    return _result(rows, {"duplicates": len(rows)}, "`sync-pipeline unlink` closes one of two links.")


@dg.asset_check(asset=sync_history)
def nothing_drifted(session: dg.ResourceParam[Session]) -> dg.AssetCheckResult:
    """No value is unchanged on both sides and yet different."""
    with session.warehouse() as connection:
        rows = fetch(connection, drift_sql(session.fields, session.settings))
    table = [{"mailbox": row["mailbox"], "link_id": row["link_id"], "field": row["field"]} for row in rows]
    return _result(
        table, {"drifted": len(rows)}, "`sync-pipeline verify` lists them, `sync-pipeline run --full` compares all."
    )


@dg.asset_check(asset=sync_history)
def mailboxes_synchronised(session: dg.ResourceParam[Session]) -> dg.AssetCheckResult:
    """Every mailbox of the installation could be synchronised when it was last tried."""
    rows = _query(session, "mailboxes_synchronised")
    return _result(rows, {"stopped": len(rows)}, "The others go on; each row says what to do.")


@dg.asset_check(asset=sync_history)
def sla(session: dg.ResourceParam[Session]) -> dg.AssetCheckResult:
    """A contact that was edited is on the other side within two ticks of the schedule.

    By the mart lag_daily of today and yesterday (UTC), by the edits that this run planned and did not bring over, and
    by the mailboxes that nobody read for longer. An edit that waits for a person or for a problem's solution is not
    measured.
    """
    cron = session.settings.schedule
    allowed = allowed_lag(cron).total_seconds()
    now = session.clock.now()
    rows = _query(session, "sla", since=now.date() - timedelta(days=1))
    mailboxes = sorted(session.enabled_in_settings)
    waiting = _query(
        session, "sla_open", run_id=session.run_id, now=now.replace(tzinfo=None), allowed=allowed, mailboxes=mailboxes
    )
    together = [row for row in rows if row["mailbox"] == "*"]
    late = [row for row in rows if row["mailbox"] != "*" and (row["slowest_seconds"] or 0) > allowed]
    unread = [row for row in waiting if row["waiting"] == "not read"]
    overdue = sum(row["edits"] for row in waiting)
    edits, waited = (sum(row[name] for row in together) for name in ("edits", "waited"))
    slowest = max((row["slowest_seconds"] for row in together if row["slowest_seconds"] is not None), default=0.0)
    told = [
        f"Since yesterday {edits} edits arrived, the slowest after {_minutes(slowest)}.",
        f"Two ticks of `{cron}` are allowed, {_minutes(allowed)}.",
        f"{waited} waited for a decision or a problem and are not measured.",
    ]
    if overdue:
        oldest = max(row["waiting_seconds"] for row in waiting if row["edits"])
        told.append(f"{overdue} edits are still on their way, the oldest for {_minutes(oldest)}.")
    if unread:
        told.append(
            f"{len(unread)} mailboxes were not read for longer than that, so that nobody knows their edits: see the "
            "check `mailboxes_synchronised`, and whether the runs took them."
        )
    if late or overdue:
        told.append("Look at the runs of that time: did they fail, or end with their time budget?")
    return dg.AssetCheckResult(
        passed=not (late or waiting),
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(told),
        metadata={
            "edits": edits,
            "waited": waited,
            "slowest_seconds": slowest,
            "allowed_seconds": allowed,
            "late": len(late),
            "overdue": overdue,
            "unread": len(unread),
            "attention": first_rows([*waiting, *late]),
        },
    )


CHECKS = [
    delete_guard,
    plan_is_consistent,
    required_fields,
    no_duplicate_links,
    nothing_drifted,
    mailboxes_synchronised,
    sla,
]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _result(
    rows: Rows, counts: dict[str, int], text: str, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
) -> dg.AssetCheckResult:
    """Passed where there is no row; else the first rows as a table, and `text` says what to do."""
    return dg.AssetCheckResult(
        passed=not rows,
        severity=severity,
        description=text if rows else None,
        metadata={**counts, "attention": first_rows(rows)},
    )
