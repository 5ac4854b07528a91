"""Takes one mailbox out of the warehouse: its links are closed, its mirror goes, its history stays."""

from __future__ import annotations

from datetime import datetime

import duckdb

from sync_pipeline.warehouse.tables import staged, statement, transaction

RUN = "by_hand"


def remove_mailbox(connection: duckdb.DuckDBPyConnection, mailbox: str, now: datetime) -> int:
    """One transaction. `now` is UTC without a zone. Returns the number of links closed."""
    moment = {"run_id": RUN, "happened_at": now}
    with (
        transaction(connection),
        staged(connection, "leaving", [{"mailbox": mailbox}], {"mailbox": "VARCHAR"}),
        staged(connection, "moment", [moment], {"run_id": "VARCHAR", "happened_at": "TIMESTAMP"}),
    ):
        connection.execute(statement("remove_mailbox"))
        (closed,) = connection.execute("select count(*) from due_links").fetchone() or (0,)
        connection.execute(statement("apply_links"))
    return int(closed)
