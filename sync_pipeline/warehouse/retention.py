"""Drops history that is older than the settings keep it, from the warehouse and from the exported days."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path

import duckdb

from sync_pipeline.warehouse.exported_days import drop_days
from sync_pipeline.warehouse.past import KEPT_FROM, stand
from sync_pipeline.warehouse.tables import scalar, staged, statement, transaction, upsert


def drop_history(connection: duckdb.DuckDBPyConnection, exports: Path, *, days: int, now: datetime) -> datetime:
    """Keeps the last `days` days before that of `now` (UTC); once a day. Returns the beginning of what is kept.

    What was still in force then stays, with the events that it is known from: how things stood at any moment since is
    known. Runs, counts of requests and what waits stay too.
    """
    horizon = datetime.combine((now - timedelta(days=days)).date(), time.min)
    if scalar(connection, "select value from sync.cursors where scope = 'history' and name = ?", [KEPT_FROM]) == str(
        horizon
    ):
        return horizon
    drop_days(exports, horizon.date())  # first: what is left after a crash is dropped again
    with (
        transaction(connection),
        staged(connection, "horizon", [{"day": horizon}], {"day": "TIMESTAMP"}),
    ):
        before = horizon - timedelta(microseconds=1)
        stand(connection, before)
        connection.execute("delete from standing where state <> 'linked'")
        connection.execute(f"create or replace temp table in_force as {statement('values_as_of')}", {"moment": before})
        connection.execute(statement("drop_history"))
        row = {"scope": "history", "name": KEPT_FROM, "value": str(horizon), "saved_at": now}
        upsert(connection, "sync.cursors", ("scope", "name"), [row])
    return horizon
