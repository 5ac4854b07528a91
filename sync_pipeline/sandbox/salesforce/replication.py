"""getUpdated and getDeleted: which records changed or went between two times, to the minute, with latestDateCovered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sync_pipeline.sandbox.salesforce.catalogue import ObjectDef
from sync_pipeline.sandbox.salesforce.errors import SalesforceError
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.sandbox.salesforce.storage import stamp
from sync_pipeline.sandbox.state import Json

MOST_IDS: Final = 600_000
UPDATED_DAYS: Final = 30


def updated(org: Org, acting: Acting, target: ObjectDef, start: str, end: str) -> Json:
    """Ids of living records with SystemModstamp in [start, end), seconds dropped. Raises SalesforceError."""
    first, last = _period(org, target, start, end)
    if first < org.state.now() - timedelta(days=UPDATED_DAYS):
        raise _date_error(f"startDate cannot be more than {UPDATED_DAYS} days ago")
    clause, values = org.visible(acting, target, "t0") or ("1", [])
    rows = org.state.db.execute(
        f"SELECT t0.Id FROM {target.table} t0 WHERE t0.IsDeleted = 0 AND t0.SystemModstamp >= ?"
        f" AND t0.SystemModstamp < ? AND {clause} ORDER BY t0.SystemModstamp, t0.Id LIMIT {MOST_IDS + 1}",
        (stamp(first), stamp(last), *values),
    ).fetchall()
    if len(rows) > MOST_IDS:
        raise SalesforceError(400, "EXCEEDED_ID_LIMIT", f"cannot return more than {MOST_IDS} ids")
    return {"ids": [row["Id"] for row in rows], "latestDateCovered": _covered(org, last)}


def deleted(org: Org, target: ObjectDef, start: str, end: str) -> Json:
    """Ids deleted in [start, end), also those the recycle bin no longer holds. Raises SalesforceError."""
    first, last = _period(org, target, start, end)
    days = float(org.state.switches["salesforce_delete_log_days"])
    earliest = _minute(org.state.now() - timedelta(days=days))
    if first < earliest:
        raise _date_error(f"startDate is before the earliest date available: {stamp(earliest)}")
    rows = org.state.db.execute(
        "SELECT id, deleted_at FROM sf_deleted WHERE object = ? AND deleted_at >= ? AND deleted_at < ?"
        " ORDER BY deleted_at, id",
        (target.name, stamp(first), stamp(last)),
    ).fetchall()
    return {
        "deletedRecords": [{"id": row["id"], "deletedDate": row["deleted_at"]} for row in rows],
        "earliestDateAvailable": stamp(earliest),
        "latestDateCovered": _covered(org, last),
    }


def _period(org: Org, target: ObjectDef, start: str, end: str) -> tuple[datetime, datetime]:
    if not target.replicateable or "IsDeleted" not in target.fields:
        raise SalesforceError(400, "INVALID_TYPE_FOR_OPERATION", f"{target.name} is not replicateable")
    first, last = _minute(_date(start)), _minute(_date(end))
    if first >= last:
        raise _date_error("startDate must be earlier than endDate by more than one minute")
    return first, last


def _covered(org: Org, last: datetime) -> str:
    # A transaction that is still open holds it back: what it commits has earlier stamps.
    lag = timedelta(seconds=float(org.state.switches["salesforce_commit_lag_seconds"]))
    return stamp(min(last, _minute(org.state.now() - lag)))


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _date(text: str) -> datetime:
    try:
        # A plus that was not escaped in the address arrives as a blank.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is None:
            raise _date_error(f"a date needs a time zone: {text}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _date_error(f"not a date: {text}") from None


def _date_error(message: str) -> SalesforceError:
    return SalesforceError(400, "INVALID_REPLICATION_DATE", message)
